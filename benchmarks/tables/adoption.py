"""How long a run is without a keeper when its keeper is killed."""

from benchmarks.declare import Case, Table, Unit

_LOOP = "sh loop: the next process runs"

TABLES = (
    Table(
        name="adoption",
        title="From a keeper's death to the next one",
        about=(
            "SIGKILL to the keeper of a run that goes on; the clock stops when `owner.adopted` stands in the "
            "journal, synced: lock won, journal checked, output recovered. The command does not notice."
        ),
        unit=Unit(label="ms", scale=1e3),
        base=_LOOP,
        rounds={"quick": 9, "full": 25},
        cases=(
            Case(name="runlore: owner.adopted on record", code="adoption:ours", role="ours"),
            Case(name=_LOOP, code="adoption:shell", role="reference"),
        ),
        goals=(),
    ),
)
