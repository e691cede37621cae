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


def rows_as_of(disk: Disk, layout: Layout, at: datetime) -> tuple[list[Row], int]:
    """Return the runs that had begun by then, as their journals told then, and how many are left out.

    Left out are those whose outputs were removed since: nothing tells any more what they were. One whose
    journal cannot be read is as it is now.

    Raises:
        NotFound: there is no registry. JournalIO: the disk refused.
    """
    found: list[Row] = []
    left_out = 0
    for row in fold_registry(disk, layout).rows:
        began, removed = row.state.created_at, row.state.expired_at
        if row.state.expired is not None:
            left_out += began is not None and began <= at and removed is not None and removed > at
            continue
        if row.problem is not None:
            if began is None or began <= at:
                found.append(row)
            continue
        if row.state.reached_at > at:
            state = fold(STATUS, _until(fold_run(disk, layout, row.run_id), at), STATUS.initial())
            row = structs.replace(row, state=state)  # noqa: PLW2901 - the same run, earlier
        if row.state.seq:
            found.append(row)
    return found, left_out


def _until(events: Iterable[AnyEvent], at: datetime) -> Iterator[AnyEvent]:
    """Yield the events before the first that came later; what follows came later still, whatever it says."""
    for event in events:
        if event.at > at:
            return
        yield event
