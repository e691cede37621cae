"""Read from the index what is right now; or learn that it cannot be had, and fold instead.

An index that is missing, damaged or of an older release is made anew in passing, where that is allowed.
One of a newer release is left alone. Nobody but the owner of the root writes here: files of another user
would lock the owner out.
"""

import os
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from stat import S_IWGRP, S_IWOTH
from typing import Final, cast

from msgspec import Struct

from runlore.journal.disk import REAL, Disk
from runlore.journal.errors import RunloreError
from runlore.journal.layout import Layout
from runlore.journal.values import RunId, Status
from runlore.projections.filters import Filter
from runlore.projections.index import generations, sqlite
from runlore.projections.index.asking import counting, finding
from runlore.projections.index.entry import Signature
from runlore.projections.index.refresh import make, refresh
from runlore.projections.index.store import OtherVersion, Store
from runlore.projections.index.times import moment
from runlore.projections.selectors import Candidate

_REMADE: Final = 2
_DAMAGED: Final = frozenset({1, 11, 26})
"""SQLITE_ERROR (a table is missing), SQLITE_CORRUPT, SQLITE_NOTADB; see sqlite.org/rescode.html."""


class Settled(Struct, frozen=True, gc=False):
    """A settled run, as far as its place in a list goes."""

    run_id: RunId
    created_us: int
    signature: Signature


class Reading:
    """The index at one moment. Everything may raise `sqlite.Failed`."""

    def __init__(self, store: Store, unsettled: list[RunId]) -> None:
        self._store = store
        self.unsettled: Final = unsettled
        """Runs that the index says nothing about: fold their journals."""

    @property
    def connection(self) -> sqlite.Connection:
        """What others may read by, in this same moment."""
        return self._store.connection

    def counts(self, filter_: Filter) -> dict[str, int]:
        """Return how many settled runs match, by status."""
        found = self._store.select(*counting(filter_))
        return {cast("str", status): cast("int", count) for status, count in found}

    def newest(self, filter_: Filter, limit: int | None, counts: Mapping[str, int]) -> Iterator[Settled]:
        """Yield the first settled runs that match, in order; counts: how many do, by status."""
        if counts:
            total = sum(self.counts(Filter()).values())
            yield from self._found(*finding(filter_, limit, sum(counts.values()), total))

    def possible(self, filter_: Filter) -> Iterator[Settled]:
        """Yield all settled runs that match as far as the rows can tell, in order as far as they can."""
        return self._found(*finding(filter_, None, 0, 0))

    def _found(self, query: str, values: Sequence[object]) -> Iterator[Settled]:
        found = self._store.select(query, values)
        for run_id, created, *seen in found:
            yield Settled(cast("RunId", run_id), cast("int", created), cast("Signature", tuple(seen)))

    def remember(self, rows: Iterable[Sequence[object]]) -> None:
        """Leave rows of `live` for the next listing; the last thing that may be asked of this moment."""
        try:
            self._store.remember(rows)
        except sqlite.Failed:
            return

    def meant(
        self, condition: str, values: Iterable[str], *, last: bool
    ) -> list[tuple[Candidate, Signature]]:
        """Return the settled runs that a condition finds; of these, perhaps only the last one."""
        query = (
            "SELECT run_id, name, key, external_id, status, created_us, inode, size, mtime_ns FROM runs "
            f"WHERE settled = 1 AND ({condition}) ORDER BY created_us DESC, run_id DESC"
        ) + (" LIMIT 1" if last else "")
        return [_candidate(*row) for row in self._store.select(query, list(values))]


def _candidate(*row: object) -> tuple[Candidate, Signature]:
    run_id, name, key, external_id, status, created_us, *seen = row
    found = Candidate(
        run_id=cast("RunId", run_id),
        name=cast("str | None", name) or "",
        key=cast("str | None", key) or "",
        external_id=cast("str | None", external_id) or "",
        status=cast("Status", status),
        created_at=moment(cast("int", created_us)),
    )
    return found, cast("Signature", tuple(seen))


@contextmanager
def reading(disk: Disk, layout: Layout, suspects: Iterable[RunId] = ()) -> Generator[Reading | None]:
    """Give the index as of now, or None if there is none to be had here.

    suspects: runs whose rows turned out to be wrong; they are looked at again, whatever the feed says.
    """
    store = _opened(disk, layout, suspects)
    if store is None:
        yield None
        return
    try:
        yield Reading(*store)
    finally:
        store[0].close()


def is_usable(disk: Disk, layout: Layout) -> bool:
    """Say whether an index may be kept for this root by this process: nobody else can have put one there."""
    try:
        found = os.lstat(layout.root)
        os.stat(layout.journals)  # else there is no registry, and none is begun here
    except OSError:
        return False
    return disk is REAL and found.st_uid == os.geteuid() and not found.st_mode & (S_IWGRP | S_IWOTH)


def _opened(disk: Disk, layout: Layout, suspects: Iterable[RunId]) -> tuple[Store, list[RunId]] | None:
    if not is_usable(disk, layout):
        return None
    for _ in range(_REMADE):
        try:
            path = generations.current(layout.index)
            if path is not None and os.path.exists(path):
                return _refreshed(disk, layout, Store(path), suspects)
        except OtherVersion as other:
            if other.is_newer:
                return None
        except (*sqlite.Failed, RunloreError) as error:
            if not _is_damage(error):
                return None
        if not _made(disk, layout):
            return None
    return None


def _refreshed(
    disk: Disk, layout: Layout, store: Store, suspects: Iterable[RunId]
) -> tuple[Store, list[RunId]]:
    try:
        return store, refresh(disk, layout, store, suspects)
    except BaseException:
        _close(store)
        raise


def _made(disk: Disk, layout: Layout) -> bool:
    try:
        make(disk, layout)
    except (*sqlite.Failed, RunloreError):
        return False
    return True


def _is_damage(error: Exception) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED


def _close(store: Store) -> None:
    try:
        store.close()
    except sqlite.Failed:
        return
