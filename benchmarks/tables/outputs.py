"""What collecting and checking outputs costs beside copying and hashing the same files."""

from dataclasses import dataclass

from benchmarks.declare import Case, Goal, Table, Unit

_CP = "cp -r, sha256sum, sync of each copy"
_FAST = "cp -r, sha256sum"
_OURS = "runlore: collect"
_VERIFY = "runlore: artifacts verify"
_SUMS = "sha256sum -c"


@dataclass(frozen=True, kw_only=True)
class _Files:
    """The outputs of one table."""

    size: str
    """As the cases know it."""
    how_many: str
    of: str
    unit: Unit


_SMALL = _Files(
    size="small",
    how_many="many",
    of="4 KiB each: 500 at quick size, 10,000 at full",
    unit=Unit(label="µs per file", scale=1e6),
)
_LARGE = _Files(
    size="large",
    how_many="a few",
    of="64 MiB each: 4 at quick size, 32 at full",
    unit=Unit(label="ms per file", scale=1e3),
)


def _collect(files: _Files) -> Table:
    return Table(
        name=f"collect-{files.size}",
        title=f"Collect {files.how_many} {files.size} outputs",
        about=(
            f"Files of {files.of}. Each is copied and hashed, its bytes are durable before an event "
            "names it, and each event is durable before the next one. Its peer copies, hashes the copies, "
            "and makes them durable; without the last it has promised nothing."
        ),
        unit=files.unit,
        base=_CP,
        rounds={"quick": 5, "full": 7},
        cases=(
            Case(name=_OURS, code="outputs:ours", role="ours", arguments={"files": files.size}),
            Case(
                name=_CP,
                code="outputs:copied",
                role="reference",
                arguments={"files": files.size, "synced": 1},
            ),
            Case(name=_FAST, code="outputs:copied", role="reference", arguments={"files": files.size}),
        ),
        goals=(
            Goal(
                text=f"collect {files.size} outputs as fast as copying durably",
                case=_OURS,
                against=_CP,
                at_least=0.7,
                remark="an event that is durable before the next one is one sync more for each file",
            ),
        ),
    )


def _verify(files: _Files) -> Table:
    return Table(
        name=f"verify-outputs-{files.size}",
        title=f"Check {files.how_many} {files.size} stored outputs",
        about=(
            f"Files of {files.of}, warm in the page cache: each is opened without following a link and "
            "read whole; journal and manifest are compared as well."
        ),
        unit=files.unit,
        base=_SUMS,
        rounds={"quick": 5, "full": 9},
        cases=(
            Case(name=_VERIFY, code="outputs:checked", role="ours", arguments={"files": files.size}),
            Case(name=_SUMS, code="outputs:summed", role="reference", arguments={"files": files.size}),
        ),
        goals=(
            Goal(
                text=f"check {files.size} outputs as fast as sha256sum",
                case=_VERIFY,
                against=_SUMS,
                at_least=0.7,
            ),
        ),
    )


TABLES = (_collect(_SMALL), _collect(_LARGE), _verify(_SMALL), _verify(_LARGE))
