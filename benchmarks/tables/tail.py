"""How late a subscriber learns of an append."""

from benchmarks.declare import Case, Goal, Table, Unit

_OURS = "runlore: subscribe"
_TAIL = "tail -F"
_WATCH = "watchfiles.watch(), defaults"
_MANY = 10_000


def _table(rate: int) -> Table:
    """One rate: all cases at it."""
    many = f"{_OURS}, {_MANY:,} live journals"
    return Table(
        name=f"tail-{rate}",
        title=f"From an append to its subscriber, {rate:,} a second",
        about=(
            "One process appends, another gets the record, decoded; the 99th percentile of the delay, and "
            "behind it the median. Ours is one stream over all runs, resumable at each record; the others "
            "read lines of one file."
        ),
        unit=Unit(label="ms", scale=1e3),
        base=_TAIL,
        rounds={"quick": 3, "full": 5},
        cases=(
            Case(name=_OURS, code="tail:ours", role="ours", arguments={"rate": rate, "journals": 1}),
            Case(name=many, code="tail:ours", role="ours", arguments={"rate": rate, "journals": _MANY}),
            Case(name=_TAIL, code="tail:tail", role="reference", arguments={"rate": rate}),
            Case(name=_WATCH, code="tail:watch", role="reference", arguments={"rate": rate}),
        ),
        goals=(
            Goal(text="99 of 100 records are there, one journal", case=_OURS, at_most=8, per=1e3, unit="ms"),
            Goal(
                text="99 of 100 records are there, 10,000 journals", case=many, at_most=8, per=1e3, unit="ms"
            ),
        ),
    )


TABLES = tuple(_table(rate) for rate in (10, 1_000, 20_000))
