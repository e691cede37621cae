"""What collecting and checking outputs costs beside copying and hashing the same files."""

from benchmarks.declare import Case, Goal, Table, Unit

_CP = "cp -r, sha256sum, sync of each copy"
_FAST = "cp -r, sha256sum"
_OURS = "runlore: collect"
_VERIFY = "runlore: artifacts verify"
_SUMS = "sha256sum -c"
_SIZES = {
    "small": "4 KiB each: 500 at quick size, 10,000 at full",
    "large": "64 MiB each: 4 at quick size, 32 at full",
}


def _collect(files: str) -> Table:
    return Table(
        name=f"collect-{files}",
        title=f"Collect {'many small' if files == 'small' else 'a few large'} outputs",
        about=(
            f"Files of {_SIZES[files]}. Each is copied and hashed, its bytes are durable before an event "
            "names it, and each event is durable before the next one. Its peer copies, hashes the copies, "
            "and makes them durable; without the last it has promised nothing."
        ),
        unit=Unit(label="µs per file", scale=1e6)
        if files == "small"
        else Unit(label="ms per file", scale=1e3),
        base=_CP,
        rounds={"quick": 5, "full": 7},
        cases=(
            Case(name=_OURS, code="outputs:ours", role="ours", arguments={"files": files}),
            Case(
                name=_CP,
                code="outputs:copied",
                role="reference",
                arguments={"files": files, "synced": 1},
            ),
            Case(name=_FAST, code="outputs:copied", role="reference", arguments={"files": files}),
        ),
        goals=(
            Goal(
                text=f"collect {'small' if files == 'small' else 'large'} outputs as fast as copying durably",
                case=_OURS,
                against=_CP,
                at_least=0.7,
                remark="an event that is durable before the next one is one sync more for each file",
            ),
        ),
    )


def _verify(files: str) -> Table:
    return Table(
        name=f"verify-outputs-{files}",
        title=f"Check {'many small' if files == 'small' else 'a few large'} stored outputs",
        about=(
            f"Files of {_SIZES[files]}, warm in the page cache: each is opened without following a link and "
            "read whole; journal and manifest are compared as well."
        ),
        unit=Unit(label="µs per file", scale=1e6)
        if files == "small"
        else Unit(label="ms per file", scale=1e3),
        base=_SUMS,
        rounds={"quick": 5, "full": 9},
        cases=(
            Case(name=_VERIFY, code="outputs:checked", role="ours", arguments={"files": files}),
            Case(name=_SUMS, code="outputs:summed", role="reference", arguments={"files": files}),
        ),
        goals=(
            Goal(
                text=f"check {'small' if files == 'small' else 'large'} outputs as fast as sha256sum",
                case=_VERIFY,
                against=_SUMS,
                at_least=0.7,
            ),
        ),
    )


TABLES = (_collect("small"), _collect("large"), _verify("small"), _verify("large"))
