"""The one door to the disk: every system call that truth depends on goes through this port.

Tests put a simulated disk, a recorder, or a failer of the n-th call in its place. Paths are plain
strings, because importing pathlib costs a command more than opening a journal does.
"""

import errno
import fcntl
import os
import struct
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Protocol

from msgspec import Struct

PRIVATE: Final = 0o600
PRIVATE_DIR: Final = 0o700
READ_ONLY: Final = 0o400
_WRITE_LOCK: Final = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
_NO_LOCK: Final = struct.pack("hhqqi4x", fcntl.F_UNLCK, os.SEEK_SET, 0, 0, 0)
_fcntl, _fstat, _lseek, _now = fcntl.fcntl, os.fstat, os.lseek, datetime.now
_SETLK, _SETLKW = fcntl.F_OFD_SETLK, fcntl.F_OFD_SETLKW
_CANNOT_PREALLOCATE: Final = frozenset({errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.ENODEV})
_FALLOC_FL_KEEP_SIZE: Final = 1
"""fallocate(2): allocate behind the end without changing the size."""
_FALLOC_FL_PUNCH_HOLE: Final = 2
"""fallocate(2): give disk back inside a file; NULs are read there."""
_FICLONE: Final = 0x40049409
"""ioctl_ficlone(2): let a file have the same blocks as another, until either is written."""


class FileStat(Struct, frozen=True, gc=False):
    """What we ask a file about itself."""

    size: int
    links: int
    inode: int
    device: int
    mode: int
    uid: int
    allocated: int
    """Bytes of disk behind it."""
    mtime_ns: int


class Disk(Protocol):
    """The system calls of the journal. Errors are OSError, as the kernel gave them."""

    def open(self, path: str, flags: int) -> int:
        """Open, close-on-exec; a created file has mode 0600 whatever the umask."""
        ...

    def close(self, fd: int, /) -> None:
        """Close; never fails, but for a descriptor that is not open."""
        ...

    def write(self, fd: int, data: bytes, /) -> int:
        """Write once; may be short."""
        ...

    def pwrite(self, fd: int, data: bytes, offset: int, /) -> int:
        """Write once at a place; may be short."""
        ...

    def pread(self, fd: int, length: int, offset: int, /) -> bytes:
        """Read at a place; empty at the end."""
        ...

    def fdatasync(self, fd: int, /) -> None:
        """Return when the file's data and size are on the disk."""
        ...

    def sync_dir(self, path: str) -> None:
        """Return when the folder's entries are on the disk."""
        ...

    def stat(self, fd: int) -> FileStat:
        """Describe an open file."""
        ...

    def size_and_links(self, fd: int) -> tuple[int, int]:
        """Return what every append asks: the file's size, and how many names it still has."""
        ...

    def stat_path(self, path: str) -> FileStat:
        """Describe the file at a path, symbolic links not followed."""
        ...

    def position(self, fd: int) -> int:
        """Return where this descriptor's own last write ended."""
        ...

    def truncate(self, fd: int, size: int, /) -> None:
        """Cut or extend to `size`; frees what was preallocated behind it."""
        ...

    def preallocate(self, fd: int, offset: int, length: int) -> bool:
        """Reserve disk behind the end, size unchanged; False where the file system cannot.

        Raises OSError where it can, and is too full.
        """
        ...

    def punch(self, fd: int, offset: int, length: int) -> bool:
        """Give back the disk of a part inside a file: NULs are read there; False where that cannot be done.

        Raises OSError where it can, and the disk refused.
        """
        ...

    def clone(self, source: int, target: int) -> bool:
        """Let an empty file have the same blocks as another, until either is written; False if it cannot."""
        ...

    def make_read_only(self, fd: int) -> None:
        """Let nobody open the file for writing any more: mode 0400."""
        ...

    def rename(self, source: str, target: str, /) -> None:
        """Put `source` in the place of `target`, atomically."""
        ...

    def link(self, source: str, target: str) -> None:
        """Give a file a second name; fails if the name is taken."""
        ...

    def unlink(self, path: str, /) -> None:
        """Remove a name."""
        ...

    def mkdir(self, path: str) -> None:
        """Make a folder of mode 0700."""
        ...

    def listdir(self, path: str) -> list[str]:
        """Return the names in a folder, in no order."""
        ...

    def lock(self, fd: int, *, wait: bool = True) -> bool:
        """Take the exclusive OFD lock of the whole file; False if held by another and not waiting."""
        ...

    def unlock(self, fd: int) -> None:
        """Give the lock back."""
        ...

    def is_locked(self, fd: int) -> bool:
        """Ask whether another open file description holds the lock; leaves no trace."""
        ...

    def now(self) -> datetime:
        """Wall clock, UTC, for people."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never steps; comparable only within this boot."""
        ...


class RealDisk:
    """The kernel. Calls without anything to add are the C functions themselves: appends are hot."""

    write = staticmethod(os.write)
    pwrite = staticmethod(os.pwrite)
    pread = staticmethod(os.pread)
    fdatasync = staticmethod(os.fdatasync)
    truncate = staticmethod(os.ftruncate)
    rename = staticmethod(os.rename)
    unlink = staticmethod(os.unlink)
    monotonic = staticmethod(time.monotonic)

    def open(self, path: str, flags: int) -> int:
        fd = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE)
        if flags & os.O_CREAT:
            os.fchmod(fd, PRIVATE)
        return fd

    def close(self, fd: int) -> None:
        try:
            os.close(fd)
        except (
            OSError
        ) as error:  # close(2): the descriptor is gone all the same, and syncs have spoken before
            if error.errno == errno.EBADF:
                raise

    def sync_dir(self, path: str) -> None:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        except OSError as error:
            if error.errno != errno.EINVAL:  # fsync(2): some file systems cannot sync a folder
                raise
        finally:
            os.close(fd)

    def stat(self, fd: int) -> FileStat:
        return _described(os.fstat(fd))

    def stat_path(self, path: str) -> FileStat:
        return _described(os.lstat(path))

    def size_and_links(self, fd: int) -> tuple[int, int]:
        found = _fstat(fd)
        return found.st_size, found.st_nlink

    def position(self, fd: int) -> int:
        return _lseek(fd, 0, os.SEEK_CUR)

    def preallocate(self, fd: int, offset: int, length: int) -> bool:
        return _allocated(fd, _FALLOC_FL_KEEP_SIZE, offset, length)

    def punch(self, fd: int, offset: int, length: int) -> bool:
        return _allocated(fd, _FALLOC_FL_KEEP_SIZE | _FALLOC_FL_PUNCH_HOLE, offset, length)

    def clone(self, source: int, target: int) -> bool:
        try:
            fcntl.ioctl(target, _FICLONE, source)
        except OSError:
            return False
        return True

    def make_read_only(self, fd: int) -> None:
        os.fchmod(fd, READ_ONLY)

    def link(self, source: str, target: str) -> None:
        os.link(source, target, follow_symlinks=False)

    def mkdir(self, path: str) -> None:
        os.mkdir(path, PRIVATE_DIR)
        os.chmod(path, PRIVATE_DIR)

    def listdir(self, path: str) -> list[str]:
        return os.listdir(path)

    def lock(self, fd: int, *, wait: bool = True) -> bool:
        try:
            _fcntl(fd, _SETLK, _WRITE_LOCK)
        except BlockingIOError:
            return wait and _waited_for(fd)
        return True

    def unlock(self, fd: int) -> None:
        _fcntl(fd, _SETLK, _NO_LOCK)

    def is_locked(self, fd: int) -> bool:
        answer = _fcntl(fd, fcntl.F_OFD_GETLK, _WRITE_LOCK)
        return int.from_bytes(answer[:2], "little") != fcntl.F_UNLCK

    def now(self) -> datetime:
        return _now(UTC)


REAL: Final = RealDisk()


def _waited_for(fd: int) -> bool:
    """Take the lock of a file that somebody else holds now, once it is free."""
    from runlore.journal.lock_waits import is_taken_soon  # noqa: PLC0415 - mostly nobody is in the way

    if not is_taken_soon(lambda: REAL.lock(fd, wait=False), fd):
        _fcntl(fd, _SETLKW, _WRITE_LOCK)
    return True


def _described(found: os.stat_result) -> FileStat:
    return FileStat(
        size=found.st_size,
        links=found.st_nlink,
        inode=found.st_ino,
        device=found.st_dev,
        mode=found.st_mode,
        uid=found.st_uid,
        allocated=found.st_blocks * 512,
        mtime_ns=found.st_mtime_ns,
    )


def _allocated(fd: int, mode: int, offset: int, length: int) -> bool:
    """Call fallocate(2); False where the file system cannot do that."""
    while (number := _fallocate()(fd, mode, offset, length)) == errno.EINTR:
        pass  # tmpfs gives up at a signal
    if number and number not in _CANNOT_PREALLOCATE:
        raise OSError(number, os.strerror(number))
    return not number


@lru_cache(maxsize=1)
def _fallocate() -> Callable[[int, int, int, int], int]:
    """Return fallocate(2), which the standard library only has in its size-changing form.

    What it returns is 0, or the errno.
    """
    import ctypes  # noqa: PLC0415 - 5 ms of start-up that only owners need

    function = ctypes.CDLL(None, use_errno=True).fallocate
    function.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    function.restype = ctypes.c_int

    def call(fd: int, mode: int, offset: int, length: int) -> int:
        return ctypes.get_errno() if function(fd, mode, offset, length) else 0

    return call


def write_whole(disk: Disk, path: str, data: bytes) -> None:
    """Replace the file at `path` by `data`, whole or not at all, durably.

    Temporary name in the same folder, fdatasync, rename, sync of the folder: without the first sync
    XFS leaves an empty file after a power cut.
    """
    folder = path.rpartition("/")[0]
    temporary = f"{folder}/.{path.rpartition('/')[2]}.{os.urandom(6).hex()}.tmp"
    fd = disk.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        try:
            write_fully(disk, fd, data)
            disk.fdatasync(fd)
        finally:
            disk.close(fd)
        disk.rename(temporary, path)
    except BaseException:
        discard(disk, temporary)
        raise
    disk.sync_dir(folder)


def write_fully(disk: Disk, fd: int, data: bytes) -> None:
    """Write all of `data` to a file nobody else sees yet."""
    view = data
    while view:
        view = view[disk.write(fd, view) :]


def write_fully_at(disk: Disk, fd: int, data: bytes, place: int) -> None:
    """Write all of `data` at a place of a file nobody else sees yet."""
    view = data
    while view:
        written = disk.pwrite(fd, view, place)
        view, place = view[written:], place + written


def read_whole(disk: Disk, path: str, limit: int) -> bytes:
    """Return up to `limit` bytes of a file."""
    fd = disk.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        pieces: list[bytes] = []
        size = 0
        while size < limit and (piece := disk.pread(fd, min(limit - size, 1 << 20), size)):
            pieces.append(piece)
            size += len(piece)
        return b"".join(pieces)
    finally:
        disk.close(fd)


def discard(disk: Disk, path: str) -> None:
    """Remove a name, if it is there and the disk lets us."""
    try:
        disk.unlink(path)
    except OSError:
        return
