"""The bundle of a run: its outputs by digest, each stored once, and the manifest that lists them.

`runs/<run_id>/bundle/<sha256>` and `bundle/manifest.json`. A file gets its name once all of it is on the
disk, and never changes after that. Nobody but us ever held it open: the bytes are copies (or shared
blocks, where the file system can), because a hard link to a file that the command can still write would
prove nothing.
"""

import errno
import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from typing import Final

from msgspec import Struct

from runlore.journal.disk import Disk, discard, write_fully, write_whole
from runlore.projections.media_types import is_text

FOLDER: Final = "bundle"
MANIFEST: Final = "manifest.json"
PIECE: Final = 1 << 20
BEGINNING: Final = 8192
"""Bytes by which a file is taken for text or not."""
_SPARE: Final = 4 << 20
"""Bytes of disk that are left to the journal when a file is copied."""
_FICLONE: Final = 0x40049409
"""ioctl_ficlone(2): let a file have the same blocks as another, until either is written."""
_READ_ONLY: Final = 0o400
_TRIES: Final = 3
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_ZEROS: Final = bytes(PIECE)

Mask = Callable[[bytes, bool], tuple[bytes, int]]
"""Takes (raw bytes, nothing follows) and returns (clean bytes, how many raw ones they stand for)."""
Tick = Callable[[], None]
"""Called at least once a megabyte: gives signs of life; may raise to give up."""


class Kept(Struct, frozen=True):
    """What was stored."""

    sha256: str
    size: int
    """Bytes of what is stored."""
    beginning: bytes
    masked: bool
    is_new: bool
    """The bundle did not have these bytes before."""


class NotKept(Exception):
    """The file could not be stored, or must not be; nothing of it is left behind."""

    def __init__(self, reason: str, *, failed: bool) -> None:
        super().__init__(reason)
        self.reason: Final = reason
        self.failed: Final = failed
        """It should have been stored, as opposed to: by rule it is not."""


class Bundle:
    """The bundle of one run, as whoever owns the run fills it."""

    def __init__(self, disk: Disk, folder: str, mask: Mask | None, tick: Tick) -> None:
        self._disk, self.folder, self._mask, self._tick = disk, folder, mask, tick
        self._may_share = True

    def begin(self) -> None:
        """Make the folder, and remove what somebody killed left half done."""
        try:
            self._disk.mkdir(self.folder)
        except FileExistsError:
            for name in self._disk.listdir(self.folder):
                if name.endswith(".tmp"):
                    discard(self._disk, f"{self.folder}/{name}")
            return
        self._disk.sync_dir(self.folder.rpartition("/")[0])

    def keep(self, source: int) -> Kept:
        """Store what the open file holds; its name in the bundle is durable after `settle`.

        Raises:
            NotKept: it changed all the time, the disk is full or broken, or it holds a secret that
            cannot be masked.
        """
        for _ in range(_TRIES):
            before = os.fstat(source)
            temporary = f"{self.folder}/.{os.urandom(6).hex()}.tmp"
            try:
                kept = self._copied(source, before, temporary)
                if kept is not None and _is_same(before, os.fstat(source)):
                    return self._named(temporary, kept)
            except OSError as error:
                raise NotKept(_told(error), failed=True) from error
            finally:
                discard(self._disk, temporary)
        raise NotKept("it changed while it was copied, each of 3 times", failed=True)

    def measure(self, source: int) -> Kept:
        """Return what `keep` would store, and store nothing.

        Raises:
            NotKept: it could not be stored.
        """
        for _ in range(_TRIES):
            before = os.fstat(source)
            try:
                kept = self._poured(source, None, before.st_size)
            except OSError as error:
                raise NotKept(_told(error), failed=True) from error
            if kept is not None and _is_same(before, os.fstat(source)):
                return kept
        raise NotKept("it changed while it was read, each of 3 times", failed=True)

    def settle(self) -> None:
        """Return when the names of everything kept so far are on the disk."""
        self._disk.sync_dir(self.folder)

    def drop(self, digest: str) -> None:
        """Remove what no event names."""
        discard(self._disk, f"{self.folder}/{digest}")

    def _copied(self, source: int, found: os.stat_result, temporary: str) -> Kept | None:
        """Return what was copied into the temporary file, durable; None if the source has changed."""
        fd = self._disk.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        try:
            shared = self._mask is None and self._shared(source, fd)
            if not shared:
                _require_room(fd, found)
            kept = self._poured(fd if shared else source, None if shared else fd, found.st_size)
            if kept is None:
                return None
            os.fchmod(fd, _READ_ONLY)
            self._disk.fdatasync(fd)
        finally:
            self._disk.close(fd)
        return kept

    def _named(self, temporary: str, kept: Kept) -> Kept:
        """Give the file its name; if the bundle has these bytes already, they stay as they are."""
        path = f"{self.folder}/{kept.sha256}"
        try:
            there = self._disk.stat_path(path)
        except FileNotFoundError:
            self._disk.rename(temporary, path)
            return kept
        if there.size != kept.size:  # damaged meanwhile: the new ones are right
            self._disk.rename(temporary, path)
        return Kept(kept.sha256, kept.size, kept.beginning, kept.masked, is_new=False)

    def _shared(self, source: int, fd: int) -> bool:
        """Let the copy share the source's blocks, at one moment; False where that cannot be done."""
        if not self._may_share:
            return False
        try:
            fcntl.ioctl(fd, _FICLONE, source)
        except OSError as error:
            self._may_share = error.errno in _FULL
            return False
        return True

    def _poured(self, source: int, target: int | None, size: int) -> Kept | None:
        """Return what stands in the source, written to the target if there is one; holes stay holes."""
        pour = _Pour(self._disk, target, self._mask)
        place = 0
        while place < size:
            self._tick()
            if hole := _hole(source, place, size):
                pour.skip(hole)
                place += hole
                continue
            raw = os.pread(source, min(PIECE, size - place), place)
            if not raw:
                return None
            pour.take(raw)
            place += len(raw)
        return None if os.pread(source, 1, size) else pour.done()


class _Pour:
    """One file on its way: hashed, its secrets masked, and written if there is somewhere to write it."""

    def __init__(self, disk: Disk, target: int | None, mask: Mask | None) -> None:
        self._disk, self._target, self._mask = disk, target, mask
        self._digest = sha256()
        self._held = self._beginning = b""
        self._size, self._masked = 0, False

    def take(self, raw: bytes) -> None:
        """Take what comes next."""
        self._beginning = self._beginning or raw[:BEGINNING]
        if self._mask is None:
            self._put(raw)
            return
        self._held += raw
        self._clean(self._mask, final=False)

    def skip(self, hole: int) -> None:
        """Take so many NULs, which no secret holds, and which no disk is needed for."""
        self._end_text()
        self._digest.update(_ZEROS[:hole])
        self._size += hole

    def done(self) -> Kept:
        """Return what came through.

        Raises:
            NotKept: it held a secret that cannot be masked where it stands.
        """
        self._end_text()
        if self._masked and not is_text(self._beginning):
            raise NotKept("it holds a secret, which cannot be masked in such a file", failed=False)
        if self._target is not None:
            self._disk.truncate(self._target, self._size)
        return Kept(self._digest.hexdigest(), self._size, self._beginning, self._masked, is_new=True)

    def _end_text(self) -> None:
        if self._held and self._mask is not None:
            self._clean(self._mask, final=True)

    def _clean(self, mask: Mask, *, final: bool) -> None:
        clean, used = mask(self._held, final)
        self._masked = self._masked or clean != self._held[:used]
        self._held = self._held[used:]
        self._put(clean)

    def _put(self, data: bytes) -> None:
        self._digest.update(data)
        if self._target is not None:
            os.lseek(self._target, self._size, os.SEEK_SET)
            write_fully(self._disk, self._target, data)
        self._size += len(data)


def write_manifest(disk: Disk, folder: str, data: bytes) -> None:
    """Put the manifest in its place, whole and durable."""
    write_whole(disk, f"{folder}/{MANIFEST}", data)


def _hole(source: int, place: int, size: int) -> int:
    """Return how many NULs nothing is stored for follow here, a piece at most; 0 if there are data."""
    try:
        data = os.lseek(source, place, os.SEEK_DATA)
    except OSError as error:
        return min(size - place, PIECE) if error.errno == errno.ENXIO else 0
    return min(data - place, size - place, PIECE)


def _is_same(before: os.stat_result, after: os.stat_result) -> bool:
    return (before.st_size, before.st_mtime_ns, before.st_ctime_ns) == (
        after.st_size,
        after.st_mtime_ns,
        after.st_ctime_ns,
    )


def _require_room(fd: int, found: os.stat_result) -> None:
    """Return if a copy fits, and leaves something to the journal: a full disk is everybody's trouble.

    Raises OSError: it does not.
    """
    with suppress(OSError):
        there = os.fstatvfs(fd)
        if there.f_bavail * there.f_frsize < min(found.st_blocks * 512, found.st_size) + _SPARE:
            raise NotKept("no space is left on the disk for it", failed=True)


def _told(error: OSError) -> str:
    if error.errno in _FULL:
        return f"the disk refused it: {os.strerror(error.errno or 0)}"
    return os.strerror(error.errno) if error.errno else str(error)
