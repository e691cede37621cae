"""Locks that are held through a descriptor, and what can be asked about them from outside.

The descriptor is close-on-exec, and a forked child closes its copy at once, because such a lock lives as
long as any copy of the descriptor. Nobody unlocks by hand: to let go is to close, or to die.
"""

import os
import weakref
from typing import Self

from runlore.journal.disk import Disk


class Held:
    """A lock that this process holds until it releases it or ends."""

    def __init__(self, disk: Disk, fd: int) -> None:
        self._disk, self._fd = disk, fd
        _held.add(self)

    @property
    def held(self) -> bool:
        """This process has not let go of it."""
        return self._fd >= 0

    def is_at(self, path: str) -> bool:
        """Say whether a path still names this lock; once it does not, somebody else may hold another."""
        return self.held and is_at(self._disk, self._fd, path)

    def release(self) -> None:
        """Let go; the kernel gives the lock to whoever asks next."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            self._disk.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def __del__(self) -> None:
        self.release()


def is_at(disk: Disk, fd: int, path: str) -> bool:
    """Say whether `path` names the very file that is open as `fd`."""
    try:
        opened, named = disk.stat(fd), disk.stat_path(path)
    except OSError:
        return False
    return opened.links > 0 and (opened.inode, opened.device) == (named.inode, named.device)


def is_locked(disk: Disk, path: str) -> bool:
    """Say whether somebody holds the lock of a file; where that cannot be asked nobody does."""
    try:
        fd = disk.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        return disk.is_locked(fd)
    except OSError:
        return False
    finally:
        disk.close(fd)


_held: "weakref.WeakSet[Held]" = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for lock in list(_held):
        lock.release()


os.register_at_fork(after_in_child=_after_fork_in_child)
