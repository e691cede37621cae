"""A file system in memory that knows what is on the disk and what is only in the page cache.

Every file and every folder entry has two states: what processes see, and what has been synced. What
lies between them is a list of changes in order, from which `crash_states` makes every picture that a
power cut may leave.
"""

import errno
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

SECTOR: Final = 512
PAGE: Final = 4096


@dataclass(frozen=True)
class Put:
    """Bytes were written at a place."""

    offset: int
    data: bytes


@dataclass(frozen=True)
class Cut:
    """The file was made to end at `size`."""

    size: int


@dataclass(eq=False)
class File:
    """An inode: its bytes as processes see them, and as the disk has them."""

    number: int
    mode: int = 0o600
    links: int = 0
    seen: bytearray = field(default_factory=bytearray)
    durable: bytes = b""
    changes: list[Put | Cut] = field(default_factory=list)
    lost: list[tuple[int, int]] = field(default_factory=list)
    """Ranges that a failed sync dropped: in the cache, clean, and never to reach the disk."""
    allocated_to: int = 0
    locked_by: object = None
    mtime_ns: int = 0

    def put(self, offset: int, data: bytes) -> None:
        """Write into the page cache."""
        if offset > len(self.seen):
            self.seen += bytes(offset - len(self.seen))
        self.seen[offset : offset + len(data)] = data
        self.changes.append(Put(offset, data))

    def cut(self, size: int) -> None:
        """Truncate or extend in the page cache."""
        del self.seen[size:]
        self.seen += bytes(size - len(self.seen))
        self.lost = [(start, min(end, size)) for start, end in self.lost if start < size]
        self.changes.append(Cut(size))

    def sync(self) -> None:
        """Make the disk have what processes see, but for what an earlier sync has lost."""
        before, now = self.durable, bytearray(self.seen)
        for start, end in self.lost:
            stop = min(end, len(now))
            now[start:stop] = before[start:stop].ljust(stop - start, b"\0") if start < stop else b""
        self.durable = bytes(now)
        self.changes.clear()

    def fail_sync(self) -> None:
        """Do what the kernel does when the disk refuses: call the dirty pages clean and forget them."""
        self.lost += [
            (put.offset, put.offset + len(put.data)) for put in self.changes if isinstance(put, Put)
        ]
        self.changes.clear()


@dataclass(eq=False)
class Folder:
    """An inode of names."""

    number: int
    mode: int = 0o700
    seen: dict[str, "File | Folder"] = field(default_factory=dict)
    durable: dict[str, "File | Folder"] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Entry:
    """One change of names, atomic by itself: these are taken away, these are put there."""

    folder: Folder
    taken: tuple[str, ...]
    given: tuple[tuple[str, File | Folder], ...]
    also: "Entry | None" = None
    """The other half of a move from folder to folder: a crash leaves both of them or neither."""

    @property
    def halves(self) -> "tuple[Entry, ...]":
        """What changes, folder by folder."""
        return (self,) if self.also is None else (self, self.also)

    def apply(self, names: dict[str, File | Folder]) -> None:
        """Change a folder's names accordingly."""
        for name in self.taken:
            names.pop(name, None)
        names.update(self.given)


class FileSystem:
    """Files, folders, and the changes that no sync has made durable yet."""

    def __init__(self) -> None:
        self.top = Folder(1)
        self.entries: list[Entry] = []
        self.room: int | None = None
        """Bytes that still fit; None for a disk that never fills."""
        self.on_change: Callable[[], None] = lambda: None
        """Called after every change of what a crash could leave."""
        self._numbers = iter(range(2, 1 << 62))

    @classmethod
    def holding(cls, files: Mapping[str, bytes], folders: frozenset[str] = frozenset()) -> "FileSystem":
        """Return a file system on whose disk these files lie, after a boot: nothing is pending."""
        made = cls()
        for path in sorted(folders):
            made._make_folders(path)
        for path, content in files.items():
            folder = made._make_folders(path.rpartition("/")[0])
            pages = -(-len(content) // PAGE) * PAGE
            file = File(
                next(made._numbers), links=1, seen=bytearray(content), durable=content, allocated_to=pages
            )
            name = path.rpartition("/")[2]
            folder.seen[name] = folder.durable[name] = file
        return made

    def _make_folders(self, path: str) -> Folder:
        folder = self.top
        for name in path.split("/"):
            if not name:
                continue
            inside = folder.seen.get(name)
            if inside is None:
                inside = folder.durable[name] = folder.seen[name] = Folder(next(self._numbers))
            assert isinstance(inside, Folder)
            folder = inside
        return folder

    # -- names

    def parent(self, path: str) -> tuple[Folder, str]:
        """Return the folder a path's last name is in, and that name."""
        above, _, name = path.rpartition("/")
        return self.folder(above), name

    def folder(self, path: str) -> Folder:
        """Return the folder at a path."""
        found = self.look_up(path)
        if not isinstance(found, Folder):
            raise _error(errno.ENOTDIR, path)
        return found

    def look_up(self, path: str) -> File | Folder:
        """Return what a path names."""
        found: File | Folder = self.top
        for name in path.split("/"):
            if not name:
                continue
            if not isinstance(found, Folder):
                raise _error(errno.ENOTDIR, path)
            if name not in found.seen:
                raise _error(errno.ENOENT, path)
            found = found.seen[name]
        return found

    def change(self, entry: Entry) -> None:
        """Change names in the cache, with the counts of links, atomically."""
        for half in entry.halves:
            names = half.folder.seen
            for name in {*half.taken, *(name for name, _ in half.given)} & names.keys():
                _count(names[name], -1)
            half.apply(names)
            for _, node in half.given:
                _count(node, 1)
        self.entries.append(entry)
        self.on_change()

    def new_file(self) -> File:
        """Return an inode without a name."""
        return File(next(self._numbers))

    def new_folder(self) -> Folder:
        """Return an empty folder without a name."""
        return Folder(next(self._numbers))

    def sync_folder(self, folder: Folder) -> None:
        """Make a folder's names durable; of a move the other half as well."""
        left: list[Entry] = []
        for entry in self.entries:
            if all(half.folder is not folder for half in entry.halves):
                left.append(entry)
                continue
            for half in entry.halves:
                half.apply(half.folder.durable)
        self.entries = left
        self.on_change()

    def durable(self, path: str) -> bytes:
        """Return the synced bytes of a file."""
        found = self.look_up(path)
        assert isinstance(found, File)
        return found.durable

    # -- room

    def take_room(self, wanted: int) -> int:
        """Return how many of `wanted` bytes, in whole pages, still fit, and use them up."""
        if self.room is None:
            return wanted
        taken = min(wanted, self.room // PAGE * PAGE)
        self.room -= taken
        return taken

    def give_room(self, freed: int) -> None:
        """Take bytes back."""
        if self.room is not None:
            self.room += freed

    def walk(self) -> Iterator[tuple[str, File | Folder]]:
        """Yield (path, inode) of everything processes see."""
        stack: list[tuple[str, Folder]] = [("", self.top)]
        while stack:
            path, folder = stack.pop()
            for name, node in folder.seen.items():
                yield f"{path}/{name}", node
                if isinstance(node, Folder):
                    stack.append((f"{path}/{name}", node))


def _count(node: File | Folder, change: int) -> None:
    if isinstance(node, File):
        node.links += change


def _error(number: int, path: str) -> OSError:
    return OSError(number, os.strerror(number), path)
