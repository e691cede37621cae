"""Health: what is made of two looks at a run's owner, and what is written when nobody is left."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given

from runlore.journal import events as e
from runlore.journal.events import AnyEvent
from runlore.journal.exit_record import ExitRecord
from runlore.journal.lifecycle import REASONS, TERMINAL, may_follow
from runlore.journal.values import Actor, Handle, Identity, Owner, Reason, ReasonCode, Recipe, Seq, Usage
from runlore.projections.fold import fold
from runlore.projections.health import (
    STALLED_AFTER_S,
    CommandSeen,
    Health,
    OwnerSeen,
    Seen,
    assess,
    conclude,
    implied,
    judge,
    outcome_of,
)
from runlore.projections.present import run_view
from runlore.projections.run_state import RunState
from runlore.projections.run_view import RunView
from runlore.projections.status import STATUS
from tests.journal.forge import AT, RUN
from tests.projections.looks import NOW, looks, states

ADA = Actor(user="ada", host="here", pid=1, program="reconcile")
KEEPER = Owner(host="here", identity=Identity(boot_id="b", pid_ns=1, pid=71))


def at(second: float) -> Any:  # noqa: ANN401 - a datetime; saves a cast in every table below
    """A moment of the story."""
    return AT + timedelta(seconds=second)


def look(
    owner: OwnerSeen = "free",
    command: CommandSeen = "gone",
    *,
    beat: float | None = None,
    exit: ExitRecord | None = None,  # noqa: A002 - its name in the struct
    boot: bool = False,
) -> Seen:
    """One look; by default at a run that nobody is left of."""
    return Seen(owner=owner, command=command, heartbeat_age_s=beat, exit=exit, boot_changed=boot, at=NOW)


def queued(*, queue: str = "", artifacts: tuple[str, ...] = ()) -> list[AnyEvent]:
    """The first event of a run."""
    recipe = Recipe(argv=("train",), cwd="/", artifacts=artifacts)
    return [e.RunQueued(seq=1, at=at(0), format=1, run_id=RUN, recipe=recipe, queue=queue)]


BOOTING = e.RunBooting(seq=2, at=at(1), epoch=1, runtime="background", owner=KEEPER)
STARTED = e.RunStarted(seq=3, at=at(2), epoch=1, handle=Handle(pid=72))
COLLECTING = e.RunCollecting(seq=4, at=at(9), epoch=1, exit_code=0, exited_at=at(8))
STOP = e.RunStopRequested(seq=4, at=at(5), by=ADA, reason="enough")

QUEUED_STATE = fold(STATUS, queued())
WAITING = fold(STATUS, queued(queue="gpu"))
BOOTED = fold(STATUS, [*queued(), BOOTING])
RUNNING = fold(STATUS, [*queued(), BOOTING, STARTED])
DECLARING = fold(STATUS, [*queued(artifacts=("out/**",)), BOOTING, STARTED])
STOPPING = fold(STATUS, [*queued(), BOOTING, STARTED, STOP])
COLLECTED = fold(STATUS, [*queued(), BOOTING, STARTED, COLLECTING])
ENDED = fold(STATUS, [e.RunSucceeded(seq=5, at=at(10), exit_code=0)], COLLECTED)

EXIT_0 = ExitRecord(at=at(8), exit_code=0, usage=Usage(cpu_s=2.0))
EXIT_3 = ExitRecord(at=at(8), exit_code=3)
KILLED = ExitRecord(at=at(8), signal=9)
TIMED_OUT = ExitRecord(at=at(8), signal=15, reason=Reason(code="timeout"))


def shown(state: RunState, seen: Seen) -> RunView:
    """The view of a run that two equal looks were taken at."""
    found = assess(state, seen, seen)
    return run_view(found.state, as_of=NOW, health=found.health, provisional=found.provisional)


# -- judging


@pytest.mark.parametrize(
    ("state", "first", "second", "health"),
    [
        (ENDED, look(), look(), "ended"),
        (ENDED, look("held", beat=99), look("held", beat=99), "ended"),
        (RUNNING, look("held", beat=1), look("held", beat=1), "live"),
        (RUNNING, look("held"), look("held"), "live"),
        (RUNNING, look("held", beat=15.1), look("held", beat=15.1), "stalled"),
        (RUNNING, look("held", beat=-60), look("held", beat=-60), "stalled"),
        (RUNNING, look("free"), look("held", beat=1), "live"),
        (RUNNING, look("held"), look("free"), "live"),
        (RUNNING, look("free", "alive"), look("free", "alive"), "unsupervised"),
        (RUNNING, look("free", "alive"), look("free", "gone"), "unsupervised"),
        (RUNNING, look("free", "gone"), look("free", "gone"), "lost"),
        (RUNNING, look("free", "unverifiable"), look("free", "unverifiable"), "unknown"),
        (RUNNING, look("free", "gone"), look("free", "unverifiable"), "unknown"),
        (RUNNING, look("unverifiable", "unverifiable"), look("free", "gone"), "unknown"),
        (RUNNING, look("free", "gone"), look("unverifiable", "gone"), "unknown"),
        (RUNNING, look("free", "unverifiable", boot=True), look("free", "unverifiable", boot=True), "lost"),
        (RUNNING, look("free", "alive", exit=EXIT_0), look("free", "alive", exit=EXIT_0), "lost"),
        (DECLARING, look(exit=EXIT_0), look(exit=EXIT_0), "unsupervised"),
        (COLLECTED, look("free", "alive"), look("free", "alive"), "lost"),
        (QUEUED_STATE, look("held"), look("held"), "live"),
        (QUEUED_STATE, look(), look(), "lost"),
        (WAITING, look(), look(), "queued"),
        (BOOTED, look(), look(), "lost"),
    ],
)
def test_a_run_is_judged_by_two_looks(state: RunState, first: Seen, second: Seen, health: Health) -> None:
    """Every combination of what is seen has its one judgement."""
    assert judge(state, first, second) == health


@given(state=states(), first=looks(), second=looks())
def test_doubt_preserves(state: RunState, first: Seen, second: Seen) -> None:
    """Only two looks at a free lock make a run lost or unsupervised, and only those conclude anything."""
    found = assess(state, first, second)

    if found.health in {"lost", "unsupervised"}:
        assert first.owner == second.owner == "free"
    else:
        assert not found.provisional
        assert found.state == state
    if found.health == "lost":
        assert found.provisional
        assert found.state.ended


def test_a_slow_owner_is_alive_however_old_its_heartbeat() -> None:
    """A held lock outweighs any silence: stalled is shown, and nothing is concluded from it."""
    seen = look("held", beat=1e9)

    assert assess(RUNNING, seen, seen).state == RUNNING
    assert conclude(RUNNING, seen) == ()
    assert STALLED_AFTER_S == 15


# -- what is implied


@pytest.mark.parametrize(
    ("state", "seen", "status", "reason", "exit_code", "signal", "ended"),
    [
        (RUNNING, look(exit=EXIT_0), "succeeded", None, 0, None, 8),
        (RUNNING, look(exit=EXIT_3), "failed", "exit_nonzero", 3, None, 8),
        (RUNNING, look(exit=KILLED), "failed", "signal", None, 9, 8),
        (RUNNING, look(), "failed", "owner_lost", None, None, 2),
        (RUNNING, look(boot=True), "failed", "owner_lost", None, None, 2),
        (RUNNING, look(exit=ExitRecord(at=at(8))), "failed", "owner_lost", None, None, 8),
        (BOOTED, look(), "failed", "owner_lost", None, None, 1),
        (BOOTED, look(exit=EXIT_0), "succeeded", None, 0, None, 8),
        (QUEUED_STATE, look(), "failed", "owner_lost", None, None, 0),
        (QUEUED_STATE, look(exit=EXIT_0), "failed", "journal_io", 0, None, 8),
        (QUEUED_STATE, look(exit=EXIT_3), "failed", "exit_nonzero", 3, None, 8),
        (QUEUED_STATE, look(exit=TIMED_OUT), "failed", "journal_io", None, 15, 8),
        (STOPPING, look(exit=EXIT_0), "cancelled", "cancelled", 0, None, 8),
        (STOPPING, look(exit=ExitRecord(at=at(4), exit_code=0)), "succeeded", None, 0, None, 4),
        (STOPPING, look(), "failed", "owner_lost", None, None, 2),
        (COLLECTED, look(), "succeeded", None, 0, None, 8),
        (DECLARING, look(exit=EXIT_0), "collecting_artifacts", None, 0, None, 8),
    ],
)
def test_the_evidence_tells_how_a_run_ended(  # noqa: PLR0917 - one row of a table
    state: RunState,
    seen: Seen,
    status: str,
    reason: str | None,
    exit_code: int | None,
    signal: int | None,
    ended: float,
) -> None:
    """An exit record rescues the result; without one the exit code is never invented."""
    outcome = implied(state, seen)
    view = shown(state, seen)

    assert outcome is not None
    assert (outcome.status, outcome.exit_code, outcome.signal) == (status, exit_code, signal)
    assert (outcome.reason.code if outcome.reason else None) == reason
    assert outcome.ended_at == at(ended)
    assert view.provisional
    assert (view.status, view.exit_code, view.signal) == (status, exit_code, signal)
    assert view.ended_at == at(ended)
    assert view.health == ("unsupervised" if status == "collecting_artifacts" else None)


def test_a_lost_run_says_who_is_gone() -> None:
    """The reason names the keeper, and a restart of the machine if there was one."""
    outcome = implied(RUNNING, look(boot=True))

    assert outcome is not None
    assert outcome.reason is not None
    assert outcome.reason.text == (
        "its keeper (pid 71 on here) is gone and left no exit record; the machine was restarted since"
    )


def test_a_cancelled_run_says_who_asked() -> None:
    """A stop that was carried out without a keeper keeps its reason and its author."""
    outcome = implied(STOPPING, look(exit=KILLED))

    assert outcome is not None
    assert outcome.reason == Reason(code="cancelled", text="enough", by=ADA)


def test_what_the_command_used_is_not_lost_with_its_keeper() -> None:
    """The exit record's usage is shown as if the keeper had written it."""
    used = shown(RUNNING, look(exit=EXIT_0)).resources

    assert used is not None
    assert used.cpu_s == 2.0


def test_outputs_are_collected_before_a_result_is_shown() -> None:
    """A run that declared outputs is not succeeded while nobody has collected them; once told, it waits."""
    seen = look(exit=EXIT_0)
    (collecting,) = conclude(DECLARING, seen)
    told = fold(STATUS, [collecting(Seq(4), NOW)], DECLARING)  # type: ignore[list-item]

    assert (told.status, told.epoch) == ("collecting_artifacts", DECLARING.epoch + 1)
    assert conclude(told, seen) == ()
    assert judge(told, seen, seen) == "unsupervised"


@pytest.mark.parametrize(
    "seen",
    [
        look("held"),
        look("unverifiable", "gone", exit=EXIT_0),
        look("free", "alive"),
        look("free", "unverifiable"),
    ],
)
def test_nothing_is_implied_of_a_run_that_may_be_alive(seen: Seen) -> None:
    """While anybody may hold the run, only they say how it ends."""
    assert implied(RUNNING, seen) is None
    assert conclude(RUNNING, seen) == ()


def test_a_run_in_a_queue_is_nobodys_and_not_lost() -> None:
    """Waiting for a worker needs no owner."""
    assert implied(WAITING, look()) is None
    assert shown(WAITING, look()).health is None


@pytest.mark.parametrize("code", sorted({code for codes in REASONS.values() for code in codes}))
def test_each_reason_of_a_keeper_has_a_status_it_may_stand_beside(code: ReasonCode) -> None:
    """What the keeper meant decides the status; every code fits the status it leads to."""
    final, reason = outcome_of(ExitRecord(at=NOW, signal=15, reason=Reason(code=code)))

    status = final.__struct_config__.tag.removeprefix("run.")  # type: ignore[union-attr]
    assert reason is not None
    assert reason.code in REASONS[status]  # type: ignore[index]


# -- what is written


def written(state: RunState, seen: Seen) -> tuple[list[AnyEvent], RunState]:
    """What a reconciler appends a day later, and the state then."""
    later = NOW + timedelta(days=1)
    drafts = conclude(state, seen, by=ADA)
    events: list[AnyEvent] = [
        draft(Seq(state.seq + number), later)  # type: ignore[misc]  # each Event is a KnownEvent
        for number, draft in enumerate(drafts, 1)
    ]
    return events, fold(STATUS, events, state)


@given(state=states(), seen=looks())
def test_what_is_written_is_what_was_shown(state: RunState, seen: Seen) -> None:
    """Writing an outcome down changes nothing shown but the position, and adds what it rests on."""
    before = assess(state, seen, seen)
    events, after = written(state, seen)
    if not before.provisional:
        return

    provisional = run_view(before.state, as_of=NOW, health=before.health, provisional=True)
    recorded = run_view(after, as_of=NOW, health=judge(after, seen, seen))

    changed = {
        field
        for field in RunView.__struct_fields__
        if getattr(provisional, field) != getattr(recorded, field)
    }
    assert changed <= {"provisional", "seq", "journal_head", "owner_epoch", "sealed", "observation"}
    assert {"provisional", "seq"} <= changed
    assert (provisional.seq, provisional.owner_epoch) == (state.seq, state.epoch)
    assert provisional.observation is None
    assert recorded.owner_epoch == state.epoch + 1
    assert (recorded.observation is not None) == after.ended
    assert all(event.by == ADA for event in events)


@given(state=states(), seen=looks())
def test_what_is_written_is_legal_and_enough(state: RunState, seen: Seen) -> None:
    """A reconciler's events follow the lifecycle, carry a reason that fits, and leave nothing to conclude."""
    events, after = written(state, seen)

    status = state.status
    for event in events:
        assert may_follow(status, event)
        status = fold(STATUS, [event], msgspec.structs.replace(state, status=status)).status
    assert conclude(after, seen) == ()
    if events and after.status in TERMINAL:
        assert after.status is not None
        reason = after.reason
        assert (reason is None) == (after.status == "succeeded")
        assert reason is None or reason.code in REASONS[after.status]
        assert after.observation is not None
        assert after.observation.at == seen.at
        assert after.observation.exit_record == (seen.exit is not None)
