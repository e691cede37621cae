"""Bring an index up to date, or make one: the same looks at the same journals, some of them or all.

The order is what makes it right (see `survey`): folder and feed first, then the journals and packs (see
`rows`). Whoever holds an append lock is not waited for: his run stays unsettled, and the next read looks
again.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from runlore.journal import machine
from runlore.journal.disk import Disk
from runlore.journal.layout import Layout
from runlore.journal.sealed_end import is_sealed
from runlore.journal.values import RunId
from runlore.projections.index import generations
from runlore.projections.index.entry import PACKED, Entry, Signature, is_behind_packs
from runlore.projections.index.filling import fill
from runlore.projections.index.packed import PackedRuns
from runlore.projections.index.rows import PIECE, Passing, entries, piece
from runlore.projections.index.store import Store
from runlore.projections.index.survey import (
    NEVER,
    Place,
    Survey,
    is_appended_to,
    journals,
    signature_of,
    survey,
)

Making = Callable[[Disk, Layout, Sequence[RunId], Passing], Iterator[Entry]]
"""Makes the rows of runs: `entries`, or something that does the same in several processes."""
_TRIES: Final = 4
_LAG: Final = 16 << 10
"""Bytes of the feed that are read again and again, before it is written down that they were read."""


def refresh(disk: Disk, layout: Layout, store: Store, suspects: Iterable[RunId] = ()) -> list[RunId]:
    """Bring a store up to date, and leave it reading: what it says is right now.

    Returns the runs that have to be folded, because they are not settled. `suspects` are looked at
    whatever the feed says of them.

    Raises:
        sqlite.Failed: the index cannot be used; fold instead.
    """
    for _ in range(_TRIES):
        known = store.begin()
        found = survey(disk, layout, known.place)
        changed, gone = _changes(disk, layout, store, found, frozenset(suspects))
        if not changed and not gone and not _moved_on(known.place, found.place):
            return store.to_look_at()
        if store.commit(known, changed, gone, found.place):
            store.begin()
            return store.to_look_at()
    raise generations.Busy


def make(disk: Disk, layout: Layout, passing: Passing = iter, making: Making | None = None) -> None:
    """Make a new index of all journals and put it in use; `passing` sees each run go by.

    Raises:
        sqlite.Failed: that cannot be done here, or somebody else is at it.
    """
    kind = machine.file_system(layout.root)
    if not kind or machine.is_network(kind):
        raise OSError(f"{layout.root}: SQLite's shared memory does not work on {kind or 'what this is on'}")
    with generations.alone(layout.index):
        generations.sweep(layout.index)
        path = generations.begin(layout.index)
        try:
            place = survey(disk, layout, Place()).place
            rows = (making or entries)(disk, layout, sorted(runs(disk, layout)), passing)
            fill(path, rows, place)
            generations.publish(layout.index, path)
        except BaseException:
            generations.discard(path)
            raise


def runs(disk: Disk, layout: Layout) -> dict[RunId, int]:
    """Return every run there is, with what its signature begins with.

    Raises:
        OSError: the disk refused.
    """
    loose = journals(layout)  # before the packs: what is packed meanwhile is in them
    return PackedRuns(disk, layout).inodes() | loose


def _changes(
    disk: Disk, layout: Layout, store: Store, found: Survey, suspects: frozenset[RunId]
) -> tuple[list[Entry], list[RunId]]:
    """Return the rows that have to be written, and the runs whose journals are gone."""
    pending = frozenset(store.to_look_at())
    wanted = set(found.announced - pending) | suspects
    gone: list[RunId] = []
    if found.listed:
        seen = store.signatures()
        there = runs(disk, layout) if found.packs_listed else _kept(seen) | journals(layout)
        if found.packs_listed:
            wanted |= _behind_other_packs(disk, layout, seen)
        wanted |= {run_id for run_id in seen if run_id not in there}
        wanted |= {
            run_id for run_id, inode in there.items() if run_id not in seen or seen[run_id][0][0] != inode
        }
        if found.doubted:
            wanted |= _unlike(disk, layout, there, seen, ask_locks=found.place.feed is not None)
    wanted |= {run_id for run_id in pending if _may_be_settled(disk, layout, run_id)}
    changed: list[Entry] = []
    for run_id, made in _looked_at(disk, layout, sorted(wanted)):
        if made is None:
            gone.append(run_id)
        elif made.columns or run_id not in pending:
            changed.append(made)
    return changed, gone


def _looked_at(disk: Disk, layout: Layout, run_ids: list[RunId]) -> Iterator[tuple[RunId, Entry | None]]:
    if not run_ids:
        return
    packed = PackedRuns(disk, layout)
    for at in range(0, len(run_ids), PIECE):
        together = run_ids[at : at + PIECE]
        yield from zip(together, piece(disk, layout, together, packed), strict=True)


def _kept(seen: dict[RunId, tuple[Signature, bool]]) -> dict[RunId, int]:
    """Return the packed runs, as far as the packs have not changed."""
    return {run_id: known[0] for run_id, (known, _) in seen.items() if known[1] == PACKED}


def _behind_other_packs(disk: Disk, layout: Layout, seen: dict[RunId, tuple[Signature, bool]]) -> set[RunId]:
    """Return the runs that go on behind packs, where the packs or the journals look otherwise by now."""
    behind = [(run_id, known) for run_id, (known, _) in seen.items() if is_behind_packs(known)]
    packed = PackedRuns(disk, layout) if behind else None
    return {run_id for run_id, known in behind if packed and packed.changed_below(run_id, known)}


def _unlike(
    disk: Disk,
    layout: Layout,
    there: Iterable[RunId],
    seen: dict[RunId, tuple[Signature, bool]],
    *,
    ask_locks: bool,
) -> set[RunId]:
    """Return the settled runs whose journals do not look as they did, or are being appended to.

    ask_locks: a feed begins here that will say what comes, but not what is under way.
    """
    unlike: set[RunId] = set()
    for run_id in there:
        known = seen.get(run_id)
        if known is None or not known[1] or known[0][1] == PACKED:
            continue  # the packs were compared with what stands for their inode
        path = layout.journal(run_id)
        alike = is_behind_packs(known[0]) or signature_of(path) == known[0]  # those were compared as well
        if not alike or (ask_locks and is_appended_to(disk, path)):
            unlike.add(run_id)
    return unlike


def _may_be_settled(disk: Disk, layout: Layout, run_id: RunId) -> bool:
    """Say whether a run that was not settled ends in a seal by now, or is gone; cheap, for many."""
    path = layout.journal(run_id)
    try:
        disk.stat_path(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return is_sealed(disk, path)


def _moved_on(before: Place, now: Place) -> bool:
    """Say whether it is worth a write that more was seen, though no row has changed."""
    if before.boot != now.boot or now.journals_ns not in {NEVER, before.journals_ns}:
        return True
    if now.packs_ns not in {NEVER, before.packs_ns}:
        return True
    if before.feed is None or now.feed is None:
        return before.feed is not now.feed
    same = (before.feed.feed_id, before.feed.segment) == (now.feed.feed_id, now.feed.segment)
    return not same or now.feed.offset - before.feed.offset >= _LAG
