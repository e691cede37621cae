"""Ask a run to stop: put the wish into its journal, then ring. Its keeper does the stopping."""

from datetime import datetime
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from runlore.journal import events
from runlore.journal.disk import Disk
from runlore.journal.errors import AlreadyEnded, BadInput, NoKeeper, NotFound
from runlore.journal.event_chunks import fold_run
from runlore.journal.feed import Feed
from runlore.journal.layout import Layout
from runlore.journal.scan import Record
from runlore.journal.values import Actor, RunId, Seconds, Seq
from runlore.journal.writer import Redact, Writer
from runlore.runtimes.bell import ring
from runlore.runtimes.folding import RunFold
from runlore.runtimes.run_secrets import secrets_about

if TYPE_CHECKING:
    from runlore.runtimes.registry import Registry

_WISH: Final = "the request to stop it"


class StopRequest(Struct, frozen=True, kw_only=True):
    """What the journal says about stopping this run."""

    first: bool
    """Nobody had asked before; otherwise the first request's time and reason stand."""
    record: Record | None
    """What was appended now: nothing, unless it was the first request or forces one that did not."""
    at: datetime
    reason: str


def stop(
    registry: "Registry", run_id: RunId, reason: str, *, force: bool, grace_s: Seconds | None
) -> StopRequest:
    """Return the request that counts, once somebody is there to carry it out: see `Run.stop`."""
    if grace_s is not None and not 0 <= grace_s < float("inf"):
        raise BadInput(f"grace {grace_s} is not a number of seconds from 0 on")
    registry.require_writable()
    _require_keeper(registry, run_id)
    return request_stop(
        registry.disk,
        registry.layout,
        run_id,
        by=registry.by,
        reason=reason,
        force=force,
        grace_s=grace_s,
        redact=secrets_about(registry.disk, registry.layout, run_id).event,
    )


def request_stop(
    disk: Disk,
    layout: Layout,
    run_id: RunId,
    *,
    by: Actor,
    reason: str = "",
    force: bool = False,
    grace_s: Seconds | None = None,
    redact: Redact | None = None,
) -> StopRequest:
    """Return the request that counts, durable, after ringing the keeper's bell.

    Without a live keeper nobody hears it; whoever acts on runs without one looks at their health first.

    Raises:
        AlreadyEnded: there is nothing to stop. NotFound: no such run.
        CorruptJournal, NewerFormat, JournalIO: the wish could not be recorded.
    """
    asked = _requests(disk, layout, run_id)
    if asked and (not force or any(event.force for event in asked)):
        ring(layout, run_id)
        return StopRequest(first=False, record=None, at=asked[0].at, reason=asked[0].reason)

    def draft(seq: Seq, at: datetime) -> events.Event:
        return events.RunStopRequested(seq=seq, at=at, by=by, reason=reason, force=force, grace_s=grace_s)

    writer = Writer(disk, layout, run_id, feed=Feed(disk, layout), redact=redact)
    try:
        record = writer.append(draft)
    finally:
        writer.close()
    ring(layout, run_id)
    first = asked[0] if asked else record.event
    assert isinstance(first, events.RunStopRequested)  # noqa: S101 - the draft above
    return StopRequest(first=not asked, record=record, at=first.at, reason=first.reason)


def _requests(disk: Disk, layout: Layout, run_id: RunId) -> list[events.RunStopRequested]:
    """Return the stop requests of a run that has not ended, oldest first."""
    found: list[events.RunStopRequested] = []
    seen = False
    for event in fold_run(disk, layout, run_id):
        seen = True
        if isinstance(event, events.RunStopRequested):
            found.append(event)
        elif isinstance(event, events.Ended):
            raise AlreadyEnded(run_id, _WISH)
    if not seen:
        raise NotFound(f"run {run_id} has no journal in {layout.journals}")
    return found


def _require_keeper(registry: "Registry", run_id: RunId) -> None:
    """Return if somebody is, or will be, there to stop the run.

    Raises:
        AlreadyEnded: it is over. NoKeeper: nobody is.
    """
    found = registry.observer.look(RunFold(registry.disk, registry.layout, run_id)).assessment
    if found.state.ended:
        registry.settle(run_id)
        raise AlreadyEnded(run_id, _WISH)
    if found.health != "unsupervised":
        return
    from runlore.runtimes.rescue import rescue  # noqa: PLC0415 - rare

    answer = rescue(registry.layout, run_id, found.state)
    if answer in {"failed", "newer"}:
        why = (
            "none could be started"
            if answer == "failed"
            else "only the later release that began it can give it one"
        )
        raise NoKeeper(
            f"run {run_id} has no keeper that could stop it, and {why}; see `runlore show {run_id}`"
        )
