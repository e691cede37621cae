"""How long it takes to check the hash chain of one long journal, and how much memory."""

from benchmarks.declare import Case, Goal, Table, Unit

_OURS = "runlore: verify"
_DECODE = "msgspec decode_lines alone"
_LARGE = "runlore: verify, whole journal"
_SMALL = "runlore: verify, a tenth as many events"
_MILLION = {"quick": "events:200000", "full": "events:1000000"}
_TENTH = {"quick": "events:20000", "full": "events:100000"}

_TIME = Table(
    name="verify",
    title="Verify one long journal",
    about=(
        "One journal of 1,000,000 events (quick: 200,000), warm in the page cache: every line decoded, its "
        "seq, its hash and the lifecycle checked, then the seal."
    ),
    unit=Unit(label="s per million events", scale=1e6),
    base=_DECODE,
    clock="cpu",
    rounds={"quick": 5, "full": 9},
    corpora={"quick": ("events:200000",), "full": ("events:1000000",)},
    cases=(
        Case(name=_OURS, code="verify:ours", role="ours", arguments=_MILLION),
        Case(name=_DECODE, code="verify:decode", role="reference", arguments=_MILLION),
        Case(
            name="the chain alone: SHA-256 of each line",
            code="verify:chain",
            role="reference",
            arguments=_MILLION,
        ),
        Case(name="SHA-256 of the whole file", code="verify:whole", role="reference", arguments=_MILLION),
    ),
    goals=(Goal(text="1 M events", case=_OURS, at_most=3, unit="s", per=1e6),),
)

_MEMORY = Table(
    name="verify-memory",
    title="Memory while verifying",
    about=(
        "How much the peak of resident memory grows during a verify, 1 MiB at least: it must not follow the "
        "journal's length."
    ),
    unit=Unit(label="MiB"),
    base=_SMALL,
    rounds={"quick": 3, "full": 5},
    corpora={
        "quick": ("events:200000", "events:20000"),
        "full": ("events:1000000", "events:100000"),
    },
    cases=(
        Case(name=_LARGE, code="verify:peak", role="ours", arguments=_MILLION),
        Case(name=_SMALL, code="verify:peak", role="ours", arguments=_TENTH),
    ),
    goals=(
        Goal(
            text="memory of a journal a tenth as long",
            case=_LARGE,
            against=_SMALL,
            slower=True,
            at_most=1.25,
            remark="ten times the events; flat is 1",
        ),
    ),
)

TABLES = (_TIME, _MEMORY)
