"""A process's view of the file system in memory: the Disk port without a kernel.

Several processes are several `SimulatedDisk`s on one `FileSystem`. Everything happens in one thread, so
waiting for a lock that somebody else holds would never end, and fails instead.
"""

import errno
import os
import stat
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from runlore.journal.disk import FileStat
from tests.doubles.file_system import PAGE, Entry, File, FileSystem, Folder

EPOCH: Final = datetime(2026, 11, 20, 20, 14, tzinfo=UTC)


@dataclass(eq=False)
class OpenFile:
    """An open file description: what a lock belongs to."""

    file: File
    flags: int
    position: int = 0


class Clock:
    """Time passes only when told to, but for one microsecond a look."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.looks = 0

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds

    def look(self) -> float:
        """Return the seconds so far; no two looks are the same."""
        self.looks += 1
        return self.seconds + self.looks * 1e-6


class SimulatedDisk:
    """The Disk port over a FileSystem, as one process sees it."""

    def __init__(self, system: FileSystem, clock: Clock | None = None) -> None:
        self.system = system
        self.clock = clock or Clock()
        self.fails: list[OSError] = []
        """Errors that the next syncs report."""
        self._open: dict[int, OpenFile] = {}

    def other(self) -> "SimulatedDisk":
        """Return the view of another process on the same file system."""
        return SimulatedDisk(self.system, self.clock)

    def die(self) -> None:
        """End this process as SIGKILL does: its locks go, what it wrote stays in the cache."""
        for fd in list(self._open):
            self.close(fd)

    def file(self, fd: int) -> File:
        """Return what is open."""
        return self._described(fd).file

    @property
    def open_files(self) -> int:
        """How many descriptors are open."""
        return len(self._open)

    # -- descriptors

    def open(self, path: str, flags: int) -> int:
        folder, name = self.system.parent(path)
        node = folder.seen.get(name)
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            node = self.system.new_file()
        elif node is None:
            if not flags & os.O_CREAT:
                raise _error(errno.ENOENT, path)
            node = self.system.new_file()
            self.system.change(Entry(folder, (), ((name, node),)))
        elif flags & os.O_CREAT and flags & os.O_EXCL:
            raise _error(errno.EEXIST, path)
        if isinstance(node, Folder):
            raise _error(errno.EISDIR, path)
        fd = next(number for number in range(3, 1 << 20) if number not in self._open)
        self._open[fd] = OpenFile(node, flags)
        return fd

    def close(self, fd: int) -> None:
        description = self._described(fd)
        self.unlock(fd)
        del self._open[fd]
        if not description.file.links and all(
            other.file is not description.file for other in self._open.values()
        ):
            self.system.give_room(description.file.allocated_to)
            description.file.allocated_to = 0

    def _described(self, fd: int) -> OpenFile:
        if fd not in self._open:
            raise _error(errno.EBADF)
        return self._open[fd]

    # -- bytes

    def write(self, fd: int, data: bytes) -> int:
        description = self._writable(fd)
        file = description.file
        offset = len(file.seen) if description.flags & os.O_APPEND else description.position
        written = self._put(file, offset, bytes(data))
        description.position = offset + written
        return written

    def pwrite(self, fd: int, data: bytes, offset: int) -> int:
        description = self._writable(fd)
        if description.flags & os.O_APPEND:  # pwrite(2), BUGS: Linux appends, whatever the offset
            offset = len(description.file.seen)
        return self._put(description.file, offset, bytes(data))

    def _writable(self, fd: int) -> OpenFile:
        description = self._described(fd)
        if not description.flags & (os.O_WRONLY | os.O_RDWR):
            raise _error(errno.EBADF)
        return description

    def _put(self, file: File, offset: int, data: bytes) -> int:
        fits = max(0, min(self._allocate(file, offset + len(data)) - offset, len(data)))
        if data and not fits:
            raise _error(errno.ENOSPC)
        if fits:
            file.put(offset, data[:fits])
            file.mtime_ns += 1
            self.system.on_change()
        return fits

    def pread(self, fd: int, length: int, offset: int) -> bytes:
        return bytes(self._described(fd).file.seen[offset : offset + length])

    def truncate(self, fd: int, size: int) -> None:
        file = self._writable(fd).file
        kept = _pages(size)
        self.system.give_room(max(0, file.allocated_to - kept))
        file.cut(size)
        file.allocated_to = min(file.allocated_to, kept)
        self.system.on_change()

    def preallocate(self, fd: int, offset: int, length: int) -> bool:
        file = self._writable(fd).file
        if self.system.room is not None and _pages(offset + length) - file.allocated_to > self.system.room:
            raise _error(errno.ENOSPC)
        self._allocate(file, offset + length)
        return True

    def punch(self, fd: int, offset: int, length: int) -> bool:
        file = self._writable(fd).file
        end = min(offset + length, len(file.seen))
        if end > offset:
            self._put(file, offset, bytes(end - offset))
        return True

    def clone(self, source: int, target: int) -> bool:
        self._described(source)
        self._writable(target)
        return False

    def make_read_only(self, fd: int) -> None:
        self._described(fd).file.mode = 0o400

    def _allocate(self, file: File, end: int) -> int:
        """Give a file pages up to `end`, as far as there are any; return where its pages end."""
        wanted = _pages(end) - file.allocated_to
        if wanted > 0:
            file.allocated_to += self.system.take_room(wanted)
        return file.allocated_to

    # -- durability

    def fdatasync(self, fd: int) -> None:
        file = self._described(fd).file
        if self.fails:
            self.lose(fd)
            raise self.fails.pop(0)
        file.sync()
        self.system.on_change()

    def lose(self, fd: int) -> None:
        """Let the disk lose what this file has not synced, while the page cache goes on showing it."""
        self._described(fd).file.fail_sync()

    def sync_dir(self, path: str) -> None:
        self.system.sync_folder(self.system.folder(path))

    # -- names

    def rename(self, source: str, target: str) -> None:
        (folder, old), (target_folder, new) = self.system.parent(source), self.system.parent(target)
        node = self.system.look_up(source)
        if folder is target_folder:
            self.system.change(Entry(folder, (old,), ((new, node),)))
        else:
            away = Entry(folder, (old,), ())
            self.system.change(Entry(target_folder, (), ((new, node),), also=away))

    def link(self, source: str, target: str) -> None:
        folder, name = self.system.parent(target)
        if name in folder.seen:
            raise _error(errno.EEXIST, target)
        self.system.change(Entry(folder, (), ((name, self.system.look_up(source)),)))

    def unlink(self, path: str) -> None:
        folder, name = self.system.parent(path)
        if isinstance(self.system.look_up(path), Folder):
            raise _error(errno.EISDIR, path)
        self.system.change(Entry(folder, (name,), ()))

    def mkdir(self, path: str) -> None:
        folder, name = self.system.parent(path)
        if name in folder.seen:
            raise _error(errno.EEXIST, path)
        self.system.change(Entry(folder, (), ((name, self.system.new_folder()),)))

    def listdir(self, path: str) -> list[str]:
        return list(self.system.folder(path).seen)

    # -- questions

    def stat(self, fd: int) -> FileStat:
        return _stat(self._described(fd).file)

    def stat_path(self, path: str) -> FileStat:
        return _stat(self.system.look_up(path))

    def size_and_links(self, fd: int) -> tuple[int, int]:
        file = self._described(fd).file
        return len(file.seen), file.links

    def position(self, fd: int) -> int:
        return self._described(fd).position

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.clock.look())

    def monotonic(self) -> float:
        return self.clock.look()

    # -- locks

    def lock(self, fd: int, *, wait: bool = True) -> bool:
        description = self._described(fd)
        file = description.file
        if file.locked_by not in {None, description}:
            assert not wait, "deadlock: the lock is held, and its holder cannot go on"
            return False
        file.locked_by = description
        return True

    def unlock(self, fd: int) -> None:
        description = self._described(fd)
        if description.file.locked_by is description:
            description.file.locked_by = None

    def is_locked(self, fd: int) -> bool:
        description = self._described(fd)
        return description.file.locked_by not in {None, description}


def _pages(size: int) -> int:
    """Return the bytes of the pages that `size` bytes take."""
    return -(-size // PAGE) * PAGE


def _stat(node: File | Folder) -> FileStat:
    file = node if isinstance(node, File) else None
    return FileStat(
        size=len(file.seen) if file else 0,
        links=file.links if file else 2,
        inode=node.number,
        device=1,
        mode=node.mode | (stat.S_IFREG if file else stat.S_IFDIR),
        uid=os.geteuid(),
        allocated=file.allocated_to if file else PAGE,
        mtime_ns=file.mtime_ns if file else 0,
    )


def _error(number: int, path: str | None = None) -> OSError:
    return OSError(number, os.strerror(number), path)
