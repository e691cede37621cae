"""Folding: where it is interrupted, and what it is handed, never shows in the result."""

from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlore.journal.events import AnyEvent, RunNoted, RunProgressed, RunQueued
from runlore.projections.fold import KINDS, Projection, TableProjection, fold
from runlore.projections.run_state import RunState
from runlore.projections.status import NOTED, STATUS, STEPS
from runlore.projections.timeline import TIMELINE, Timeline
from tests.journal.forge import AT, RECIPE, RUN
from tests.projections.looks import histories, unlawful_histories

QUEUED = RunQueued(seq=1, at=AT, format=1, run_id=RUN, recipe=RECIPE)


class Counting:
    """A projection as a user would write one: no table, and a state that is a plain number."""

    name = "counting"
    version = 1

    def initial(self) -> int:
        return 0

    def apply(self, state: int, event: AnyEvent) -> int:
        return state + event.seq


def _kept(state: list[str], event: AnyEvent) -> None:
    state.append(type(event).__name__)


NOTES: TableProjection[list[str]] = TableProjection("notes", 1, list, {RunNoted: _kept})


@pytest.mark.parametrize("projection", [STATUS, TIMELINE, NOTES, Counting()], ids=lambda each: each.name)
@given(events=histories() | unlawful_histories(), cut=st.integers(0, 30))
def test_a_fold_taken_up_again_equals_one_from_the_start(
    projection: Projection[object], events: list[AnyEvent], cut: int
) -> None:
    """A snapshot is only an optimisation: where it was taken never shows in the result."""
    resumed = fold(projection, events[cut:], fold(projection, events[:cut]))

    assert resumed == fold(projection, events)


@given(events=histories() | unlawful_histories())
def test_event_by_event_gives_what_one_pass_gives(events: list[AnyEvent]) -> None:
    """The fast loop over chatter and the single step are the same projection."""
    state: RunState = STATUS.initial()
    lines: Timeline = TIMELINE.initial()
    for event in events:
        state, lines = STATUS.apply(state, event), TIMELINE.apply(lines, event)

    assert state == fold(STATUS, events)
    assert lines == fold(TIMELINE, events)


@given(events=histories())
def test_a_snapshot_survives_being_stored(events: list[AnyEvent]) -> None:
    """A state is plain data: encoded and read back, it is the same and folds on the same way."""
    cut = len(events) // 2
    stored = msgspec.json.encode(fold(STATUS, events[:cut]))

    restored = msgspec.json.decode(stored, type=RunState)

    assert fold(STATUS, events[cut:], restored) == fold(STATUS, events)


def test_folding_on_leaves_the_state_before_it_alone() -> None:
    """Whoever holds a state may keep it: nothing that happens later changes it."""
    before = fold(STATUS, [QUEUED])
    copy = msgspec.structs.replace(before)

    fold(STATUS, [RunNoted(seq=2, at=AT, text="x"), RunProgressed(seq=3, at=AT, fraction=1.0)], before)

    assert before == copy
    with pytest.raises(AttributeError):
        before.name = "x"  # type: ignore[misc]  # the type says so, too


def test_events_may_come_from_a_stream() -> None:
    """A fold takes any iterable once, so that a journal of any length needs no list."""

    def stream() -> Iterable[AnyEvent]:
        yield QUEUED
        yield RunProgressed(seq=2, at=AT, message="on it")

    assert fold(STATUS, stream()).seq == 2


def test_nothing_to_fold_is_the_beginning() -> None:
    """No event, no state but the first."""
    assert fold(STATUS, []) == STATUS.initial() == RunState()


def test_a_class_without_a_step_changes_nothing() -> None:
    """A table names what it is about; everything else passes by."""
    assert fold(NOTES, [QUEUED, RunNoted(seq=2, at=AT, text="x")]) == ["RunNoted"]


def test_the_status_projection_knows_every_kind_of_event() -> None:
    """An event class that is added later has to be given a meaning here, or be said to have none."""
    assert set(STEPS) | NOTED | {RunProgressed} == KINDS
    assert not set(STEPS) & NOTED
