"""Look after an index on purpose: say what it is, make it anew, prove it against the journals."""

import os
from collections.abc import Iterator
from typing import Final, Literal, cast

from msgspec import Struct

from runlore.journal.disk import Disk
from runlore.journal.errors import JournalIO, NotPermitted
from runlore.journal.layout import Layout
from runlore.journal.values import RunId
from runlore.projections.index import generations, long_runs, sqlite
from runlore.projections.index.entry import Entry
from runlore.projections.index.packed import PackedRuns
from runlore.projections.index.reading import is_usable
from runlore.projections.index.refresh import Making, make, refresh, runs
from runlore.projections.index.rows import Passing, entry_of
from runlore.projections.index.store import OtherVersion, Store

State = Literal["ready", "missing", "older", "newer", "damaged", "not_here"]
_LOG: Final = "-wal"


class Condition(Struct, frozen=True, kw_only=True):
    """How an index is, without bringing it up to date."""

    state: State
    settled: int = 0
    unsettled: int = 0
    size: int = 0
    """Bytes of the database and its log."""


class Difference(Struct, frozen=True, kw_only=True):
    """A row that is not what the journal says."""

    run_id: RunId
    detail: str


def condition(disk: Disk, layout: Layout) -> Condition:
    """Return how the index is."""
    if not is_usable(disk, layout):
        return Condition(state="not_here")
    path = generations.current(layout.index)
    if path is None or not os.path.exists(path):
        return Condition(state="missing")
    try:
        store = Store(path)
    except OtherVersion as other:
        return Condition(state="newer" if other.is_newer else "older", size=_size(path))
    except sqlite.Failed:
        return Condition(state="damaged", size=_size(path))
    try:
        store.begin()
        found = store.select("SELECT settled, count(*) FROM runs GROUP BY settled")
        counted = {cast("int", kind): cast("int", count) for kind, count in found}
    except sqlite.Failed:
        return Condition(state="damaged", size=_size(path))
    finally:
        store.close()
    return Condition(state="ready", settled=counted.get(1, 0), unsettled=counted.get(0, 0), size=_size(path))


def rebuild(disk: Disk, layout: Layout, passing: Passing, making: Making | None = None) -> None:
    """Make the index anew; whoever reads goes on with the old one until the new one is whole.

    Raises:
        NotPermitted: no index may be kept here. JournalIO: it cannot be made now.
    """
    if not is_usable(disk, layout):
        raise NotPermitted(f"{layout.root} is not yours alone: listings fold its journals, without an index")
    try:
        make(disk, layout, passing, making)
    except generations.Busy:
        raise JournalIO(f"{layout.index}: somebody else is making an index just now") from None
    except sqlite.Failed as error:
        raise JournalIO(f"{layout.index}: {error}; listings fold the journals instead") from error


def differences(disk: Disk, layout: Layout, passing: Passing) -> Iterator[Difference]:
    """Bring the index up to date, and yield every row that is not what a fresh fold of its journal gives.

    Raises:
        JournalIO: there is no index that could be read; `index rebuild` makes one.
    """
    path = generations.current(layout.index)
    try:
        if path is None:
            raise OSError("there is none")
        store = Store(path)
        try:
            refresh(disk, layout, store)
            known = {each.run_id: each for each in store.entries()}
        finally:
            store.close()
    except (*sqlite.Failed, OtherVersion) as error:
        told = f"{layout.index}: no index to compare ({error}); see `runlore index rebuild`"
        raise JournalIO(told) from None
    try:
        there, packed = runs(disk, layout), PackedRuns(disk, layout)
    except OSError as error:
        raise JournalIO(f"{layout.root}: {error.strerror or error}") from error
    for run_id in passing(sorted(known.keys() | there.keys())):
        fresh = entry_of(disk, layout, run_id, packed, fresh=True)
        if (detail := _difference(known.get(run_id), fresh)) is not None:
            yield Difference(run_id=run_id, detail=detail)
    try:
        for run_id, detail in long_runs.differences(disk, layout):
            yield Difference(run_id=run_id, detail=detail)
    except sqlite.Failed as error:
        raise JournalIO(f"{layout.index}: its snapshots cannot be compared ({error})") from error


def _difference(known: Entry | None, fresh: Entry | None) -> str | None:
    """Return what is wrong with a row; a journal that has moved since it was compared is nothing wrong."""
    if known is None:
        return None if fresh is None or not fresh.columns else "its journal is not in the index"
    if not known.columns:
        return None
    if fresh is None:
        return "its journal is gone"
    if known.signature != fresh.signature:
        return "its journal was changed behind the back of the feed"
    if (known.columns, sorted(known.tags)) != (fresh.columns, sorted(fresh.tags)):
        return "its row is not what its journal says"
    return None


def _size(path: str) -> int:
    total = 0
    for each in (path, path + _LOG):
        try:
            total += os.stat(each).st_size
        except OSError:
            continue
    return total
