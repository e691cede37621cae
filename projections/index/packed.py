"""What a packed run looks like from outside: all packs of its day, by name, inode, size and time.

So nothing has to be opened to see whether a row still holds. Another pack of the same day lets the rows of
that day be made anew, which is rare: a day is packed once, as a rule.
"""

import os
from hashlib import blake2b
from typing import Self

from runlore.journal.disk import Disk
from runlore.journal.layout import Layout
from runlore.journal.packs import Copy, PackName, Packs, day_of, pack_names
from runlore.journal.values import RunId
from runlore.projections.index.entry import PACKED, Signature
from runlore.projections.index.survey import signature_of


class PackedRuns:
    """The packs as they were when this was made, and what they looked like just before."""

    def __init__(self, disk: Disk, layout: Layout) -> None:
        self._disk, self._layout = disk, layout
        by_day: dict[str, list[PackName]] = {}
        for name in pack_names(disk, layout):
            by_day.setdefault(name.day, []).append(name)
        self._stamps = {day: _stamp(disk, layout, names) for day, names in by_day.items()}
        self._packs = Packs(disk, layout)

    def known(self, run_id: RunId, signature: Signature | None) -> Packs | None:
        """Return the packs to read a run from, if they still look so; else they have to be listed again."""
        return self._packs if signature and signature == self._stamps.get(day_of(run_id)) else None

    def stands(self, day: str) -> bool:
        """Say whether the packs of a day look now as they did."""
        names = pack_names(self._disk, self._layout, day)
        return bool(names) and _stamp(self._disk, self._layout, names) == self._stamps.get(day)

    def plain_copy(self, run_id: RunId) -> tuple[Copy, Signature] | None:
        """Return where the whole history of a run lies in one piece, and what the packs of its day look like.

        Raises:
            OSError: the disk refused.
        """
        stamp, copies = self._stamps.get(day_of(run_id)), self._packs.copies(run_id)
        if stamp is None or len(copies) != 1 or copies[0].part.start:
            return None
        return copies[0], stamp

    def inodes(self) -> dict[RunId, int]:
        """Return every packed run, with what stands for the inode of a journal.

        Raises:
            OSError: the disk refused.
        """
        return {
            run_id: stamp[0]
            for run_id in self._packs.run_ids()
            if (stamp := self._stamps.get(day_of(run_id))) is not None
        }


class PackReader:
    """Reads histories that lie in one piece; the packs that it reads from stay open until it ends."""

    def __init__(self, disk: Disk, packed: PackedRuns) -> None:
        self._disk, self._packed = disk, packed
        self._open: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for fd in self._open.values():
            self._disk.close(fd)

    def read(self, run_id: RunId) -> tuple[bytes, Signature] | None:
        """Return (the history of a run, what the packs of its day looked like); None if that is not simple.

        Whether the packs look so still is asked after: see `PackedRuns.stands`.
        """
        try:
            found = self._packed.plain_copy(run_id)
            if found is None:
                return None
            copy, stamp = found
            data = self._disk.pread(self._fd(copy.path), copy.part.length, copy.part.at)
        except OSError:
            return None
        return (data, stamp) if len(data) == copy.part.length else None

    def _fd(self, path: str) -> int:
        if path not in self._open:
            self._open[path] = self._disk.open(path, os.O_RDONLY | os.O_NONBLOCK)
        return self._open[path]


def signature(disk: Disk, layout: Layout, run_id: RunId) -> Signature | None:
    """Return what a run's journal looks like now, or the packs it may lie in; None if there are neither."""
    return signature_of(layout.journal(run_id)) or stamp_of(disk, layout, run_id)


def stamp_of(disk: Disk, layout: Layout, run_id: RunId) -> Signature | None:
    """Return what the packs of a run's day look like now; None if there are none."""
    names = pack_names(disk, layout, day_of(run_id))
    return _stamp(disk, layout, names) if names else None


def _stamp(disk: Disk, layout: Layout, names: list[PackName]) -> Signature:
    digest, newest = blake2b(digest_size=8), 0
    for name in names:
        try:
            found = disk.stat_path(f"{layout.packs}/{name}")
        except FileNotFoundError:
            continue
        digest.update(f"{name} {found.inode} {found.size} {found.mtime_ns}\n".encode())
        newest = max(newest, found.mtime_ns)
    return int.from_bytes(digest.digest(), signed=True), PACKED, newest
