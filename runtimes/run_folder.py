"""What lies in a run's folder, looked at without following anything out of it.

The folder itself and the names directly in it are ours, so a link or a name that we never make there is
foreign, and is left alone. What is below `artifacts/` is the command's own: links there are names and
nothing more.
"""

import os
import stat
from collections.abc import Iterator
from typing import Final

from runlore.projections.retention import Folder
from runlore.runtimes.file_times import written_at
from runlore.runtimes.live_files import BELL, FIFOS, SLOTS, WRAPPER_RECORD

LOCKS: Final = frozenset({"owner.lock", "tree.lock", SLOTS})
FOLDERS: Final = frozenset({"artifacts", "bundle"})
"""Folders in a run's folder; what is in `artifacts` is the command's."""
NAMES: Final = (
    LOCKS
    | FOLDERS
    | {*FIFOS.values(), BELL, WRAPPER_RECORD}
    | {"exit", "heartbeat", "transcript", "transcript.index", "keeper.error"}
)
"""Whatever else lies there is not ours, and keeps the run."""
_BLOCK: Final = 512


def look(path: str) -> Folder | None:
    """Return what lies in the folder at `path`; None if there is nothing at all."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        return _foreign(f"its folder cannot be looked at: {error.strerror}")
    if not stat.S_ISDIR(found.st_mode):
        return _foreign("what is in the place of its folder is none")
    try:
        return _Counting(found).counted(path)
    except FileNotFoundError:
        return _foreign("its folder changes right now", found)
    except OSError as error:
        return _foreign(f"its folder cannot be read: {error.strerror}", found)


def kind_of(name: str) -> str:
    """Return what of a run a name in its folder belongs to."""
    if name in FOLDERS:
        return "artifacts"
    return "transcripts" if name.startswith("transcript") else "rest"


def sizes(path: str) -> dict[str, int]:
    """Return the bytes of disk in a run's folder, by what they belong to; nothing of what cannot be read."""
    found: dict[str, int] = {}
    for name, entry in _walk(path):
        top = name.partition("/")[0]
        found[kind_of(top)] = found.get(kind_of(top), 0) + entry.st_blocks * _BLOCK
    return found


class _Counting:
    """Counts what one folder holds."""

    def __init__(self, folder: os.stat_result) -> None:
        self._folder = folder
        self._files = self._bytes = 0
        self._newest_ns: int | None = None
        self._linked: dict[tuple[int, int], list[int]] = {}
        """By file with several names: how many of them were not seen here, and its bytes."""
        self._problem = ""

    def counted(self, path: str) -> Folder:
        """Return the sum."""
        for name, entry in _walk(path, strict=True):
            self._problem = self._problem or self._wrong_with(name, entry)
            self._count(entry, name)
        freed = self._bytes + sum(size for unseen, size in self._linked.values() if unseen == 0)
        newest_ns = self._folder.st_mtime_ns if self._newest_ns is None else self._newest_ns
        return Folder(
            files=self._files,
            bytes=freed,
            newest=written_at(newest_ns),
            problem=self._problem,
            device=self._folder.st_dev,
            inode=self._folder.st_ino,
        )

    def _wrong_with(self, name: str, entry: os.stat_result) -> str:
        if entry.st_dev != self._folder.st_dev:
            return f"{name!a} is on another file system"
        if "/" in name:
            return ""
        if name not in NAMES and not (name.startswith(".") and name.endswith(".tmp")):
            return f"{name!a} in its folder is nothing that runlore makes"
        if stat.S_ISLNK(entry.st_mode):
            return f"{name!a} in its folder is a symbolic link"
        if (name in FOLDERS) != stat.S_ISDIR(entry.st_mode):
            return f"{name!a} in its folder is not what it should be"
        if stat.S_ISREG(entry.st_mode) and entry.st_nlink != 1 and name != SLOTS:
            return f"{name!a} in its folder has another name elsewhere"
        return ""

    def _count(self, entry: os.stat_result, name: str) -> None:
        if stat.S_ISDIR(entry.st_mode):
            self._bytes += entry.st_blocks * _BLOCK
            return
        self._files += 1
        size = entry.st_blocks * _BLOCK
        if entry.st_nlink > 1:
            known = self._linked.setdefault((entry.st_dev, entry.st_ino), [entry.st_nlink, size])
            known[0] -= 1
        else:
            self._bytes += size
        if stat.S_ISREG(entry.st_mode) and name not in LOCKS:
            self._newest_ns = max(self._newest_ns or 0, entry.st_mtime_ns)


def _walk(path: str, *, strict: bool = False) -> Iterator[tuple[str, os.stat_result]]:
    """Yield (name below `path`, what it is) of everything there; no link is followed, no mount entered.

    strict: raise for what cannot be read, instead of passing it over.
    """
    device, left = None, [""]
    while left:
        below = left.pop()
        try:
            with os.scandir(f"{path}/{below}") as entries:
                found = [(entry.name, entry.stat(follow_symlinks=False)) for entry in entries]
        except OSError:
            if strict:
                raise
            continue
        for name, entry in found:
            device = entry.st_dev if device is None else device
            yield below + name, entry
            if stat.S_ISDIR(entry.st_mode) and entry.st_dev == device:
                left.append(f"{below}{name}/")


def _foreign(problem: str, found: os.stat_result | None = None) -> Folder:
    device, inode = (found.st_dev, found.st_ino) if found else (0, 0)
    return Folder(files=0, bytes=0, newest=None, problem=problem, device=device, inode=inode)
