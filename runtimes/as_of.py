"""Runs as they were at a time: of each journal what had come by then. Reads only."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from msgspec import structs

from runlore.journal.disk import Disk
from runlore.journal.event_chunks import fold_run
from runlore.journal.events import AnyEvent
from runlore.journal.layout import Layout
from runlore.projections.fold import fold
from runlore.projections.registry import Row, fold_registry
from runlore.projections.status import STATUS


def rows_as_of(disk: Disk, layout: Layout, at: datetime) -> list[Row]:
    """Return the runs that had begun by then, as their journals told then.

    Those whose outputs were removed since are left out: nothing tells any more what they were.

    Raises:
        NotFound: there is no registry. JournalIO: the disk refused.
    """
    found: list[Row] = []
    for row in fold_registry(disk, layout).rows:
        if row.state.expired is not None or row.problem is not None:
            continue
        if row.state.reached_at > at:
            state = fold(STATUS, _until(fold_run(disk, layout, row.run_id), at), STATUS.initial())
            row = structs.replace(row, state=state)  # noqa: PLW2901 - the same run, earlier
        if row.state.seq:
            found.append(row)
    return found


def _until(events: Iterable[AnyEvent], at: datetime) -> Iterator[AnyEvent]:
    """Yield the events before the first that came later; what follows came later still, whatever it says."""
    for event in events:
        if event.at > at:
            return
        yield event
