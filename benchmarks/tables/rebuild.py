"""How long the index takes to make anew, how much memory that needs, and what packs save on a cold disk."""

from collections.abc import Callable, Mapping
from typing import Final

from benchmarks.declare import Case, Goal, Table, Unit
from benchmarks.model import Role, Size
from benchmarks.tables.growth import COUNTS, LARGEST, QUICK, at, drawn

_UNIT: Final = Unit(label="s per 100,000 runs", scale=1e5)


def _runs(count: int) -> dict[str, str]:
    return {"quick": f"drawn:{count}", "full": f"drawn:{count}"}


def _rebuild(count: int, how: str = "warm") -> str:
    return f"index rebuild, {count:,} runs, {how}"


def _fold(count: int) -> str:
    return f"fold alone, {count:,} runs"


def _decode(count: int) -> str:
    return f"msgspec decode_lines alone, {count:,} runs"


def _loads(count: int) -> str:
    return f"json.loads, {count:,} runs, a tenth of them"


_ALONE: Final[tuple[tuple[Callable[[int], str], str, Role], ...]] = (
    (_fold, "fold:ours_per_run", "ours"),
    (_decode, "fold:decode_per_run", "reference"),
    (_loads, "fold:json_loads_per_run", "reference"),
)

_REBUILD = Table(
    name="rebuild",
    title="Make the index anew",
    about=(
        "`runlore index rebuild` on the registries of `ps-growth`, against what others make of the same "
        "bytes. Cold: the page cache was dropped first (`names forgotten` 1: with names and inodes, 0: "
        "contents only). Full size alone: more than 10,000 runs."
    ),
    unit=_UNIT,
    base=_decode(QUICK),
    rounds={"quick": 3, "full": 4},
    corpora={"quick": drawn(QUICK), "full": drawn(*COUNTS[1:])},
    across="runs",
    cases=(
        *(
            Case(
                name=_rebuild(count, how),
                code="rebuild:index",
                role="ours",
                arguments={**_runs(count), **more},
                line=f"index rebuild, {how}",
                at=count,
                sizes=at(count),
                every=4 if count == LARGEST else 1,
            )
            for count in COUNTS[1:]
            for how, more in {
                "warm": {},
                "cold": {"cold": 1},
                "warm, one process": {"jobs": 1},
                "warm, two processes": {"jobs": 2},
            }.items()
        ),
        *(
            Case(
                name=name(count),
                code=code,
                role=role,
                arguments=_runs(count),
                line=name(count).partition(",")[0],
                at=count,
                sizes=at(count),
                every=4 if count == LARGEST else 1,
            )
            for count in COUNTS[1:]
            for name, code, role in _ALONE
        ),
        *(
            Case(
                name=f"{name}, {count:,} runs",
                code=f"fold_peers:{name.partition(' ')[0].lower()}_per_run",
                role="peer",
                interpreter="peers",
                needs=(name.partition(" ")[0].lower(),),
                arguments={**_runs(count), "threads": 2},
                line=name,
                at=count,
                sizes=at(count),
                every=4 if count == LARGEST else 1,
            )
            for count in COUNTS[1:]
            for name in ("DuckDB read_json", "polars scan_ndjson")
        ),
    ),
    goals=(
        Goal(
            text="100,000 runs, warm",
            case=_rebuild(100_000),
            at_most=4,
            unit="s per 100,000 runs",
            per=1e5,
        ),
        *(
            Goal(
                text=f"fold of {count:,} runs: as fast as decode_lines alone",
                case=_fold(count),
                against=_decode(count),
                at_least=0.8,
                clock="cpu",
                remark="a file for each 9 to 40 events; `fold` has files of 1,000",
            )
            for count in COUNTS[1:]
        ),
        *(
            Goal(
                text=f"{count:,} runs, warm: two processes as fast as one",
                case=_rebuild(count, "warm, two processes"),
                against=_rebuild(count, "warm, one process"),
                at_least=1.4,
            )
            for count in COUNTS[1:]
        ),
    ),
)

_MOST: Final = f"index rebuild, {LARGEST:,} runs"
_LONGEST: Final = "verify, 10,000,000 events"
_LONG: Final[Mapping[int, tuple[Size, ...]]] = {200_000: ("quick", "full"), 10_000_000: ("full",)}
_ASKED: Final = {
    "verify": "verify latest",
    "show": "show latest",
    "show --at the middle": "show latest --at {middle}",
    "ls": "ls",
    "events -n 10": "events -n 10 latest",
}
"""What is asked about one long run."""

_PEAK = Table(
    name="peak-memory",
    title="Memory while rebuilding, and of very long runs",
    about=(
        "The peak of resident memory of a whole command, the interpreter included, and how long it took. "
        "Of a long run the first round, which does not count, takes the snapshots. Full size alone: more "
        "than 10,000 runs, and the journal of ten million events."
    ),
    unit=Unit(label="MiB"),
    base=f"index rebuild, {QUICK:,} runs",
    rounds={"quick": 2, "full": 2},
    corpora={
        "quick": (*drawn(QUICK), "events:200000"),
        "full": (*drawn(*COUNTS[1:]), *(f"events:{count}" for count in _LONG)),
    },
    across="runs, or thousands of events",
    cases=(
        *(
            Case(
                name=f"index rebuild, {count:,} runs",
                code="rebuild:peak",
                role="ours",
                arguments={**_runs(count), "argv": "index rebuild"},
                line="index rebuild",
                at=count,
                sizes=at(count),
            )
            for count in COUNTS[1:]
        ),
        *(
            Case(
                name=f"{asked}, {count:,} events",
                code="rebuild:peak",
                role="ours",
                arguments={
                    "quick": f"events:{count}",
                    "full": f"events:{count}",
                    "argv": argv.format(middle=count // 2),
                },
                line=f"{asked}, one run",
                at=count / 1000,
                sizes=sizes,
            )
            for count, sizes in _LONG.items()
            for asked, argv in _ASKED.items()
        ),
    ),
    goals=(
        Goal(text="rebuild of a million runs", case=_MOST, at_most=300, unit="MiB"),
        Goal(text="verify of ten million events", case=_LONGEST, at_most=150, unit="MiB"),
    ),
)

_WAYS: Final[tuple[tuple[str, str, Role], ...]] = (
    ("read", "rebuild:read", "reference"),
    ("fold", "rebuild:fold", "ours"),
    ("index rebuild from", "rebuild:index", "ours"),
)
_FILES: Final = {"quick": "drawn:10000", "full": "drawn:100000"}
_PACKS: Final = {"quick": "packed:10000", "full": "packed:100000"}
_COLD: Final = {"cold": 1}
_WARMED: Final = {"warmed": 1}

_PACKED = Table(
    name="packs-cold",
    title="Packs against files",
    about=(
        "The same 100,000 runs (quick: 10,000), each with a file of its own, and in packs. Cold: the page "
        "cache was dropped before each round (`names forgotten` 1: with names and inodes, 0: contents only). "
        "Warm: every byte was read just before."
    ),
    unit=_UNIT,
    base="read the files, cold",
    rounds={"quick": 3, "full": 5},
    corpora={"quick": (_FILES["quick"], _PACKS["quick"]), "full": (_FILES["full"], _PACKS["full"])},
    cases=tuple(
        Case(
            name=f"{what} {kind}, {'cold' if state is _COLD else 'warm'}",
            code=code,
            role=role,
            arguments={**corpus, **state},
        )
        for what, code, role in _WAYS
        for state in (_COLD, _WARMED)
        for kind, corpus in (("the files", _FILES), ("the packs", _PACKS))
    ),
    goals=(
        Goal(
            text="fold of packs, cold: as fast as of files",
            case="fold the packs, cold",
            against="fold the files, cold",
            at_least=8,
        ),
        Goal(
            text="rebuild from packs, cold: as fast as from files",
            case="index rebuild from the packs, cold",
            against="index rebuild from the files, cold",
            at_least=8,
        ),
    ),
)

TABLES = (_REBUILD, _PEAK, _PACKED)
