"""Pack the journals of runs that ended a while ago: which of them, in which packs, and what that saves.

docs/how-to/pack-old-runs.md
"""

import os
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from typing import Final, Literal

from msgspec import Struct

from runlore.journal import codec, packing
from runlore.journal.disk import Disk
from runlore.journal.errors import Busy, NotFound, RunloreError, UndecodableLine
from runlore.journal.events import RunSealed
from runlore.journal.journal_ids import loose_ids
from runlore.journal.layout import Layout
from runlore.journal.packing import PACK_BYTES
from runlore.journal.packs import Packs, day_of
from runlore.journal.values import RunId
from runlore.projections.pack_views import PackedView, PackView
from runlore.runtimes.owner_lock import OwnerLock

OLDER_THAN_S: Final = 86_400.0
"""Since a run's last event, unless told otherwise."""
_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK
_LAST_LINE: Final = 1024
"""A seal is shorter."""
Kept = Literal["unsealed", "young", "too_big", "owned", "changed", "unreadable"]


class Candidate(Struct, frozen=True):
    """A journal that can be packed."""

    run_id: RunId
    size: int
    allocated: int
    """Bytes of disk behind it now."""


class Packing:
    """Packs the journals of one registry."""

    def __init__(self, disk: Disk, layout: Layout, *, older_than_s: float = OLDER_THAN_S) -> None:
        self._disk, self._layout, self._older_than_s = disk, layout, older_than_s
        self._kept: Counter[Kept] = Counter()

    def plan(self) -> PackView:
        """Return what would be packed; reads only.

        Raises:
            NotFound: there is no registry. JournalIO: the disk refused.
        """
        done: list[PackedView] = []
        try:
            chosen = self._candidates()
            numbers: Counter[str] = Counter()
            for group in _groups(chosen):
                day = day_of(group[0].run_id)
                numbers[day] += 1
                name = packing.next_name(self._disk, self._layout, day)
                path = f"packs/{name.day}-{name.number + numbers[day] - 1}.jsonl"
                done.append(PackedView(path=path, runs=len(group), bytes=sum(each.size for each in group)))
        except OSError as error:
            raise packing.refused(self._layout, error) from error
        return self._view(done, chosen, dry_run=True)

    def apply(self) -> PackView:
        """Return what was packed, durably.

        Raises:
            As `plan` does. Busy: somebody else is packing.
        """
        done: list[PackedView] = []
        gone: list[Candidate] = []
        try:
            with packing.pack_lock(self._disk, self._layout):
                packing.tidy(self._disk, self._layout)
                for day, of_day in groupby(self._candidates(), lambda each: day_of(each.run_id)):
                    left = self._let_go(day, list(of_day), gone)
                    for group in _groups(left):
                        done += self._pack(day, group, gone)
                if gone:
                    self._disk.sync_dir(self._layout.journals)
        except OSError as error:
            raise packing.refused(self._layout, error) from error
        return self._view(done, gone, dry_run=False)

    def _pack(self, day: str, group: list[Candidate], gone: list[Candidate]) -> Iterator[PackedView]:
        name = packing.next_name(self._disk, self._layout, day)
        pack = packing.write_pack(self._disk, self._layout, name, [each.run_id for each in group])
        if pack is None:
            self._kept["changed"] += len(group)
            return
        left = self._let_go(day, group, gone)
        self._kept["changed"] += len(left)
        runs = len({part.run_id for part in pack.parts})  # a journal that was imported may be several parts
        yield PackedView(path=f"packs/{name}", runs=runs, bytes=pack.bytes)

    def _let_go(self, day: str, group: list[Candidate], gone: list[Candidate]) -> list[Candidate]:
        """Remove the journals that are packed by now, and return the others that are still there."""
        left: list[Candidate] = []
        known = Packs(self._disk, self._layout, day)
        for each in group:
            try:
                with self._owned(each.run_id):
                    is_gone = packing.let_go(self._disk, self._layout, each.run_id, known)
            except Busy:
                self._kept["owned"] += 1
                continue
            (gone if is_gone else left).append(each)
        return left

    def _owned(self, run_id: RunId) -> "OwnerLock | _NoOwner":
        """Hold the owner lock; a sealed run that has none can have no owner any more."""
        try:
            return OwnerLock.take(self._disk, self._layout, run_id)
        except NotFound:
            return _NoOwner()

    # -- which

    def _candidates(self) -> list[Candidate]:
        """Return the journals that may be packed, oldest run first, and count the others."""
        before = self._disk.now().timestamp() - self._older_than_s
        found: list[Candidate] = []
        for run_id in loose_ids(self._disk, self._layout):
            try:
                judged = self._judged(run_id, before)
            except FileNotFoundError:
                continue
            except OSError:
                judged = "unreadable"
            if isinstance(judged, Candidate):
                found.append(judged)
            else:
                self._kept[judged] += 1
        return found

    def _judged(self, run_id: RunId, before: float) -> "Candidate | Kept":
        fd = self._disk.open(self._layout.journal(run_id), _FLAGS)
        try:
            found = self._disk.stat(fd)
            line = self._disk.pread(fd, _LAST_LINE, max(0, found.size - _LAST_LINE))
        finally:
            self._disk.close(fd)
        sealed_at = _sealed_at(line)
        if not found.size and Packs.of(self._disk, self._layout, run_id).copies(run_id):
            return Candidate(run_id, 0, found.allocated)  # made for an event that never came
        if sealed_at is None:
            return "unsealed"
        if sealed_at.timestamp() > before:
            return "young"
        return "too_big" if found.size > PACK_BYTES else Candidate(run_id, found.size, found.allocated)

    def _view(self, done: list[PackedView], moved: list[Candidate], *, dry_run: bool) -> PackView:
        size = sum(each.size for each in moved)
        return PackView(
            dry_run=dry_run,
            packs=done,
            runs=len(moved),
            bytes=size,
            freed_inodes=max(0, len(moved) - 2 * len(done)),
            freed_bytes=max(0, sum(each.allocated for each in moved) - size),
            kept={reason: self._kept[reason] for reason in sorted(self._kept) if self._kept[reason]},
        )


class _NoOwner:
    """In place of a lock that nobody can hold."""

    def __enter__(self) -> None:
        return

    def __exit__(self, *_: object) -> None:
        return


def _groups(candidates: list[Candidate]) -> Iterator[list[Candidate]]:
    """Yield the journals of one pack each: of one day, and together no larger than a pack may be."""
    for _, of_day in groupby(candidates, lambda each: day_of(each.run_id)):
        group, size = list[Candidate](), 0
        for each in of_day:
            if group and size + each.size > PACK_BYTES:
                yield group
                group, size = [], 0
            group.append(each)
            size += each.size
        if group:
            yield group


def _sealed_at(end: bytes) -> datetime | None:
    """Return when the last line was written, if it is a seal with nothing behind it."""
    if not end.endswith(b"}\n"):
        return None
    try:
        event = codec.decode(end[:-1].rpartition(b"\n")[2])
    except UndecodableLine:
        return None
    return event.at if isinstance(event, RunSealed) else None


def could_be_packed(disk: Disk, layout: Layout) -> PackView | None:
    """Return what packing would do now; None if that cannot be told."""
    try:
        return Packing(disk, layout).plan()
    except RunloreError:
        return None
