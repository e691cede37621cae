"""How long one append takes, in both modes of durability."""

from benchmarks.declare import Case, Goal, Table, Unit

_OURS = "runlore: Writer.append, feed included"
_UNANNOUNCED = "runlore: Writer.append, without a feed"
_BARE = "encode + write"
_SYNCED = "encode + write + fdatasync"
_FLOOR = "the steps of an append alone, without our code"
_LOGGING = "logging.FileHandler, JSON lines"
_NORMAL = "sqlite3, WAL, synchronous = NORMAL"
_FULL = "sqlite3, WAL, synchronous = FULL"
_EVENTSOURCING = "eventsourcing library on SQLite: trigger + save"
_NATS = "NATS JetStream on files: publish + acknowledgement"

_PROCESS = Table(
    name="append-process",
    title="Append, safe against a killed process",
    about=(
        "One event per call in mode `process`, through the whole path: lock, check of the end, decision, "
        "hash chain, one write, announcement in the feed. Nothing here survives a power cut."
    ),
    unit=Unit(label="µs per event", scale=1e6),
    base=_BARE,
    rounds={"quick": 15, "full": 31},
    cases=(
        Case(name=_OURS, code="append:ours", role="ours"),
        Case(name=_BARE, code="append:bare", role="reference"),
        Case(name=_FLOOR, code="append:floor", role="reference", note="the floor of our path in Python"),
        Case(name=_LOGGING, code="append:logging_json", role="reference"),
        Case(name=_NORMAL, code="append:sqlite", role="reference", arguments={"synchronous": "normal"}),
        Case(
            name=_NATS,
            code="append_peers:nats",
            role="peer",
            interpreter="peers",
            needs=("nats-server", "nats-py", "anyio"),
            note="the server syncs every 2 minutes",
        ),
    ),
    goals=(
        Goal(
            text="time of a bare encode + write",
            case=_OURS,
            against=_BARE,
            slower=True,
            at_most=7,
            clock="cpu",
            remark="the floor stands in the table",
        ),
        Goal(
            text="as fast as SQLite in WAL mode, NORMAL",
            case=_OURS,
            against=_NORMAL,
            at_least=3,
            remark="the floor stands in the table",
        ),
        Goal(
            text="as fast as a NATS publish with its acknowledgement", case=_OURS, against=_NATS, at_least=15
        ),
    ),
)

_POWER = Table(
    name="append-power",
    title="Append, safe against a power cut",
    about=(
        "One event per call in mode `power`, the default: the append returns after the sync. Every case but "
        "the first reference waits for the same disk."
    ),
    unit=Unit(label="µs per event", scale=1e6),
    base=_SYNCED,
    rounds={"quick": 15, "full": 31},
    cases=(
        Case(name=_OURS, code="append:ours", role="ours", arguments={"synced": 1}),
        Case(name=_SYNCED, code="append:bare", role="reference", arguments={"synced": 1}),
        Case(
            name=_FLOOR,
            code="append:floor",
            role="reference",
            arguments={"synced": 1},
            note="the floor of our path in Python",
        ),
        Case(name=_BARE, code="append:bare", role="reference", note="not safe"),
        Case(
            name=_FULL, code="append:sqlite", role="reference", arguments={"synchronous": "full", "synced": 1}
        ),
        Case(
            name=_EVENTSOURCING,
            code="append_peers:eventsourcing",
            role="peer",
            interpreter="peers",
            needs=("eventsourcing",),
        ),
    ),
    goals=(
        Goal(text="as fast as a bare write + fdatasync", case=_OURS, against=_SYNCED, at_least=0.85),
        Goal(text="as fast as the eventsourcing library", case=_OURS, against=_EVENTSOURCING, at_least=2),
    ),
)

_FEED = Table(
    name="append-feed",
    title="What the feed adds to an append",
    about=(
        "The same append in mode `process`, announced in the feed and not: one line, one unsynced write, and "
        "where that came to lie. Without it no stream could tell what is new but by looking at every journal."
    ),
    unit=Unit(label="µs per event", scale=1e6),
    base=_UNANNOUNCED,
    clock="cpu",
    rounds={"quick": 15, "full": 31},
    cases=(
        Case(name=_OURS, code="append:ours", role="ours"),
        Case(name=_UNANNOUNCED, code="append:ours", role="ours", arguments={"unannounced": 1}),
    ),
    goals=(),
)

TABLES = (_PROCESS, _POWER, _FEED)
