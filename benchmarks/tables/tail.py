"""How late a subscriber learns of an append, and what waiting for one costs."""

from collections.abc import Mapping, Sequence

from benchmarks.declare import Case, Goal, Table, Unit
from benchmarks.model import Size

_OURS = "runlore: subscribe"
_COMMAND = "runlore events -f --json, a process"
_TAIL = "tail -F"
_WATCH = "watchfiles.awatch(), defaults"
_REDIS = "Redis XREAD BLOCK, append-only file synced each second"
_NATS = "NATS JetStream on files, ordered push consumer"
_MANY = 10_000
_CROWD = 100
_SLOWEST = 10
_IDLE_RATE = 0
_SECONDS: Mapping[int, Mapping[str, int]] = {
    _IDLE_RATE: {"quick": 4, "full": 8},
    _SLOWEST: {"quick": 1, "full": 4},
    1_000: {"quick": 1, "full": 2},
    20_000: {"quick": 1, "full": 1},
}
"""How long a round takes at each rate; together a full run takes ten minutes."""
_FEW_ROUNDS: Mapping[Size, int] = {"quick": 2, "full": 3}
_ROUNDS: Mapping[Size, int] = {"quick": 2, "full": 5}
_NEEDS = {
    "watch": ("watchfiles", "msgspec"),
    "redis": ("redis-server", "redis-py", "msgspec"),
    "nats": ("nats-server", "nats-py", "msgspec"),
}


def _many(name: str, what: str = "live journals") -> str:
    return f"{name}, {_MANY:,} {what}"


def _case(name: str, code: str, rate: int, journals: int = 1, **further: int) -> Case:
    return Case(
        name=name,
        code=f"tail:{code}",
        role="ours" if name.startswith("runlore") else "reference",
        arguments={"rate": rate, "journals": journals, **_SECONDS[rate], **further},
    )


def _peer(name: str, code: str, rate: int, journals: int = 1, note: str = "") -> Case:
    return Case(
        name=name,
        code=f"tail_peers:{code}",
        role="peer",
        interpreter="peers",
        needs=_NEEDS[code],
        arguments={"rate": rate, "journals": journals, **_SECONDS[rate]},
        note=note,
    )


def _one_journal(rate: int) -> Sequence[Case]:
    return (
        _case(_OURS, "ours", rate),
        _case(_COMMAND, "command", rate),
        _case(_TAIL, "tail", rate),
        _peer(_WATCH, "watch", rate),
        _peer(_REDIS, "redis", rate),
        _peer(_NATS, "nats", rate),
    )


def _crowd(rate: int) -> Case:
    """At a higher rate so many subscribers would keep a machine busy with themselves."""
    return _case(f"{_OURS}, {_CROWD} times in one process", "crowd", rate, subscribers=_CROWD)


def _many_journals(rate: int) -> Sequence[Case]:
    return (
        _case(_many(_OURS), "ours", rate, _MANY),
        _case(_many(_TAIL, "files"), "tail", rate, _MANY),
        _peer(_many(_WATCH, "files"), "watch", rate, _MANY),
        _peer(_many(_REDIS, "streams"), "redis", rate, _MANY, note="one call names all of them"),
        _peer(_many(_NATS, "subjects"), "nats", rate, _MANY),
    )


_AT_THE_SLOWEST = " A round has so few events that the 99th percentile is the slowest of them."


def _late(rate: int) -> Table:
    """One rate: all cases at it."""
    return Table(
        name=f"tail-{rate}",
        title=f"From an append to its subscriber, {rate:,} a second",
        about=(
            "One process appends, another gets the event, decoded; the 99th percentile of the delay, and "
            "behind it the median and the rate that was reached. Each event holds the time right before its "
            "own append or send. Ours is one stream over all runs, resumable at each record."
            f"{_AT_THE_SLOWEST if rate == _SLOWEST else ''}"
        ),
        unit=Unit(label="ms", scale=1e3),
        base=_TAIL,
        rounds=_FEW_ROUNDS if rate == _SLOWEST else _ROUNDS,
        cases=(
            *_one_journal(rate),
            *_many_journals(rate),
            *([_crowd(rate)] if rate == _SLOWEST else []),
        ),
        goals=(_there_soon(_OURS, "one journal"), _there_soon(_many(_OURS), "10,000 journals")),
    )


def _there_soon(case: str, journals: str) -> Goal:
    return Goal(
        text=f"99 of 100 records are there, {journals}",
        case=case,
        at_most=8,
        unit="ms",
        per=1e3,
        remark="at the rate that its row says was reached",
    )


_IDLE = Table(
    name="tail-idle",
    title="Waiting for an append that does not come",
    about=(
        "Processor time of a subscriber's processes while nothing has happened for 2.5 s and goes on not to, "
        "8 s (quick: 4 s); one event ends the wait, so that it is known to have been one. What a server uses "
        "meanwhile stands behind it."
    ),
    unit=Unit(label="% of a core"),
    base=_WATCH,
    rounds=_FEW_ROUNDS,
    cases=(*_one_journal(_IDLE_RATE), _case(_many(_OURS), "ours", _IDLE_RATE, _MANY), _crowd(_IDLE_RATE)),
    goals=(
        Goal(text="waiting, one journal", case=_OURS, at_most=1.5, unit="% of a core"),
        Goal(text="waiting, 10,000 live journals", case=_many(_OURS), at_most=1.5, unit="% of a core"),
    ),
)

TABLES = (*(_late(rate) for rate in (_SLOWEST, 1_000, 20_000)), _IDLE)
