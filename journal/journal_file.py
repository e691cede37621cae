"""One journal file, open for appending: its lock, its writes, and what is known to be on the disk.

A failed sync is never retried here: the kernel may report a write-back error once and then forget it,
so a second fdatasync(2) can succeed over lost pages (PostgreSQL's fsync reports of 2018).
"""

import errno
import os
from typing import Final

from runlore.journal.disk import Disk

RESERVE: Final = 8192
"""Bytes kept preallocated behind a live journal's end, so that its end fits on a full disk."""
_AHEAD: Final = 4 * RESERVE
"""Preallocated at once, so that the system call is rare; RESERVE alone where the disk is too full."""
_NEVER: Final = 1 << 62
_BLOCK: Final = 4096


class ShortWrite(OSError):
    """The disk took only part of a line; it was cut back."""


class JournalFile:
    """The file behind a writer. Calls raise OSError as the kernel gave it."""

    def __init__(self, disk: Disk, path: str, *, create: bool = False) -> None:
        flags = os.O_RDWR | os.O_APPEND
        self._disk, self.path = disk, path
        self.fd = disk.open(path, flags | os.O_CREAT | os.O_EXCL if create else flags)
        self.clean = create
        """Everything up to the end as this process knows it has been synced, or found clean."""
        self.loose = bytearray()
        """What this process wrote last, as far as nobody appended behind it and no sync vouched for it."""
        self.loose_since: float | None = None
        """Monotonic time of the oldest event of this process that may not be on the disk."""
        self.reserved_for = 0
        """A write may end here without another preallocation: RESERVE bytes stay behind it."""
        self._condemned = False

    def lock(self) -> int | None:
        """Take the append lock; return the size, or None if the path names another file by now."""
        fd, disk = self.fd, self._disk
        disk.lock(fd)
        size, links = disk.size_and_links(fd)
        return size if links else None

    def unlock(self) -> None:
        """Give the append lock back."""
        self._disk.unlock(self.fd)

    def close(self) -> None:
        """Let go of the file."""
        if self.fd >= 0:
            fd, self.fd = self.fd, -1
            self._disk.close(fd)

    def pread(self, length: int, offset: int) -> bytes:
        """Read at a place of the file; empty at the end."""
        return self._disk.pread(self.fd, length, offset)

    def write(self, data: bytes, end: int) -> None:
        """Write `data` behind `end` in one call; cut it back if the disk took only part of it."""
        try:
            written = self._disk.write(self.fd, data)
            if written != len(data):
                raise ShortWrite(errno.ENOSPC, f"only {written} of {len(data)} bytes were written")
        except OSError:
            self._cut_back(end)
            raise
        self.clean = False

    def note_loose(self, data: bytes) -> float:
        """Remember what no sync has vouched for yet, and return since when something lies unsynced.

        If the sync fails, these bytes are taken from here, not from the file.
        """
        if self.loose_since is None:
            self.loose_since = self._disk.monotonic()
        self.loose += data
        return self.loose_since

    def sync(self) -> None:
        """Return when everything up to the end is on the disk; after one failure it fails for ever."""
        if self._condemned:
            raise OSError(errno.EIO, "an earlier sync of this file failed")
        try:
            self._disk.fdatasync(self.fd)
        except OSError:
            self._condemned = True
            raise
        self.clean, self.loose_since = True, None
        self.loose.clear()

    def behind_foreign_bytes(self) -> None:
        """Note that others appended: nothing here vouches for those bytes yet."""
        self.clean = False
        self.loose.clear()

    def cut(self, size: int) -> None:
        """Make the file end at `size`; the next sync makes that durable."""
        self._disk.truncate(self.fd, size)
        self.clean, self.reserved_for = False, 0
        self.loose.clear()

    def reserve(self, size: int, end: int) -> None:
        """Keep RESERVE bytes preallocated behind `end`, where the next write will end.

        Raises:
            OSError: the disk is too full for that. Where a file system cannot preallocate, nobody asks
                it again.
        """
        for length in (_AHEAD, RESERVE):
            try:
                if not self._disk.preallocate(self.fd, size, end + length - size):
                    self.reserved_for = _NEVER
                    return
                self.reserved_for = end + length - RESERVE
                return
            except OSError:
                if length == RESERVE:
                    raise

    def has_reserve(self, end: int) -> bool:
        """Say whether somebody keeps enough preallocated behind `end` for the run's end to fit."""
        return self._disk.stat(self.fd).allocated - end >= RESERVE // 2

    def free_reserve(self, size: int) -> None:
        """Give back what was preallocated, by whomever; the run needs it no more."""
        if self._disk.stat(self.fd).allocated - size > _BLOCK:
            self._disk.truncate(self.fd, size)
        self.reserved_for = 0

    def _cut_back(self, end: int) -> None:
        size, _links = self._disk.size_and_links(self.fd)
        if size > end:
            self._disk.truncate(self.fd, end)
            self.reserved_for = 0
