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
        """What this process wrote since the last good sync."""
        self.loose_since = 0.0
        self._reserved_to = 0
        self._reserve_at = 0

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

    def note_loose(self, data: bytes) -> None:
        """Remember what no sync has vouched for yet: a failed sync takes it from here, not from disk."""
        if not self.loose:
            self.loose_since = self._disk.monotonic()
        self.loose += data

    def sync(self) -> None:
        """Return when everything up to the end is on the disk."""
        self._disk.fdatasync(self.fd)
        self.clean = True
        self.loose.clear()

    def behind_foreign_bytes(self) -> None:
        """Note that others appended: nothing here vouches for those bytes yet."""
        self.clean = False
        self.loose.clear()

    def cut(self, size: int) -> None:
        """Make the file end at `size`, durably."""
        self._disk.truncate(self.fd, size)
        self._disk.fdatasync(self.fd)
        self.clean, self._reserved_to, self._reserve_at = True, 0, 0
        self.loose.clear()

    def reserve(self, size: int) -> None:
        """Keep RESERVE bytes preallocated behind the end, where the file system can."""
        if size < self._reserve_at:
            return
        self._reserve_at = size + RESERVE  # where the disk is full or cannot: look again later
        for length in (_AHEAD, RESERVE):
            if self._disk.preallocate(self.fd, size, length):
                self._reserved_to = size + length
                self._reserve_at = self._reserved_to - RESERVE
                return

    def free_reserve(self, size: int) -> None:
        """Give the preallocated bytes back; the run needs them no more."""
        if self._reserved_to > size:
            self._disk.truncate(self.fd, size)
            self._reserved_to = 0

    def _cut_back(self, end: int) -> None:
        size, _links = self._disk.size_and_links(self.fd)
        if size > end:
            self._disk.truncate(self.fd, end)
            self._reserved_to = self._reserve_at = 0
