"""The bundle of a run: its outputs by digest, each stored once, and the manifest that lists them.

`runs/<run_id>/bundle/<sha256>` and `bundle/manifest.json`. A file gets its name once all of it is on the
disk, and never changes after that. Nobody but us ever held it open: the bytes are copies (or shared
blocks, where the file system can), because a hard link to a file that the command can still write would
prove nothing.
"""

import errno
import os
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from hashlib import sha256
from typing import Final

from msgspec import Struct

from runlore.journal.disk import Disk, discard, write_fully, write_whole
from runlore.projections.media_types import is_text
from runlore.runtimes.beneath import NO_FOLDER
from runlore.runtimes.free_space import has_room
from runlore.runtimes.pieces import PIECE, ZEROS

FOLDER: Final = "bundle"
MANIFEST: Final = "manifest.json"
BEGINNING: Final = 8192
"""Bytes by which a file is taken for text or not."""
_TRIES: Final = 3
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

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


class _Copy(Struct, frozen=True):
    """A whole copy that is not known to be on the disk yet, open under a name of its own."""

    fd: int
    temporary: str


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
        self._unsettled: dict[str, _Copy] = {}
        """Copies by digest, of this batch."""

    def begin(self) -> None:
        """Make the folder, and remove what somebody killed left half done."""
        try:
            self._disk.mkdir(self.folder)
        except FileExistsError:
            require_folder(self._disk, self.folder)
            for name in self._disk.listdir(self.folder):
                if name.endswith(".tmp"):
                    discard(self._disk, f"{self.folder}/{name}")
            return
        self._disk.sync_dir(self.folder.rpartition("/")[0])

    def keep(self, source: int) -> Kept:
        """Copy what the open file holds; it is durable, and has its name in the bundle, after `settle`.

        Raises:
            NotKept: it changed all the time, the disk is full or broken, or it holds a secret that
            cannot be masked.
        """
        for _ in range(_TRIES):
            before = os.fstat(source)
            temporary = f"{self.folder}/.{os.urandom(6).hex()}.tmp"
            try:
                kept = self._copied(source, before, temporary)
            except OSError as error:
                raise NotKept(_told(error), failed=True) from error
            if kept is not None:
                return kept
        raise NotKept("it changed while it was copied, each of 3 times", failed=True)

    def settle(self) -> Mapping[str, str]:
        """Return once all that was kept is on the disk under its name; why some of it is not, by digest.

        All copies are on their way to the disk before the first is waited for, which takes about as long
        as waiting for one. Raises OSError: names cannot be made durable, so nothing of it is.
        """
        refused: dict[str, str] = {}
        try:
            for copy in self._unsettled.values():
                _start_writing(copy.fd)
            for digest, copy in self._unsettled.items():
                try:
                    self._disk.fdatasync(copy.fd)
                except OSError as error:
                    refused[digest] = _told(error)
            for digest in [each for each in self._unsettled if each not in refused]:
                copy = self._unsettled[digest]
                self._disk.rename(copy.temporary, f"{self.folder}/{digest}")
                self._disk.close(self._unsettled.pop(digest).fd)
            self._disk.sync_dir(self.folder)
        finally:
            self.close()
        return refused

    def close(self) -> None:
        """Let go of copies that have no name yet."""
        while self._unsettled:
            _, copy = self._unsettled.popitem()
            self._disk.close(copy.fd)
            discard(self._disk, copy.temporary)

    def measure(self, source: int) -> Kept:
        """Return what `keep` would store, and store nothing.

        Raises:
            NotKept: it could not be stored.
        """
        for _ in range(_TRIES):
            before = os.fstat(source)
            try:
                kept = self._poured(source, None, before)
            except OSError as error:
                raise NotKept(_told(error), failed=True) from error
            if kept is not None and _is_same(before, os.fstat(source)):
                return kept
        raise NotKept("it changed while it was read, each of 3 times", failed=True)

    def drop(self, digest: str) -> None:
        """Remove what no event names."""
        discard(self._disk, f"{self.folder}/{digest}")

    def _copied(self, source: int, found: os.stat_result, temporary: str) -> Kept | None:
        """Return what was copied into the temporary file; None if the source has changed."""
        fd = self._disk.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        waits = False
        try:
            shared = self._mask is None and self._shared(source, fd)
            if not shared:
                _require_room(fd, found)
            kept = self._poured(fd if shared else source, None if shared else fd, found)
            if kept is None or not _is_same(found, os.fstat(source)):
                return None
            self._disk.make_read_only(fd)
            is_new, wanted = self._judged(kept)
            if wanted:
                self._unsettled[kept.sha256] = _Copy(fd, temporary)
                waits = True
        finally:
            if not waits:
                self._disk.close(fd)
                discard(self._disk, temporary)
        return kept if is_new else Kept(kept.sha256, kept.size, kept.beginning, kept.masked, is_new=False)

    def _judged(self, kept: Kept) -> tuple[bool, bool]:
        """Say whether the bundle does not know these bytes, and whether it wants this copy of them."""
        if kept.sha256 in self._unsettled:
            return False, False
        try:
            there = self._disk.stat_path(f"{self.folder}/{kept.sha256}")
        except FileNotFoundError:
            return True, True
        return False, there.size != kept.size  # damaged meanwhile: the new ones are right

    def _shared(self, source: int, fd: int) -> bool:
        """Let the copy share the source's blocks, at one moment; False where that cannot be done."""
        self._may_share = self._may_share and self._disk.clone(source, fd)
        return self._may_share

    def _poured(self, source: int, target: int | None, found: os.stat_result) -> Kept | None:
        """Return what stands in the source, written to the target if there is one; holes stay holes."""
        pour = _Pour(self._disk, target, self._mask)
        place, size = 0, found.st_size
        is_sparse = found.st_blocks * 512 < size
        while place < size:
            self._tick()
            if is_sparse and (hole := _hole(source, place, size)):
                pour.skip(hole)
                place += hole
                continue
            most = _data(source, place, size) if is_sparse else size - place
            raw = os.pread(source, min(PIECE, most), place)
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
        self._digest.update(ZEROS[:hole])
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


def require_folder(disk: Disk, path: str) -> None:
    """Return if a folder is there, and no link to one: a command may have put that in our way.

    Raises OSError: something else is there, or nothing.
    """
    if not stat.S_ISDIR(disk.stat_path(path).mode):
        raise NotADirectoryError(errno.ENOTDIR, NO_FOLDER, path)


def write_manifest(disk: Disk, folder: str, data: bytes) -> None:
    """Put the manifest in its place, whole and durable. Raises OSError: the disk refused."""
    require_folder(disk, folder)
    write_whole(disk, f"{folder}/{MANIFEST}", data)


def _start_writing(fd: int) -> None:
    """Let the kernel begin to write the file, without waiting for it (what it does before it forgets one)."""
    with suppress(OSError):
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)


def _hole(source: int, place: int, size: int) -> int:
    """Return how many NULs nothing is stored for follow here, a piece at most; 0 if there are data."""
    try:
        data = os.lseek(source, place, os.SEEK_DATA)
    except OSError as error:
        return min(size - place, PIECE) if error.errno == errno.ENXIO else 0
    return min(data - place, size - place, PIECE)


def _data(source: int, place: int, size: int) -> int:
    """Return how many bytes follow here until the next hole; all of them where nobody knows."""
    try:
        return min(os.lseek(source, place, os.SEEK_HOLE), size) - place
    except OSError:
        return size - place


def _is_same(before: os.stat_result, after: os.stat_result) -> bool:
    return (before.st_size, before.st_mtime_ns, before.st_ctime_ns) == (
        after.st_size,
        after.st_mtime_ns,
        after.st_ctime_ns,
    )


def _require_room(fd: int, found: os.stat_result) -> None:
    """Return if a copy fits, and leaves something to the journal; holes take no room.

    Raises NotKept: it does not.
    """
    if not has_room(fd, min(found.st_blocks * 512, found.st_size)):
        raise NotKept("no space is left on the disk for it", failed=True)


def _told(error: OSError) -> str:
    if error.errno in _FULL:
        return f"the disk refused it: {os.strerror(error.errno or 0)}"
    return os.strerror(error.errno) if error.errno else str(error)
