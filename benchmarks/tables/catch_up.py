"""How long a subscriber takes to read what has happened while it was away."""

from benchmarks.declare import Case, Table, Unit

_DECODE = "msgspec decode_lines alone"
_QUICK, _FULL = "events:100000", "events:1000000"
_EVENTS = {"quick": _QUICK, "full": _FULL}

TABLES = (
    Table(
        name="catch-up",
        title="Catch up with what happened before",
        about=(
            "One run of 1,000,000 events (quick: 100,000), warm in the page cache, read through a "
            "subscription up to its end: from the beginning by its journal, and by the feed from a cursor in "
            "front of it. Every line is decoded and checked to follow the one before."
        ),
        unit=Unit(label="s per million events", scale=1e6),
        base=_DECODE,
        clock="cpu",
        rounds={"quick": 3, "full": 5},
        corpora={"quick": (_QUICK,), "full": (_FULL,)},
        cases=(
            Case(
                name="runlore: subscribe, from the journals",
                code="catch_up:from_journals",
                role="ours",
                arguments=_EVENTS,
            ),
            Case(
                name="runlore: subscribe, resumed by the feed",
                code="catch_up:from_feed",
                role="ours",
                arguments=_EVENTS,
            ),
            Case(name=_DECODE, code="verify:decode", role="reference", arguments=_EVENTS),
        ),
        goals=(),
    ),
)
