"""Ask a run to stop: put the wish into its journal, then ring. Its keeper does the stopping."""

from datetime import datetime
from typing import Final

from msgspec import Struct

from runlore.journal import events
from runlore.journal.disk import Disk
from runlore.journal.errors import AlreadyEnded, NotFound
from runlore.journal.feed import Feed
from runlore.journal.layout import Layout
from runlore.journal.reader import fold_run
from runlore.journal.scan import Record
from runlore.journal.values import Actor, RunId, Seconds, Seq
from runlore.journal.writer import Redact, Writer
from runlore.runtimes.bell import ring

WISH: Final = "the request to stop it"


class StopRequest(Struct, frozen=True, kw_only=True):
    """What the journal says about stopping this run."""

    first: bool
    """Nobody had asked before; otherwise the first request's time and reason stand."""
    record: Record | None
    """What was appended now: nothing, unless it was the first request or forces one that did not."""
    at: datetime
    reason: str


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
            raise AlreadyEnded(run_id, WISH)
    if not seen:
        raise NotFound(f"run {run_id} has no journal in {layout.journals}")
    return found
