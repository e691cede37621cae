"""What listing costs while a registry grows to a million runs: `ps`, and filters."""

import json
from typing import Final

from benchmarks.declare import Case, Goal, Table, Unit
from benchmarks.model import Size

_BARE: Final = "python -I -c pass"
COUNTS: Final = (1_000, 10_000, 100_000, 1_000_000)
LARGEST: Final = COUNTS[-1]
QUICK: Final = 10_000
_FILTERS: Final[dict[str, dict[str, object]]] = {
    "status": {"status": ["failed"]},
    "name": {"name": "nightly"},
    "a tag of a fifth of the runs": {"tags": ["team=search"]},
    "a tag of one run": {"tags": ["ticket=OPS-777"]},
    "time and status": {"since": "2026-01-02", "until": "2026-01-03", "status": ["failed"]},
    "an expression": {"where": "duration_s > 60 and exit_code = 1 and name ~ 'night'"},
}
_LS: Final = ["--status", "failed", "--name", "nightly"]


def drawn(*counts: int) -> tuple[str, ...]:
    """Return the names of the corpora of so many runs."""
    return tuple(f"drawn:{count}" for count in counts)


def at(count: int, *, quick: int = QUICK) -> tuple[Size, ...]:
    """Return when so many runs are measured: always, or only for the record."""
    return ("quick", "full") if count <= quick else ("full",)


def _ps(count: int) -> str:
    return f"runlore ps, {count:,} runs"


_PS = Table(
    name="ps-growth",
    title="Listing runs, from a thousand to a million",
    about=(
        "`runlore ps` with its default view on registries of finished runs, 9 to 40 events each, drawn from "
        "a recorded seed; the index is up to date. guild and MLflow show their newest 20. Full size alone: "
        "100,000 runs and more."
    ),
    unit=Unit(label="ms", scale=1e3),
    base=_BARE,
    rounds={"quick": 7, "full": 15},
    corpora={"quick": drawn(*COUNTS[:2]), "full": drawn(*COUNTS)},
    across="runs",
    cases=(
        Case(name=_BARE, code="start:python", role="reference", arguments={"code": "pass", "isolated": 1}),
        *(
            Case(
                name=_ps(count),
                code="start:ours_on",
                role="ours",
                arguments={"argv": "ps", "corpus": f"drawn:{count}"},
                line="runlore ps",
                at=count,
                sizes=at(count),
            )
            for count in COUNTS
        ),
        Case(
            name="tsp, listing 1,000 jobs",
            code="start:task_spooler",
            role="peer",
            needs=("task-spooler",),
            arguments={"jobs": 1000},
            line="tsp",
            at=1000,
        ),
        *(
            Case(
                name=f"guild runs, {count:,} runs",
                code="listing_peers:guild",
                role="peer",
                interpreter="peers",
                needs=("guild",),
                arguments={"runs": count},
                every=4,
                line="guild runs",
                at=count,
                sizes=at(count, quick=1_000),
            )
            for count in COUNTS[:2]
        ),
        *(
            Case(
                name=f"MLflow search_runs, {count:,} runs",
                code="listing_peers:mlflow",
                role="peer",
                interpreter="peers",
                needs=("mlflow",),
                arguments={"runs": count},
                every=7,
                line="MLflow search_runs",
                at=count,
                sizes=at(count, quick=1_000),
            )
            for count in COUNTS[:2]
        ),
    ),
    goals=(
        *(
            Goal(
                text=f"{count:,} runs: time of {_BARE}",
                case=_ps(count),
                against=_BARE,
                slower=True,
                at_most=1.5,
            )
            for count in COUNTS
        ),
        Goal(
            text="10,000 runs: as fast as guild",
            case=_ps(10_000),
            against="guild runs, 10,000 runs",
            at_least=30,
        ),
    ),
)


def _queries(what: str, count: int) -> str:
    return f"{what}, {count:,} runs"


_FILTERED = Table(
    name="filters",
    title="Filters",
    about=(
        "How many runs match, by status, and the newest 20 of them, on the registries of `ps-growth`. In the "
        "index: the queries alone, in a process that has it open. Full size alone: more than 10,000 runs."
    ),
    unit=Unit(label="ms", scale=1e3),
    base=_BARE,
    rounds={"quick": 5, "full": 9},
    corpora={"quick": drawn(QUICK), "full": drawn(*COUNTS[1:])},
    across="runs",
    cases=(
        Case(name=_BARE, code="start:python", role="reference", arguments={"code": "pass", "isolated": 1}),
        *(
            Case(
                name=_queries(what, count),
                code="filters:queries",
                role="ours",
                arguments={"asked": json.dumps(asked), "corpus": f"drawn:{count}"},
                line=what,
                at=count,
                sizes=at(count),
            )
            for count in COUNTS[1:]
            for what, asked in _FILTERS.items()
        ),
        *(
            Case(
                name=_queries("registry.page() by status", count),
                code="filters:page",
                role="ours",
                arguments={"asked": json.dumps(_FILTERS["status"]), "corpus": f"drawn:{count}"},
                sizes=at(count),
            )
            for count in COUNTS[1:]
        ),
        *(
            Case(
                name=_queries(f"runlore ls {' '.join(_LS)}", count),
                code="filters:ls",
                role="ours",
                arguments={"argv": json.dumps(_LS), "corpus": f"drawn:{count}"},
                sizes=at(count),
            )
            for count in COUNTS[1:]
        ),
    ),
    goals=tuple(
        Goal(
            text=f"in the index, a million runs: {what}",
            case=_queries(what, LARGEST),
            at_most=50,
            unit="ms",
            per=1e3,
        )
        for what in _FILTERS
    ),
)

TABLES = (_PS, _FILTERED)
