"""The status projection, given events: what the first fact, the last word and the clock are worth."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given

from runlore.journal import events as e
from runlore.journal.events import AnyEvent, UnknownEvent
from runlore.journal.lifecycle import LEGAL, STATUS_OF, TERMINAL
from runlore.journal.values import (
    Actor,
    Handle,
    Identity,
    Observation,
    Origin,
    Owner,
    Reason,
    Recipe,
    Retention,
    Status,
    Usage,
)
from runlore.projections.fold import fold
from runlore.projections.run_state import BEGINNING, RunState
from runlore.projections.status import STATUS
from tests.journal.forge import AT, RECIPE, RUN
from tests.projections.looks import histories, unlawful_histories

ADA = Actor(user="ada", host="here", pid=1, program="cli")
OWNER = Owner(host="here", identity=Identity(boot_id="b", pid_ns=1, pid=71))


def at(second: float) -> datetime:
    """A moment of the story."""
    return AT + timedelta(seconds=second)


def story(*events: AnyEvent) -> RunState:
    """The state after a queued run's further events."""
    queued = e.RunQueued(seq=1, at=at(0), format=1, run_id=RUN, recipe=RECIPE, name="n", tags={"a": "1"})
    return fold(STATUS, [queued, *events])


BOOTING = e.RunBooting(seq=2, at=at(1), epoch=1, runtime="background", owner=OWNER)
STARTED = e.RunStarted(seq=3, at=at(2), epoch=1, handle=Handle(pid=72))
COLLECTING = e.RunCollecting(
    seq=4, at=at(9), epoch=1, exit_code=3, exited_at=at(8), usage=Usage(cpu_s=1.5, max_rss_bytes=9)
)
FAILED = e.RunFailed(seq=5, at=at(10), epoch=1, exit_code=3, reason=Reason(code="exit_nonzero"))
WHOLE = (BOOTING, STARTED, COLLECTING, FAILED)


def test_a_whole_life_leaves_all_its_landmarks() -> None:
    """Each event of an ordinary run is found again in the state."""
    state = story(*WHOLE)

    assert (state.run_id, state.seq, state.format, state.status) == (RUN, 5, 1, "failed")
    assert (state.created_at, state.booted_at, state.started_at) == (at(0), at(1), at(2))
    assert (state.ended_at, state.last_activity_at, state.reached_at) == (at(8), at(10), at(10))
    assert (state.exit_code, state.signal, state.usage) == (3, None, COLLECTING.usage)
    assert (state.owner, state.handle, state.epoch) == (OWNER, STARTED.handle, 1)
    assert state.reason == FAILED.reason
    assert state.ended
    assert not state.sealed


def test_a_queued_run_tells_what_was_asked_for() -> None:
    """Recipe, labels, key, origin and retention come from the first event."""
    origin = Origin(kind="rerun", run_id="x", attempt=2)
    queued = e.RunQueued(
        seq=1,
        at=AT,
        format=1,
        run_id=RUN,
        recipe=Recipe(argv=("a",), cwd="/", runtime="tmux"),
        key="k",
        origin=origin,
        durability="process",
        retention=Retention(pinned=True),
        boot_id="boot",
    )

    state = fold(STATUS, [queued])

    assert (state.key, state.origin, state.durability, state.pinned) == ("k", origin, "process", True)
    assert (state.runtime, state.boot_id, state.recipe) == ("tmux", "boot", queued.recipe)


def test_an_empty_state_answers_every_question() -> None:
    """Before the first event nothing is known, and nothing fails."""
    state = RunState()

    assert (state.key, state.runtime, state.boot_id, state.recipe) == ("", "", "", None)
    assert (state.exit_code, state.signal, state.reason, state.observation) == (None,) * 4
    assert (state.ended, state.sealed, state.origin, state.usage) == (False, False, None, None)
    assert state.durability == "power"


@pytest.mark.parametrize("second", [e.RunSucceeded, e.RunFailed, e.RunTimedOut, e.RunCancelled])
def test_a_second_outcome_changes_nothing(second: type[e.Ended]) -> None:
    """The first final event is the outcome, whoever writes another one afterwards."""
    first = story(*WHOLE)
    late = second(seq=6, at=at(99), epoch=9, exit_code=0, ended_at=at(98))

    state = fold(STATUS, [late], first)  # type: ignore[list-item]  # each Ended is a KnownEvent

    assert state.status == "failed"
    assert (state.exit_code, state.ended_at, state.reason) == (3, at(8), FAILED.reason)
    assert (state.epoch, state.last_activity_at) == (1, at(10))
    assert state.seq == 6


@pytest.mark.parametrize(
    "late",
    [
        BOOTING,
        STARTED,
        COLLECTING,
        e.RunProgressed(seq=6, at=at(20), fraction=1.0),
        e.RunResultSet(seq=6, at=at(20), result=1),
        e.RunStopRequested(seq=6, at=at(20), reason="late"),
        e.ArtifactCollected(seq=6, at=at(20), path="x", bytes=1),
        e.OwnerAdopted(seq=6, at=at(20), epoch=5, owner=OWNER),
        e.RunPreviewChanged(seq=6, at=at(20), state="available"),
        e.RunCheckpointed(seq=6, at=at(20), name="c", path="p"),
        UnknownEvent(seq=6, at=at(20), type="run.dreamt", raw=b""),
    ],
    ids=e.tag_of,
)
def test_nothing_terminal_is_ever_overwritten(late: AnyEvent) -> None:
    """After the final event only labels and the like have any effect; time and place move on."""
    before = story(*WHOLE)

    after = fold(STATUS, [late], before)

    moved = {"seq": late.seq, "reached_at": max(before.reached_at, late.at)}
    for field in RunState.__struct_fields__:
        assert getattr(after, field) == moved.get(field, getattr(before, field)), field
    assert story(*WHOLE, late) == after


def test_labels_and_evidence_still_count_after_the_end() -> None:
    """Tags, names, pins and promotions may follow a final event, without making the run look alive."""
    labels: tuple[AnyEvent, ...] = (
        e.RunTagged(seq=6, at=at(20), tags={"b": "2"}, removed=("a",)),
        e.RunRenamed(seq=7, at=at(21), name="other"),
        e.RunPinned(seq=8, at=at(22)),
        e.ArtifactPromoted(seq=9, at=at(23), path="x", sha256="0" * 64),
        e.RunSealed(seq=10, at=at(23), count=9, bytes=1, head="0" * 64),
    )

    state = story(*WHOLE, *labels)

    assert (state.tags, state.name, state.pinned, state.promoted) == ({"b": "2"}, "other", True, True)
    assert (state.promotions, state.promotion and state.promotion.path) == (1, "x")
    assert (state.sealed, state.last_activity_at, state.ended_at) == (True, at(10), at(8))


def test_an_event_behind_the_seal_breaks_it() -> None:
    """Sealed means that the seal is the last word."""
    seal = e.RunSealed(seq=6, at=at(11), count=5, bytes=1, head="0" * 64)

    assert story(*WHOLE, seal).sealed
    assert not story(*WHOLE, seal, e.RunNoted(seq=7, at=at(12), text="x")).sealed


def test_the_first_stop_request_stays() -> None:
    """Asked twice, the first time and reason stand; neither is a status nor a sign of life."""
    first = e.RunStopRequested(seq=4, at=at(5), by=ADA, reason="enough")
    second = e.RunStopRequested(seq=5, at=at(6), reason="really", force=True)

    state = story(BOOTING, STARTED, first, second)

    assert (state.stop, state.stop_at) == (first, at(5))
    assert (state.status, state.last_activity_at) == ("running", at(2))


def test_started_at_is_set_once() -> None:
    """A second start changes neither time nor handle."""
    again = e.RunStarted(seq=4, at=at(7), handle=Handle(pid=99))

    state = story(BOOTING, STARTED, again)

    assert (state.started_at, state.handle) == (at(2), STARTED.handle)


def test_a_command_faster_than_its_start_event_has_complete_times() -> None:
    """Ended before `run.started` was written, it started when its owner took it, at the earliest."""
    state = story(BOOTING, COLLECTING, FAILED)

    assert (state.started_at, state.ended_at) == (at(1), at(8))


def test_a_command_that_was_never_spawned_has_no_start() -> None:
    """A failed spawn ends the run without a start that never was."""
    failed = e.RunFailed(seq=3, at=at(2), reason=Reason(code="spawn_failed", text="no such file"))

    state = story(BOOTING, failed)

    assert (state.status, state.started_at, state.ended_at) == ("failed", None, at(2))


def test_the_exit_the_command_had_is_not_replaced_by_the_final_event() -> None:
    """What `run.collecting` saw of the command's end stands, even if the final event says otherwise."""
    killed = e.RunCollecting(seq=4, at=at(9), how="signalled", signal=9, exited_at=at(8))
    final = e.RunCancelled(seq=5, at=at(10), exit_code=0, ended_at=at(10))

    state = story(BOOTING, STARTED, killed, final)

    assert (state.exit_code, state.signal, state.ended_at) == (None, 9, at(8))


def test_an_exit_nobody_saw_is_filled_in_by_the_final_event() -> None:
    """A run that was only known to be over takes code and time from whoever found out."""
    unseen = e.RunCollecting(seq=4, at=at(9), how="unknown")
    final = e.RunFailed(seq=5, at=at(10), exit_code=4, ended_at=at(7))

    state = story(BOOTING, STARTED, unseen, final)

    assert (state.exit_code, state.ended_at) == (4, at(7))


def test_the_end_of_the_command_is_its_last_activity() -> None:
    """What an exit witnesses is its own moment, not the one in which it was written down."""
    assert story(BOOTING, STARTED, COLLECTING).last_activity_at == at(8)


def test_evidence_from_a_clock_ahead_moves_time_on() -> None:
    """A command that ended later than the journal's clock says is not followed by anything earlier."""
    ahead = e.RunCollecting(seq=4, at=at(9), exit_code=0, exited_at=at(30))
    stored = e.ArtifactCollected(seq=5, at=at(10), path="x", bytes=1)

    for state in (story(BOOTING, STARTED, ahead), story(BOOTING, STARTED, ahead, stored)):
        assert (state.ended_at, state.last_activity_at, state.reached_at) == (at(30), at(30), at(30))


def test_an_end_before_the_start_is_at_the_start() -> None:
    """A clock that stepped back never gives a negative duration."""
    early = e.RunCollecting(seq=4, at=at(9), exit_code=0, exited_at=at(-100))

    assert story(BOOTING, STARTED, early).ended_at == at(2)


def test_time_never_runs_backwards() -> None:
    """Effective time is the largest `at` so far: order is seq, clocks step back."""
    stepped = e.RunBooting(seq=2, at=at(-3600), epoch=1, runtime="background", owner=OWNER)
    after = e.RunProgressed(seq=3, at=at(-1800), message="on it")

    state = story(stepped, after)

    assert (state.booted_at, state.last_activity_at, state.reached_at) == (at(0), at(0), at(0))


def test_a_label_moves_time_but_is_no_activity() -> None:
    """Somebody's note does not make a silent run look busy; the run's next word is as late as the note."""
    noted = e.RunNoted(seq=4, at=at(50), text="still there?")

    silent = story(BOOTING, STARTED, noted)
    spoken = fold(STATUS, [e.RunProgressed(seq=5, at=at(40), message="yes")], silent)

    assert (silent.last_activity_at, silent.reached_at) == (at(2), at(50))
    assert spoken.last_activity_at == at(50)


def test_progress_is_the_last_report_whole() -> None:
    """The last report wins as it stands; nothing is carried over from the one before."""
    first = e.RunProgressed(seq=4, at=at(3), fraction=0.5, message="half")
    last = e.RunProgressed(seq=5, at=at(4), step="three")

    state = story(BOOTING, STARTED, first, last)

    assert state.progress == last
    assert state.last_activity_at == at(4)


def test_the_last_result_preview_and_name_win() -> None:
    """What the workload and its people say anew replaces what they said."""
    state = story(
        BOOTING,
        STARTED,
        e.RunResultSet(seq=4, at=at(3), result=1),
        e.RunResultSet(seq=5, at=at(3), result={"b": 2}),
        e.RunPreviewChanged(seq=6, at=at(3), state="starting"),
        e.RunPreviewChanged(seq=7, at=at(3), state="available", url="http://x"),
        e.RunRenamed(seq=8, at=at(3), name="m"),
        e.RunPinned(seq=9, at=at(3)),
        e.RunUnpinned(seq=10, at=at(3)),
    )

    assert state.result is not None
    assert state.result.result == {"b": 2}
    assert state.preview is not None
    assert state.preview.url == "http://x"
    assert (state.name, state.pinned) == ("m", False)


def test_tags_are_set_over_what_is_removed() -> None:
    """One event may remove and set; a tag named in both is set."""
    state = story(e.RunTagged(seq=2, at=at(1), tags={"b": "2", "c": "3"}, removed=("a", "b", "none")))

    assert state.tags == {"b": "2", "c": "3"}


def test_only_stored_artifacts_are_counted() -> None:
    """What was skipped or too big is on record, and is not there."""
    stored = e.ArtifactCollected(seq=5, at=at(9), path="x", bytes=7)
    skipped = e.ArtifactCollected(seq=6, at=at(9), path="y", outcome="skipped", reason="a link")

    state = story(BOOTING, STARTED, COLLECTING, stored, skipped)

    assert (state.artifact_count, state.artifact_bytes) == (1, 7)


def test_a_new_owner_replaces_the_old_one() -> None:
    """After a take-over the run belongs to the new keeper, under a higher epoch."""
    successor = Owner(host="here", identity=Identity(boot_id="b", pid_ns=1, pid=88))

    state = story(BOOTING, STARTED, e.OwnerAdopted(seq=4, at=at(5), epoch=2, owner=successor))

    assert (state.owner, state.epoch, state.boot_id) == (successor, 2, "b")


def test_an_event_of_a_newer_release_is_a_sign_of_life_and_no_more() -> None:
    """Unknown facts move position and activity only."""
    before = story(BOOTING, STARTED)
    unknown = UnknownEvent(seq=4, at=at(30), type="run.dreamt", raw=b"{}")

    after = fold(STATUS, [unknown], before)

    changed = {
        field for field in RunState.__struct_fields__ if getattr(after, field) != getattr(before, field)
    }
    assert changed == {"seq", "reached_at", "last_activity_at"}


def test_a_reconciled_end_is_dated_by_its_evidence() -> None:
    """Written down days later, the run still ended when it was last heard of."""
    seen = Observation(at=at(9999), owner="free")
    final = e.RunFailed(seq=4, at=at(9999), epoch=2, reason=Reason(code="owner_lost"), observation=seen)

    state = story(BOOTING, STARTED, final)

    assert (state.ended_at, state.last_activity_at, state.exit_code) == (at(2), at(2), None)
    assert state.observation == seen


def test_a_journal_that_continues_a_packed_one_knows_its_run() -> None:
    """Without the packed part there is no status; labels are folded all the same."""
    continued = e.JournalContinued(seq=9, at=at(1), run_id=RUN, format=1, head="0" * 64, offset=99)

    state = fold(STATUS, [continued, e.RunRenamed(seq=10, at=at(2), name="late")])

    assert (state.run_id, state.status, state.name, state.seq) == (RUN, None, "late", 10)
    assert state.last_activity_at == BEGINNING


def _first_of(status: Status) -> list[AnyEvent]:
    """Events that bring a run to a status that is not terminal."""
    order: list[tuple[Status, AnyEvent]] = [
        ("queued", e.RunQueued(seq=1, at=at(0), format=1, run_id=RUN, recipe=RECIPE)),
        ("booting", BOOTING),
        ("running", STARTED),
        ("collecting_artifacts", COLLECTING),
    ]
    names = [name for name, _ in order]
    return [event for _, event in order[: names.index(status) + 1]]


_EVENT_OF: dict[Status, AnyEvent] = {
    "queued": e.RunQueued(seq=9, at=at(9), format=1, run_id=RUN, recipe=RECIPE),
    "booting": BOOTING,
    "running": STARTED,
    "collecting_artifacts": COLLECTING,
    "succeeded": e.RunSucceeded(seq=9, at=at(9)),
    "failed": FAILED,
    "timed_out": e.RunTimedOut(seq=9, at=at(9)),
    "cancelled": e.RunCancelled(seq=9, at=at(9)),
}


@pytest.mark.parametrize("wanted", list(_EVENT_OF))
@pytest.mark.parametrize("current", [name for name, nexts in LEGAL.items() if nexts])
def test_a_status_changes_only_along_the_table(current: Status, wanted: Status) -> None:
    """Every legal arrow is followed; no other is, but that a final event is believed from anywhere."""
    state = fold(STATUS, [*_first_of(current), _EVENT_OF[wanted]])

    legal = wanted in LEGAL[current] or wanted in TERMINAL
    assert state.status == (wanted if legal else current)


@given(events=histories() | unlawful_histories())
def test_an_ended_run_stays_ended(events: list[AnyEvent]) -> None:
    """Whatever follows, a terminal status is the last; what was once set is never set again."""
    seen = [fold(STATUS, events[:count]) for count in range(len(events) + 1)]

    for before, after in pairwise(seen):
        if before.status in TERMINAL:
            assert after.status == before.status
        assert after.reached_at >= before.reached_at
        assert after.last_activity_at >= before.last_activity_at
        assert after.epoch >= before.epoch
        for once in ("created_at", "booted_at", "started_at", "ended_at", "stop", "collecting", "final"):
            value = getattr(before, once)
            assert value is None or getattr(after, once) == value


@given(events=histories())
def test_the_fold_agrees_with_the_lifecycle(events: list[AnyEvent]) -> None:
    """For a journal that a writer wrote, the status is that of its last lifecycle event."""
    expected = [STATUS_OF[type(event)] for event in events if type(event) in STATUS_OF]

    assert fold(STATUS, events).status == expected[-1]
