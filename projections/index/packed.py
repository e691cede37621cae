"""What a packed run looks like from outside: all packs of its day, by name, inode, size and time.

So nothing has to be opened to see whether a row still holds. Another pack of the same day lets the rows of
that day be made anew, which is rare: a day is packed once, as a rule. A run that goes on in a journal behind
packs looks like both: a negative size says so, and the journal's time is mixed with the looks of the packs.
"""

import os
from hashlib import blake2b
from typing import Final, NamedTuple, Self

from runlore.journal.disk import Disk
from runlore.journal.history import OpenFile, continued_at
from runlore.journal.layout import Layout
from runlore.journal.packs import Copy, PackName, Packs, day_of, pack_names
from runlore.journal.tailing import PIECE
from runlore.journal.values import RunId
from runlore.projections.index.entry import PACKED, Signature, is_behind_packs
from runlore.projections.index.survey import signature_of

_REDACTED: Final = b'{"type":"text.redacted"'


class Seen(NamedTuple):
    """What a history looks like from outside, as far as its journal's first line tells what to look at."""

    signature: Signature
    size: int
    """Of the journal; 0 if there is none."""
    end: int
    """Where the history ends if its journal is whole; 0 if it lies in packs alone."""


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

    def changed_below(self, run_id: RunId, known: Signature) -> bool:
        """Say whether a run that went on in a journal behind packs does not look so any more."""
        return is_behind_packs(known) and known != _behind(
            signature_of(self._layout.journal(run_id)), self._stamps.get(day_of(run_id))
        )

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


def seen(disk: Disk, layout: Layout, run_id: RunId) -> Seen | None:
    """Return what a run's history looks like now; None if neither a journal nor packs of its day exist."""
    path = layout.journal(run_id)
    journal = signature_of(path)
    if journal is None:
        stamp = stamp_of(disk, layout, run_id)
        return None if stamp is None else Seen(stamp, 0, 0)
    start = _start(disk, path)
    if not start:
        return Seen(journal, journal[1], journal[1])
    both = _behind(journal, stamp_of(disk, layout, run_id))
    return None if both is None else Seen(both, journal[1], start + journal[1])


def is_redacted(disk: Disk, path: str) -> bool:
    """Say whether a journal that goes on behind packs tells of a redaction: of those it may not be done yet.

    Raises:
        OSError: the disk refused.
    """
    fd = disk.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        end, offset = b"", 0
        while piece := disk.pread(fd, PIECE, offset):
            if _REDACTED in end + piece:
                return True
            end, offset = piece[-len(_REDACTED) :], offset + len(piece)
    finally:
        disk.close(fd)
    return False


def is_as_known(disk: Disk, layout: Layout, run_id: RunId, known: Signature) -> bool:
    """Say whether a run's history looks now as it did; nothing is opened for that."""
    journal = signature_of(layout.journal(run_id))
    if journal is None:
        return stamp_of(disk, layout, run_id) == known
    if is_behind_packs(known):
        return _behind(journal, stamp_of(disk, layout, run_id)) == known
    return journal == known


def stamp_of(disk: Disk, layout: Layout, run_id: RunId) -> Signature | None:
    """Return what the packs of a run's day look like now; None if there are none."""
    names = pack_names(disk, layout, day_of(run_id))
    return _stamp(disk, layout, names) if names else None


def _start(disk: Disk, path: str) -> int:
    """Return where in the history a journal begins; 0 for one that stands by itself, or cannot be read."""
    try:
        fd = disk.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return 0
    try:
        return continued_at(OpenFile(disk, fd)) or 0
    except OSError:
        return 0
    finally:
        disk.close(fd)


def _behind(journal: Signature | None, stamp: Signature | None) -> Signature | None:
    """Return the signature of a journal that continues what lies in packs."""
    if journal is None:
        return None
    inode, size, mtime_ns = journal
    return inode, PACKED - 1 - size, mtime_ns ^ (stamp[0] if stamp else 0)


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
