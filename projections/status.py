"""The status projection: everything the run view says that the journal alone can know.

Rules, each with its test. The first fact of a kind counts: started_at, ended_at, exit code and stop
request once set are never replaced, and nothing is overwritten once the run has ended. A status
changes only along the lifecycle table. Time is the running maximum of `at`, because clocks step back.
Activity is what the run itself did: somebody's label, request or verdict does not make it look alive.
Pure.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from runlore.journal import events as e
from runlore.journal.events import AnyEvent, RunProgressed
from runlore.journal.lifecycle import AFTER_END, LEGAL, STATUS_OF, TERMINAL
from runlore.journal.values import RunId, Seq
from runlore.projections.fold import Step, TableProjection
from runlore.projections.run_state import RunState, Working, freeze, thaw

__all__ = ["NOTED", "STATUS", "STEPS", "RunState", "StatusProjection"]


class StatusProjection(TableProjection[RunState]):
    """Folds events into a RunState. `run.progressed`, the chatter, is kept out of the table's way."""

    def __init__(self) -> None:
        super().__init__("status", 4, RunState, STEPS)

    def fold(self, events: Iterable[AnyEvent], state: RunState) -> RunState:
        """Return the state after all of `events`; `state` itself stays as it was."""
        working, stream = thaw(state), iter(events)
        last = None
        if working.status not in TERMINAL:
            last = self._until_end(working, stream)
        for event in stream:
            last = event
            working.reached_at = max(working.reached_at, event.at)
            kind = event.__class__
            if kind in _STEPS_AFTER_END:
                _STEPS_AFTER_END[kind](working, event)
        if last is not None:
            working.seq = Seq(last.seq)
        return freeze(working)

    def _until_end(self, working: Working, stream: Iterable[AnyEvent]) -> AnyEvent | None:
        """Fold up to the final event, and return the last event folded.

        Chatter moves three locals only; they are brought into the state before anything reads it.
        """
        step_of, chatter, event = STEPS.get, RunProgressed, None
        now, active = working.reached_at, working.last_activity_at
        latest: AnyEvent | None = working.progress
        for event in stream:
            at = event.at
            if at > now:  # noqa: PLR1730 - max() would cost a tenth of the fold
                now = at
            kind = event.__class__
            if kind is chatter:
                active, latest = now, event
                continue
            if kind in SIGNS_OF_LIFE:
                active = now
            step = step_of(kind)
            if step is None:
                continue
            if kind not in TIMED:
                step(working, event)
                continue
            working.reached_at, working.last_activity_at = now, active
            step(working, event)
            if working.final is not None:
                break
            now, active = working.reached_at, working.last_activity_at
        else:
            working.reached_at, working.last_activity_at = now, active
        working.progress = latest  # type: ignore[assignment]  # its class was chatter's
        return event


def _become(state: Working, event: AnyEvent) -> bool:
    """Take the status that the event stands for, if the lifecycle has that arrow.

    A final event is believed from any status: whatever went wrong before it, that run has ended.
    """
    wanted = STATUS_OF[type(event)]
    if state.status is None or (wanted not in LEGAL[state.status] and wanted not in TERMINAL):
        return False
    state.status = wanted
    state.epoch = max(state.epoch, event.epoch)
    return True


def _queued(state: Working, event: e.RunQueued) -> None:
    if state.run_id:
        return
    state.run_id, state.format = RunId(event.run_id), event.format
    state.status, state.queued, state.created_at = "queued", event, state.reached_at
    state.name, state.tags = event.name, event.tags
    state.pinned = event.retention is not None and event.retention.pinned
    recipe = event.recipe
    state.declares = bool(recipe.artifacts or recipe.reports or recipe.required)


def _continued(state: Working, event: e.JournalContinued) -> None:
    if not state.run_id:
        state.run_id, state.format = RunId(event.run_id), event.format


def _booting(state: Working, event: e.RunBooting) -> None:
    if _become(state, event):
        state.booting, state.owner, state.booted_at = event, event.owner, state.reached_at


def _started(state: Working, event: e.RunStarted) -> None:
    if _become(state, event):
        state.handle, state.started_at = event.handle, state.reached_at


def _readied(state: Working, _event: e.RunReadied) -> None:
    state.ready = True


def _preview(state: Working, event: e.RunPreviewChanged) -> None:
    state.preview = event


def _result(state: Working, event: e.RunResultSet) -> None:
    state.result = event


def _stop(state: Working, event: e.RunStopRequested) -> None:
    if state.stop is None:
        state.stop, state.stop_at = event, state.reached_at


def _collecting(state: Working, event: e.RunCollecting) -> None:
    """The command ended: this witnesses that moment, whoever wrote it down and however late."""
    if not _become(state, event):
        return
    state.collecting = event
    if state.started_at is None:
        state.started_at = state.booted_at
    if event.exited_at is None:
        state.last_activity_at = state.reached_at
    else:
        _end(state, event.exited_at)


def _final(state: Working, event: e.FinalEvent) -> None:
    if not _become(state, event):
        return
    state.final = event
    if event.observation is None:
        _end(state, event.ended_at or state.reached_at)
        state.last_activity_at = state.reached_at
    else:
        _end(state, event.ended_at or state.last_activity_at)


def _end(state: Working, at: datetime) -> None:
    """Note when the command ended; the first evidence counts.

    The run was active then, and it is not earlier now: evidence moves the effective time, too.
    """
    if state.ended_at is None:
        state.ended_at = max(at, state.started_at or state.created_at or at)
    state.last_activity_at = max(state.last_activity_at, at)
    state.reached_at = max(state.reached_at, at)


def _declared(state: Working, _event: e.ArtifactDeclared) -> None:
    state.declares = True


def _artifact(state: Working, event: e.ArtifactCollected) -> None:
    if event.outcome == "stored":
        state.artifact_count += 1
        state.artifact_bytes += event.bytes


def _adopted(state: Working, event: e.OwnerAdopted) -> None:
    state.owner, state.epoch = event.owner, max(state.epoch, event.epoch)
    state.output_dropped = state.output_dropped or event.drops_output


def _tagged(state: Working, event: e.RunTagged) -> None:
    tags = state.tags | event.tags
    for name in event.removed:
        if name not in event.tags:
            tags.pop(name, None)
    state.tags = tags


def _renamed(state: Working, event: e.RunRenamed) -> None:
    state.name = event.name


def _pinned(state: Working, _event: e.RunPinned) -> None:
    state.pinned = True


def _unpinned(state: Working, _event: e.RunUnpinned) -> None:
    state.pinned = False


def _promoted(state: Working, event: e.ArtifactPromoted) -> None:
    state.promoted, state.promotion = True, event
    state.promotions += 1


def _accepted(state: Working, event: e.RunAccepted) -> None:
    state.accepted = True
    state.acceptance = state.acceptance or event


def _expired(state: Working, event: e.RunExpired) -> None:
    """Take the decision that counts: one made while another stands changes nothing."""
    if state.expired is None:
        state.expired, state.expired_at = event, state.reached_at


def _removed(state: Working, event: e.RunRemoved) -> None:
    if state.removed is None:
        state.removed, state.removed_at = event, state.reached_at


def _restored(state: Working, _event: e.RunRestored) -> None:
    if state.removed is None:
        state.expired = state.expired_at = None
        state.restored = True


def _sealed(state: Working, event: e.RunSealed) -> None:
    state.sealed_seq = Seq(event.seq)


STEPS: Final[Mapping[type, Step]] = {
    e.RunQueued: _queued,
    e.RunBooting: _booting,
    e.RunStarted: _started,
    e.RunReadied: _readied,
    e.RunPreviewChanged: _preview,
    e.RunResultSet: _result,
    e.RunStopRequested: _stop,
    e.RunCollecting: _collecting,
    e.ArtifactDeclared: _declared,
    e.ArtifactCollected: _artifact,
    e.RunSucceeded: _final,
    e.RunFailed: _final,
    e.RunTimedOut: _final,
    e.RunCancelled: _final,
    e.RunSealed: _sealed,
    e.OwnerAdopted: _adopted,
    e.RunTagged: _tagged,
    e.RunRenamed: _renamed,
    e.RunPinned: _pinned,
    e.RunUnpinned: _unpinned,
    e.ArtifactPromoted: _promoted,
    e.RunAccepted: _accepted,
    e.RunExpired: _expired,
    e.RunRemoved: _removed,
    e.RunRestored: _restored,
    e.JournalContinued: _continued,
}
"""What each event changes. `run.progressed` is not here: the fold takes it by itself."""

NOTED: Final = frozenset(
    {
        e.RunCheckpointed,
        e.RunNoted,
        e.JournalRepaired,
        e.TextRedacted,
        e.UnknownEvent,
    }
)
"""Events of which the state keeps at most that the run was alive."""

TIMED: Final = frozenset({*STATUS_OF, e.RunStopRequested, e.RunExpired, e.RunRemoved})
"""Events of which the state keeps the time."""

SIGNS_OF_LIFE: Final = frozenset(
    {
        e.RunQueued,
        e.RunBooting,
        e.RunStarted,
        e.RunReadied,
        e.RunPreviewChanged,
        e.RunCheckpointed,
        e.RunResultSet,
        e.ArtifactDeclared,
        e.ArtifactCollected,
        e.OwnerAdopted,
        e.UnknownEvent,
    }
)
"""Events by which the run itself shows that it lives, beside its progress. Its end has rules of its own."""

_STEPS_AFTER_END: Final[Mapping[type, Step]] = {
    kind: step for kind, step in STEPS.items() if kind in AFTER_END
}

STATUS: Final = StatusProjection()
