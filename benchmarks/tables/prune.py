"""What removing runs costs beside removing files."""

from benchmarks.declare import Case, Table, Unit

_RUNS = {"quick": "drawn:1000", "full": "drawn:10000"}
_RM = "rm -rf of the folders"

TABLES = (
    Table(
        name="prune",
        title="Remove the outputs of old runs",
        about=(
            "1,000 runs at quick size, 10,000 at full, each with six files. A dry run judges each by its "
            "journal, its locks and its files. Applying it looks at each again under its lock, records the "
            "decision durably, and moves the folder; with `--now` it deletes the files and records a "
            "receipt as well."
        ),
        unit=Unit(label="µs per run", scale=1e6),
        base=_RM,
        rounds={"quick": 3, "full": 3},
        corpora={"quick": (_RUNS["quick"],), "full": (_RUNS["full"],)},
        cases=(
            Case(name="runlore prune", code="prune:plan", role="ours", arguments=_RUNS),
            Case(
                name="runlore prune --apply",
                code="prune:apply",
                role="ours",
                arguments={**_RUNS, "how": "--apply"},
            ),
            Case(
                name="runlore prune --apply --now",
                code="prune:apply",
                role="ours",
                arguments={**_RUNS, "how": "--apply --now"},
            ),
            Case(name="du -s of the folders", code="prune:look", role="reference", arguments=_RUNS),
            Case(name=_RM, code="prune:remove", role="reference", arguments=_RUNS),
        ),
        goals=(),
    ),
)
