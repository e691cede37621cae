"""A list of all runs that is kept up: a look reads only what is new, and needs nothing derived.

Runs that have not ended are looked at each time. Of the others the journals are compared in turn, so
that a label set later shows after a while, however many there are.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from runlore.journal.disk import Disk
from runlore.journal.errors import JournalIO, NotFound
from runlore.journal.journal_ids import journal_ids
from runlore.journal.layout import Layout
from runlore.journal.values import RunId
from runlore.projections import filters
from runlore.projections.list_views import PsView
from runlore.runtimes.folding import RunFold
from runlore.runtimes.listing import Found, Listing, page_of
from runlore.runtimes.observe import Observer

if TYPE_CHECKING:
    from runlore.projections.order import Order

_AT_ONCE: Final = 1000
"""Journals of ended runs that one look compares; 1 µs each, nearly."""
_SETTLED_NS: Final = 2_000_000_000
"""A folder whose mtime is older than this has no change that the same mtime could hide."""


class _Kept(Struct):
    """A run as it was found last."""

    found: Found
    folded: RunFold | None
    """Of a run that goes on."""
    file: tuple[int, int]
    """Inode and size of its journal then."""


class KeptListing:
    """The runs of one registry. For one thread."""

    def __init__(self, disk: Disk, layout: Layout, observer: Observer) -> None:
        self._disk, self._layout, self._observer = disk, layout, observer
        self._listing = Listing(disk, layout, observer)
        self._kept: dict[RunId, _Kept] = {}
        self._folder_ns = -1
        self._turn: list[RunId] = []
        self._unborn: set[RunId] = set()
        """Journals that had no whole first event yet: it comes without a change of the folder."""

    def page(self, wanted: filters.Filter | None, order: "Order | None" = None) -> PsView:
        """Return the runs that match now; None: the live ones and the last few that ended, in this order.

        Raises:
            NotFound: there is no registry any more. JournalIO: the disk refused.
        """
        self._look()
        now, all_runs = self._disk.now(), [kept.found for kept in self._kept.values()]
        chosen = filters.recent(all_runs, order=order) if wanted is None else filters.select(wanted, all_runs)
        return page_of(chosen, now)

    def _look(self) -> None:
        self._find()
        for run_id in sorted(self._unborn):
            self._take(run_id)
        for run_id, kept in list(self._kept.items()):
            if kept.folded is not None:
                self._advance(run_id, kept, kept.folded)
        for run_id in self._next_turn():
            kept_run = self._kept.get(run_id)
            if kept_run is not None and kept_run.folded is None and self._file(run_id) != kept_run.file:
                self._take(run_id)

    def _find(self) -> None:
        """Take in the runs that are new, and forget those whose journals are gone."""
        changed_ns = self._changed_ns()
        if changed_ns == self._folder_ns:
            return
        there = journal_ids(self._disk, self._layout)
        for run_id in self._kept.keys() - set(there):
            del self._kept[run_id]
        self._unborn.intersection_update(there)
        for run_id in there:
            if run_id not in self._kept:
                self._take(run_id)
        settled = _nanoseconds(self._disk.now()) - changed_ns > _SETTLED_NS
        self._folder_ns = changed_ns if settled else -1

    def _changed_ns(self) -> int:
        try:
            return self._disk.stat_path(self._layout.journals).mtime_ns
        except FileNotFoundError:
            raise NotFound(f"the registry at {self._layout.root} is gone") from None
        except OSError as error:
            raise JournalIO(f"{self._layout.journals}: {error.strerror}") from error

    def _take(self, run_id: RunId) -> None:
        """Read a run from its beginning."""
        file = self._file(run_id)
        found = next(iter(self._listing.all([run_id])), None)
        if found is None:  # removed again, or nothing of it is whole yet
            self._kept.pop(run_id, None)
            self._unborn.add(run_id)
            return
        self._unborn.discard(run_id)
        goes_on = not found.row.state.ended and found.row.problem is None
        folded = RunFold(self._disk, self._layout, run_id) if goes_on else None
        self._kept[run_id] = _Kept(found, folded, file)

    def _advance(self, run_id: RunId, kept: _Kept, folded: RunFold) -> None:
        try:
            look = self._observer.look(folded)
        except NotFound:
            del self._kept[run_id]
            return
        if folded.has_ended() or folded.verdict.state == "corrupt":
            self._take(run_id)
        else:
            kept.found = self._listing.looked(folded, look)

    def _next_turn(self) -> list[RunId]:
        """Return the runs whose turn it is to be compared."""
        if not self._turn:
            self._turn = list(self._kept)
        turn, self._turn = self._turn[:_AT_ONCE], self._turn[_AT_ONCE:]
        return turn

    def _file(self, run_id: RunId) -> tuple[int, int]:
        try:
            found = self._disk.stat_path(self._layout.journal(run_id))
        except OSError:
            return 0, 0
        return found.inode, found.size


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000_000)
