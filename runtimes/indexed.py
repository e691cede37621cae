"""Answer questions about many runs: from the index where it can be had, else by folding every journal.

The index says which ended runs are meant and how many there are; what is shown of them is folded from
their journals all the same. Runs that have not ended are folded and looked at. So both ways give the same
answer, and where they would not, the index is asked again, and then not at all.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypeVar

from msgspec import Struct

from runlore.journal.disk import Disk
from runlore.journal.errors import NotFound, RunloreError
from runlore.journal.layout import Layout
from runlore.journal.values import RunId
from runlore.projections import filters
from runlore.projections.counts import tallied
from runlore.projections.filters import Filter
from runlore.projections.index import sqlite
from runlore.projections.index.entry import Signature
from runlore.projections.index.live import live_row
from runlore.projections.index.packed import PackedRuns, is_as_known
from runlore.projections.index.reading import Reading, Settled, reading
from runlore.projections.index.survey import signature_of
from runlore.projections.index.wanted import conditions
from runlore.projections.index.where import can_sort, split
from runlore.projections.list_views import PsView
from runlore.projections.selectors import Candidate
from runlore.runtimes.listing import Found, Listing

if TYPE_CHECKING:
    from runlore.projections.order import Order

_TRIES: Final = 3
_COMPARED: Final = 100
"""Runs whose journals are compared with the index before one of them is chosen: the latest come first."""
Answer = TypeVar("Answer")


class Page(Struct, frozen=True, kw_only=True):
    """Some runs, in order, and how many there are in all."""

    items: list[Found]
    counts: Counter[str | None]
    damaged: int
    next: str | None = None

    @property
    def truncated(self) -> bool:
        """More match than are shown."""
        return len(self.items) < self.counts.total()

    def view(self, now: datetime) -> PsView:
        """Return what is shown of them."""
        return PsView(
            as_of=now,
            items=[run.view(now) for run in self.items],
            counts=tallied(self.counts),
            damaged=self.damaged,
            truncated=self.truncated,
            next=self.next,
        )


class Stale(Exception):
    """Rows of the index are not what the journals say."""

    def __init__(self, run_ids: Iterable[RunId]) -> None:
        super().__init__()
        self.run_ids: Final = frozenset(run_ids)


class IndexedListing:
    """Finds the runs of one registry, however many there are."""

    def __init__(self, disk: Disk, layout: Layout, listing: Listing) -> None:
        self._disk, self._layout, self._listing = disk, layout, listing

    def page(self, filter_: Filter) -> Page:
        """Return the runs that match, in order, up to the limit.

        Where fields are asked for that the index has not, the journals of all runs that may match are folded.

        Raises:
            NotFound: there is no registry.
        """
        page = self._asked(lambda index: self._page(index, filter_))
        return page or _paged(filters.select(filter_, self._listing.all()))

    def recent(self, finished: int = filters.RECENT, order: "Order | None" = None) -> Page:
        """Return the live runs and the last few that ended, newest first or in another order.

        Raises:
            NotFound: there is no registry.
        """
        page = self._asked(lambda index: self._recent(index, finished, order))
        return page or _paged(filters.recent(self._listing.all(), finished, order))

    def candidates(self, word: str | None, *, observed: bool) -> list[Candidate]:
        """Return every run that `word` could mean, and perhaps others; without a word, the latest ones too.

        Raises:
            NotFound: there is no registry.
        """
        found = self._asked(lambda index: self._candidates(index, word, observed=observed))
        if found is None:
            return [each.candidate for each in self._listing.all(observed=observed)]
        return found

    def _asked(self, ask: Callable[[Reading], Answer]) -> Answer | None:
        """Return what the index answers; None if it cannot."""
        suspects: frozenset[RunId] = frozenset()
        for _ in range(_TRIES):
            try:
                with reading(self._disk, self._layout, suspects) as index:
                    return None if index is None else ask(index)
            except Stale as stale:
                suspects = stale.run_ids
            except RunloreError:
                raise
            except sqlite.Failed:
                return None
        return None

    def _page(self, index: Reading, filter_: Filter) -> Page:
        looked = [run for run in self._listing.all(index.unsettled) if filters.matches(filter_, run)]
        if split(filter_.where).left is not None or not can_sort(filter_.order):
            found = self._settled(index.possible(filter_))
            return _paged(filters.select(filter_, [*looked, *found]))
        counts = _counted(looked)
        matching = index.counts(filter_)
        counts.update(matching)
        settled = self._settled(index.newest(filter_, filter_.limit, matching))
        items = filters.ordered([*looked, *settled], filter_.order)[: filter_.limit]
        more = len(items) < counts.total()
        return Page(
            items=items,
            counts=counts,
            damaged=_damaged(looked),
            next=filters.cursor(items[-1], filter_.order) if more and items else None,
        )

    def _recent(self, index: Reading, finished: int, order: "Order | None") -> Page:
        before = {run_id: signature_of(self._layout.journal(run_id)) for run_id in index.unsettled}
        looked = self._listing.all(index.unsettled)
        counts = _counted(looked)
        ended = index.counts(Filter())
        counts.update(ended)
        settled = self._settled(index.newest(Filter(), finished, ended))
        chosen = filters.recent([*looked, *settled], finished, order)
        index.remember(_going_on(looked, before))
        return Page(items=chosen.items, counts=counts, damaged=_damaged(looked))

    def _candidates(self, index: Reading, word: str | None, *, observed: bool) -> list[Candidate]:
        looked = self._listing.all(index.unsettled, observed=observed)
        found = {run.run_id: run.candidate for run in looked}
        for condition, values, last in conditions(word):
            meant = index.meant(condition, values, last=last)
            stale = [each.run_id for each, seen in meant[:_COMPARED] if self._is_stale(each.run_id, seen)]
            if stale:
                raise Stale(stale)
            found.update((each.run_id, each) for each, _ in meant)
        return list(found.values())

    def _settled(self, chosen: Iterable[Settled]) -> Iterator[Found]:
        """Yield settled runs, folded from their journals.

        Raises:
            Stale: one of the journals is not the one that the index knows; said after the last one.
        """
        stale: list[RunId] = []
        packed = PackedRuns(self._disk, self._layout)
        for each in chosen:
            try:
                found = self._listing.one(each.run_id, packed.known(each.run_id, each.signature))
            except NotFound:
                stale.append(each.run_id)
                continue
            if self._is_stale(each.run_id, each.signature):
                stale.append(each.run_id)
            yield found
        if stale:
            raise Stale(stale)

    def _is_stale(self, run_id: RunId, known: Signature) -> bool:
        return not is_as_known(self._disk, self._layout, run_id, known)


def _going_on(
    looked: Iterable[Found], before: Mapping[RunId, Signature | None]
) -> Iterator[tuple[object, ...]]:
    """Yield the rows of those that are owned; before: their journals, before they were folded."""
    for found in looked:
        seen, signature = found.look.seen if found.look else None, before[found.run_id]
        if seen is not None and signature is not None and seen.owner == "held":
            row = live_row(found.row, signature)
            if row is not None:
                yield row


def _paged(chosen: filters.Selected[Found]) -> Page:
    return Page(
        items=chosen.items,
        counts=_counted(chosen.matched),
        damaged=_damaged(chosen.matched),
        next=chosen.next,
    )


def _counted(runs: Iterable[Found]) -> Counter[str | None]:
    return Counter(run.status for run in runs)


def _damaged(runs: Iterable[Found]) -> int:
    return sum(run.row.problem is not None for run in runs)
