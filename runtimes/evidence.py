"""The evidence of a registry: promoted outputs by digest, `evidence/<sha256>` below its root.

A file gets its name once all of it is on the disk and has the right digest. No rule removes it, and whoever
removes a run by hand does not reach it. What is half copied has a name that begins with a dot; what a crash
leaves of that is swept by `prune` after a day.
"""

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, NamedTuple

from runlore.journal.disk import Disk, discard
from runlore.journal.errors import DamagedArtifact, JournalIO, NotPermitted, RunloreError
from runlore.journal.events import ArtifactCollected
from runlore.journal.held import is_locked
from runlore.journal.layout import Layout
from runlore.runtimes.file_times import written_at
from runlore.runtimes.free_space import has_room
from runlore.runtimes.pieces import read_pieces, write_pieces

_READ: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY
_OTHERS: Final = 0o022
"""Bits of a mode by which somebody else could have written."""
_HALF: Final = re.compile(r"\.[0-9a-f]{12}\.tmp")
_HALF_FOR: Final = timedelta(days=1)


class Leftover(NamedTuple):
    """Half a copy that a crash left."""

    path: str
    bytes: int
    """Of disk."""


class Evidence:
    """The evidence, as whoever promotes outputs adds to it."""

    def __init__(self, disk: Disk, layout: Layout) -> None:
        self._disk, self._root, self.folder = disk, layout.root, layout.evidence

    def begin(self) -> None:
        """Return when there is a folder of ours to add to.

        Raises:
            NotPermitted: something else stands in its place. JournalIO: the disk refused.
        """
        try:
            with suppress(FileExistsError):
                self._disk.mkdir(self.folder)
            is_folder = stat.S_ISDIR(self._disk.stat_path(self.folder).mode)
        except OSError as error:
            raise _refused(self.folder, error) from error
        if not is_folder:
            raise NotPermitted(
                f"{self.folder} is no folder, or a symbolic link: nothing is promoted through it; "
                "put the folder itself in its place"
            )

    def has(self, entry: ArtifactCollected) -> bool:
        """Say whether these very bytes are evidence, in a file that nobody else could write; reads them all.

        Raises:
            JournalIO: the disk refused.
        """
        path = f"{self.folder}/{entry.sha256}"
        try:
            fd = self._disk.open(path, _READ)
        except FileNotFoundError:
            return False
        except OSError as error:
            with suppress(OSError):
                if not stat.S_ISREG(self._disk.stat_path(path).mode):  # a link is not followed, but replaced
                    return False
            raise _refused(path, error) from error
        try:
            found = self._disk.stat(fd)
            ours = stat.S_ISREG(found.mode) and found.links == 1 and not found.mode & _OTHERS
            return ours and found.size == entry.bytes and self._hashed(fd, found.size) == entry.sha256
        except OSError as error:
            raise _refused(path, error) from error
        finally:
            self._disk.close(fd)

    def keep(self, source: int, entry: ArtifactCollected) -> None:
        """Make evidence of what the open file holds; its name is durable after `settle`.

        What stands under that name already is replaced.

        Raises:
            DamagedArtifact: it holds something else than the output did. JournalIO: the disk refused.
        """
        try:
            while not self._kept(source, entry):
                pass
        except OSError as error:
            raise _refused(entry.path, error) from error

    def settle(self) -> None:
        """Return when the names of all that was kept are on the disk.

        Raises:
            JournalIO: the disk refused.
        """
        try:
            self._disk.sync_dir(self.folder)
            self._disk.sync_dir(self._root)
        except OSError as error:
            raise _refused(self.folder, error) from error

    def _kept(self, source: int, entry: ArtifactCollected) -> bool:
        """Copy the file; False if somebody swept the copy away before it was locked."""
        temporary = f"{self.folder}/.{os.urandom(6).hex()}.tmp"
        fd = self._disk.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        try:
            if not self._disk.lock(fd, wait=False) or not self._disk.stat(fd).links:
                return False
            self._copy(source, fd, entry)
            self._disk.rename(temporary, f"{self.folder}/{entry.sha256}")
        finally:
            self._disk.close(fd)
            discard(self._disk, temporary)
        return True

    def _copy(self, source: int, fd: int, entry: ArtifactCollected) -> None:
        right = self._disk.stat(source).size == entry.bytes
        if not right or self._copied(source, fd, entry.bytes) != entry.sha256:
            raise DamagedArtifact(entry.path, "its bytes are not those on record")
        self._disk.make_read_only(fd)
        self._disk.fdatasync(fd)

    def _copied(self, source: int, target: int, size: int) -> str:
        """Return the digest of what was copied, or shared, as the target has it; NULs become holes."""
        if self._disk.clone(source, target):
            return self._hashed(target, size)
        if not has_room(self.folder, self._disk.stat(source).allocated):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        digest = sha256()

        def passing() -> Iterator[bytes]:
            for piece in read_pieces(self._disk, source, size):
                digest.update(piece)
                yield piece

        write_pieces(self._disk, target, passing())
        return digest.hexdigest()

    def _hashed(self, fd: int, size: int) -> str:
        digest = sha256()
        for piece in read_pieces(self._disk, fd, size):
            digest.update(piece)
        return digest.hexdigest()


def leftovers(disk: Disk, layout: Layout, now: datetime) -> list[Leftover]:
    """Return the half copies that nobody is at, and has not been for a day; reads only."""
    found: list[Leftover] = []
    try:
        names = sorted(disk.listdir(layout.evidence))
    except OSError:
        return []
    for name in names:
        path = f"{layout.evidence}/{name}"
        with suppress(OSError):
            if _HALF.fullmatch(name):
                file = disk.stat_path(path)
                written = written_at(file.mtime_ns)
                old = written is not None and written < now - _HALF_FOR
                if old and stat.S_ISREG(file.mode) and not is_locked(disk, path):
                    found.append(Leftover(path, file.allocated))
    return found


def sweep(disk: Disk, half: Leftover) -> bool:
    """Remove half a copy, unless somebody is at it; say whether it is gone.

    Raises:
        JournalIO: the disk refused.
    """
    try:
        fd = disk.open(half.path, os.O_RDWR | os.O_NONBLOCK)
        try:
            if not disk.lock(fd, wait=False):
                return False
            disk.unlink(half.path)
        finally:
            disk.close(fd)
    except FileNotFoundError:
        return True
    except PermissionError:  # it was made read-only before the crash, so it cannot be locked from here
        return not is_locked(disk, half.path) and _gone(disk, half.path)
    except OSError as error:
        raise _refused(half.path, error) from error
    return True


def _gone(disk: Disk, path: str) -> bool:
    try:
        disk.unlink(path)
    except OSError as error:
        raise _refused(path, error) from error
    return True


def _refused(what: str, error: OSError) -> RunloreError:
    if isinstance(error, RunloreError):
        return error
    return JournalIO(f"{what}: {error.strerror or error}")
