"""A real disk beside one in memory, which knows what a power cut would leave of the real one.

What runs on it may open files without the port, and may remove and link names without it: reading goes to
the kernel alone, and what happened to names is found out in front of the next call that changes something.
Bytes are written through the port only. Nothing waits for the real disk.
"""

import os
import shutil
from pathlib import Path
from typing import Any, Final

from runlore.journal.disk import REAL, Disk
from tests.doubles.crash_states import Image
from tests.doubles.file_system import Entry, File, FileSystem, Folder
from tests.doubles.recorder import CALLS
from tests.doubles.simulated import Clock, SimulatedDisk

_DERIVED: Final = frozenset({"index", "feed"})
"""Folders that nobody has to find again."""


class World:
    """A real folder, and its likeness in memory, on whose disk all of it lies."""

    def __init__(self, base: str) -> None:
        self.base: Final = base
        self.system: Final = FileSystem.holding(*_found(base))
        self._inodes: dict[int, File] = {}
        for path, node in self.system.walk():
            if isinstance(node, File):
                self._inodes[os.lstat(path).st_ino] = node

    def know(self, fd: int, file: File) -> None:
        """Note which file in memory stands for an open one."""
        self._inodes[os.fstat(fd).st_ino] = file

    def has(self, path: str) -> bool:
        """Say whether a path lies in the folder, and has to be found again."""
        return f"{path}/".startswith(f"{self.base}/") and not _DERIVED.intersection(path.split("/"))

    def catch_up(self) -> None:
        """Do in memory what somebody did to real names without the port."""
        self._compare(self.base, self.system.folder(self.base))

    def is_alike(self) -> bool:
        """Say whether the folder in memory holds what the real one does, names and bytes."""
        self.catch_up()
        files, folders = _found(self.base)
        seen = {path: node for path, node in self.system.walk() if self.has(path)}
        return files == {
            path: bytes(node.seen) for path, node in seen.items() if isinstance(node, File)
        } and folders == {path for path, node in seen.items() if isinstance(node, Folder)}

    def _compare(self, path: str, folder: Folder) -> None:
        with os.scandir(path) as entries:
            real = {entry.name: entry.stat(follow_symlinks=False) for entry in entries}
        for name in [name for name in folder.seen if name not in real]:
            self._take_away(folder, name)
        for name in [name for name in real if name not in _DERIVED]:
            known, inode = folder.seen.get(name), real[name].st_ino
            if isinstance(known, Folder):
                self._compare(f"{path}/{name}", known)
            elif known is not self._inodes.get(inode):
                self.system.change(Entry(folder, (), ((name, self._inodes[inode]),)))

    def _take_away(self, folder: Folder, name: str) -> None:
        gone = folder.seen[name]
        for inner in list(gone.seen) if isinstance(gone, Folder) else ():
            assert isinstance(gone, Folder)
            self._take_away(gone, inner)
        self.system.change(Entry(folder, (name,), ()))


class Mirrored:
    """The real disk as one process sees it; `die` ends that process."""

    def __init__(self, world: World, clock: Clock) -> None:
        self._world = world
        self._memory = SimulatedDisk(world.system, clock)
        self._open: dict[int, int] = {}
        """Of what has to be found again: the descriptor in memory."""
        self._others: set[int] = set()
        self._is_dead = False
        for name in CALLS:
            if not hasattr(self, name):
                setattr(self, name, getattr(REAL, name))

    @property
    def disk(self) -> Disk:
        """This, as the port."""
        return self  # type: ignore[return-value]  # the calls are put in at run time

    def die(self) -> None:
        """Close everything, as the kernel does."""
        for fd in [*self._open, *self._others]:
            self.close(fd)
        self._is_dead = True

    def open(self, path: str, flags: int) -> int:
        if self._world.has(path):
            self._world.catch_up()
        fd = REAL.open(path, flags)
        if self._world.has(path):
            self._open[fd] = self._memory.open(path, flags)
            self._world.know(fd, self._memory.file(self._open[fd]))
        else:
            self._others.add(fd)
        return fd

    def close(self, fd: int) -> None:
        if self._is_dead:
            return
        if fd in self._open:
            self._memory.close(self._open.pop(fd))
        self._others.discard(fd)
        REAL.close(fd)

    def write(self, fd: int, data: bytes) -> int:
        return self._put(fd, data, REAL.position(fd), REAL.write(fd, data))

    def pwrite(self, fd: int, data: bytes, offset: int) -> int:
        return self._put(fd, data, offset, REAL.pwrite(fd, data, offset))

    def _put(self, fd: int, data: bytes, place: int, written: int) -> int:
        if fd in self._open:
            assert self._memory.pwrite(self._open[fd], bytes(data[:written]), place) == written
        return written

    def truncate(self, fd: int, size: int) -> None:
        REAL.truncate(fd, size)
        if fd in self._open:
            self._memory.truncate(self._open[fd], size)

    def clone(self, *_: int) -> bool:
        return False

    def fdatasync(self, fd: int) -> None:
        self._world.catch_up()
        if fd in self._open:
            self._memory.fdatasync(self._open[fd])

    def sync_dir(self, path: str) -> None:
        self._both("sync_dir", path)

    def rename(self, source: str, target: str) -> None:
        self._both("rename", source, target)

    def link(self, source: str, target: str) -> None:
        self._both("link", source, target)

    def unlink(self, path: str) -> None:
        self._both("unlink", path)

    def mkdir(self, path: str) -> None:
        self._both("mkdir", path)

    def _both(self, name: str, *paths: str) -> None:
        """Change names on both disks; only the one in memory has to know what is durable."""
        self._world.catch_up()
        if name != "sync_dir":
            getattr(REAL, name)(*paths)
        if self._world.has(paths[-1]):
            getattr(self._memory, name)(*paths)


class Hasty:
    """The real disk, for whoever comes after the power cut: nothing waits for it."""

    def __init__(self) -> None:
        for name in CALLS:
            setattr(self, name, getattr(REAL, name))
        self.fdatasync = self.sync_dir = _nothing

    @property
    def disk(self) -> Disk:
        """This, as the port."""
        return self  # type: ignore[return-value]  # the calls are put in at run time


def _nothing(*_: Any) -> None:
    """Pretend that it is on the disk."""


def come_up(image: Image, base: str, place: str) -> None:
    """Make a real folder of what a power cut left of another one."""
    shutil.rmtree(place, ignore_errors=True)
    os.makedirs(place, 0o700)
    for folder in sorted(image.folders):
        if folder.startswith(f"{base}/"):
            os.makedirs(place + folder.removeprefix(base), 0o700, exist_ok=True)
    for path, data in image.files.items():
        file = Path(place + path.removeprefix(base))
        file.write_bytes(data)
        file.chmod(0o600)


def _found(base: str) -> tuple[dict[str, bytes], frozenset[str]]:
    """Return the files and folders that lie somewhere."""
    files: dict[str, bytes] = {}
    folders = {base}
    for folder, inner, names in os.walk(base):
        inner[:] = [name for name in inner if name not in _DERIVED]
        folders.update(f"{folder}/{name}" for name in inner)
        files |= {f"{folder}/{name}": Path(folder, name).read_bytes() for name in names}
    return files, frozenset(folders)
