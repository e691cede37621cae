"""Judge a run from its journal and what was observed of its owner, and say how it ended if nobody will.

One place decides both what a reader shows at once (`provisional`) and what a reconciler writes down:
the events of `conclude`. Shown = folded, whether they were written yet or not. Doubt preserves: what
cannot be verified is `unknown`, and treated as alive. Pure.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final, Literal

from msgspec import Struct, structs

from runlore.journal import events as e
from runlore.journal.exit_record import ExitRecord
from runlore.journal.lifecycle import REASONS
from runlore.journal.values import (
    Actor,
    ExitCode,
    Observation,
    Reason,
    ReasonCode,
    Seq,
    SignalNumber,
    Status,
)
from runlore.projections.fold import fold
from runlore.projections.status import STATUS, RunState

OwnerSeen = Literal["held", "free", "unverifiable"]
CommandSeen = Literal["alive", "gone", "unverifiable"]
Health = Literal["live", "stalled", "unsupervised", "lost", "unknown", "ended", "queued"]

STALLED_AFTER_S: Final = 15.0
"""Owner alive, but no heartbeat for so long on the monotonic clock."""

Draft = Callable[[Seq, datetime], e.Event]
"""Builds an event once its place and time are known, as the journal's writer wants it."""


class Seen(Struct, frozen=True, kw_only=True):
    """One look at a run's owner and command. A reconciler looks before it takes the lock itself."""

    owner: OwnerSeen
    at: datetime
    command: CommandSeen = "unverifiable"
    """`gone` only if neither command nor wrapper lives; what merely outlived the command is not it."""
    heartbeat_age_s: float | None = None
    paused: bool = False
    """The command's process is stopped by a signal; no judgement rests on it."""
    exit: ExitRecord | None = None
    boot_changed: bool = False
    detail: str = ""


class Outcome(Struct, frozen=True, kw_only=True):
    """How a run ended or is ending, from the evidence."""

    status: Status
    reason: Reason | None = None
    exit_code: ExitCode | None = None
    signal: SignalNumber | None = None
    ended_at: datetime | None = None


class Assessment(Struct, frozen=True, kw_only=True):
    """What to show of a run: its state with what nobody has written down yet."""

    state: RunState
    health: Health
    provisional: bool = False


def judge(state: RunState, first: Seen, second: Seen) -> Health:
    """Return the run's health from two looks around its journal.

    state: folded between the looks, and still the whole journal after the second; otherwise fold and
    look again. `lost` and `unsupervised` need a free owner lock in both looks: one look alone gave
    144 false `lost` in 300,000 beside a run that changed owners.
    """
    if state.ended:
        return "ended"
    if second.owner == "held":
        return _beating(second)
    if second.owner == "unverifiable" or first.owner == "unverifiable":
        return "unknown"
    if first.owner == "held":
        return "live"
    if _waits_in_queue(state):
        return "queued"
    if _to_be_collected(state, second):
        return "unsupervised"
    if second.exit is not None or state.status == "collecting_artifacts" or second.boot_changed:
        return "lost"
    if "alive" in {first.command, second.command}:
        return "unsupervised"
    return "lost" if first.command == second.command == "gone" else "unknown"


def assess(state: RunState, first: Seen, second: Seen) -> Assessment:
    """Return what to show, judged from two looks as for `judge`."""
    health = judge(state, first, second)
    if health not in {"lost", "unsupervised"}:
        return Assessment(state=state, health=health)
    drafts = conclude(state, second)
    return Assessment(state=_as_if_written(state, drafts), health=health, provisional=bool(drafts))


def implied(state: RunState, seen: Seen) -> Outcome | None:
    """Return how the run ended, given that nobody is left to say so; None while it may be alive."""
    drafts = conclude(state, seen)
    if not drafts:
        return None
    shown = _as_if_written(state, drafts)
    assert shown.status is not None  # noqa: S101 - a run without a status is never concluded
    return Outcome(
        status=shown.status,
        reason=shown.reason,
        exit_code=shown.exit_code,
        signal=shown.signal,
        ended_at=shown.ended_at,
    )


def conclude(
    state: RunState, seen: Seen, *, by: Actor | None = None, collected: str | None = None
) -> tuple[Draft, ...]:
    """Return the events that whoever wins the free owner lock has to append, oldest first.

    collected: the outputs have been, and of those declared these are not durable (see `with_outputs`).
    There are none if the run has ended, may be alive, waits in a queue, or has outputs that must be collected
    first. The events state the evidence and its time, never the time of writing, so that writing them
    changes nothing that is shown but the position in the journal.
    """
    if state.ended or state.status is None or seen.owner != "free" or _waits_in_queue(state):
        return ()
    record, collecting = seen.exit, state.collecting
    if record is None and collecting is None:
        gone = seen.boot_changed or seen.command == "gone"
        return (_owner_lost(state, seen, by),) if gone else ()
    drafts: list[Draft] = []
    if collecting is None and record is not None and _has_run(state, record):
        drafts.append(_collected(state, record, by))
    if collected is not None or not _to_be_collected(state, seen):
        drafts.append(_ended(state, seen, by, collected or ""))
    return tuple(drafts)


def before_collecting(state: RunState, seen: Seen, *, by: Actor | None = None) -> tuple[Draft, ...]:
    """Return what has to be on record before the outputs are: that the command ended, as far as is known."""
    if state.ended or state.collecting is not None or state.status not in {"booting", "running"}:
        return ()
    record = seen.exit or ExitRecord(at=state.last_activity_at)
    return (_collected(state, record, by),) if _has_run(state, record) else ()


def outcome_of(
    record: ExitRecord, stop: e.RunStopRequested | None = None, stop_at: datetime | None = None
) -> tuple[type[e.Ended], Reason | None]:
    """Return the final event that an exit record stands for, and its reason.

    What the keeper meant by ending the command counts first. Else a stop that was asked for before the
    command ended makes it cancelled; a result that was durable before anyone asked stays what it is.
    """
    if record.reason is not None:
        return _FINAL_FOR.get(record.reason.code, e.RunFailed), record.reason
    if stop is not None and (stop_at is None or stop_at <= record.at):
        return e.RunCancelled, Reason(code="cancelled", text=stop.reason, by=stop.by)
    if record.signal is not None:
        return e.RunFailed, Reason(code="signal", text=f"killed by signal {record.signal}")
    if record.exit_code is None:
        return e.RunFailed, Reason(code="owner_lost", text="nobody saw how the command ended")
    if record.exit_code:
        return e.RunFailed, Reason(code="exit_nonzero", text=f"exit code {record.exit_code}")
    return e.RunSucceeded, None


def with_outputs(
    verdict: tuple[type[e.Ended], Reason | None], unmet: str
) -> tuple[type[e.Ended], Reason | None]:
    """Return the same verdict, or failed where success needs outputs that are not durable.

    unmet: which, as `artifacts.unmet` tells it; empty if there are none.
    """
    if not unmet or verdict[0] is not e.RunSucceeded:
        return verdict
    return e.RunFailed, Reason(code="evidence_missing", text=unmet)


_FINAL_FOR: Final[dict[ReasonCode, type[e.Ended]]] = {
    "timeout": e.RunTimedOut,
    "idle_timeout": e.RunTimedOut,
    "cancelled": e.RunCancelled,
    "dependency_failed": e.RunCancelled,
}
"""Final events by reason code; every other code is a failure."""


def _beating(seen: Seen) -> Health:
    """Judge a held lock. A heartbeat from the future is as suspect as an old one."""
    age = seen.heartbeat_age_s
    return "stalled" if age is not None and abs(age) > STALLED_AFTER_S else "live"


def _waits_in_queue(state: RunState) -> bool:
    return state.status == "queued" and state.queued is not None and bool(state.queued.queue)


def _to_be_collected(state: RunState, seen: Seen) -> bool:
    """Say whether the command ended and something it declared is still to be collected."""
    if not state.declares or state.ended:
        return False
    return state.collecting is not None or (seen.exit is not None and _has_run(state, seen.exit))


def _has_run(state: RunState, record: ExitRecord) -> bool:
    """Say whether there was a command that ended, and the journal may say so."""
    spawned = record.reason is None or record.reason.code != "spawn_failed"
    return spawned and state.status in {"booting", "running"}


def _collected(state: RunState, record: ExitRecord, by: Actor | None) -> Draft:
    known = record.exit_code is not None or record.signal is not None
    how: Literal["exited", "signalled", "unknown"] = "exited" if known else "unknown"
    if record.signal is not None:
        how = "signalled"
    return lambda seq, at: e.RunCollecting(
        seq=seq,
        at=at,
        by=by,
        epoch=state.epoch + 1,
        how=how,
        exit_code=record.exit_code,
        signal=record.signal,
        exited_at=record.at,
        usage=record.usage,
    )


def _ended(state: RunState, seen: Seen, by: Actor | None, unmet: str) -> Draft:
    """Return the final event, from the exit record or from what the journal says of the exit."""
    record = seen.exit or _recorded_exit(state)
    final, reason = with_outputs(outcome_of(record, state.stop, state.stop_at), unmet)
    if state.status == "queued" and final is not e.RunCancelled:
        final = e.RunFailed
        if reason is None or reason.code not in REASONS["failed"]:
            reason = Reason(code="journal_io", text="the journal stops before the start")
    return _final(state, seen, by, record, (final, reason))


def _recorded_exit(state: RunState) -> ExitRecord:
    """Return the exit as `run.collecting` has it: its writer is gone, its evidence is not."""
    collecting = state.collecting
    assert collecting is not None  # noqa: S101 - without it and without a record nothing is concluded
    return ExitRecord(
        at=state.ended_at or state.last_activity_at,
        exit_code=collecting.exit_code,
        signal=collecting.signal,
        usage=collecting.usage,
    )


def _owner_lost(state: RunState, seen: Seen, by: Actor | None) -> Draft:
    """Return the end of a run that left no exit record: failed, and the exit code is never invented."""
    if state.owner is None:
        text = "whoever submitted it is gone, and it was never started"
    else:
        owner = state.owner
        text = f"its keeper (pid {owner.identity.pid} on {owner.host}) is gone and left no exit record"
    if seen.boot_changed:
        text += "; the machine was restarted since"
    reason = Reason(code="owner_lost", text=text)
    nothing = ExitRecord(at=state.last_activity_at)
    return _final(state, seen, by, nothing, (e.RunFailed, reason))


def _final(
    state: RunState,
    seen: Seen,
    by: Actor | None,
    record: ExitRecord,
    verdict: tuple[type[e.Ended], Reason | None],
) -> Draft:
    final, reason = verdict
    observation = Observation(
        at=seen.at,
        owner=seen.owner,
        command=seen.command,
        exit_record=seen.exit is not None,
        boot_changed=seen.boot_changed,
        detail=seen.detail,
    )
    return lambda seq, at: final(
        seq=seq,
        at=at,
        by=by,
        epoch=state.epoch + 1,
        exit_code=record.exit_code,
        signal=record.signal,
        reason=reason,
        ended_at=record.at,
        observation=observation,
    )


def _as_if_written(state: RunState, drafts: tuple[Draft, ...]) -> RunState:
    """Return the state after `drafts`, at the position and epoch the journal really has."""
    if not drafts:
        return state
    place = state.seq
    written = [draft(Seq(place + number), state.reached_at) for number, draft in enumerate(drafts, 1)]
    shown = fold(STATUS, written, state)  # type: ignore[arg-type]  # Events are all KnownEvents
    return structs.replace(
        shown,
        seq=state.seq,
        reached_at=state.reached_at,
        epoch=state.epoch,
        sealed_seq=state.sealed_seq,
        final=_unobserved(shown.final),
    )


def _unobserved(final: e.FinalEvent | None) -> e.FinalEvent | None:
    """Return a final event without its observation: nothing was written down yet."""
    return structs.replace(final, observation=None) if final is not None else None
