"""The file whose locked bytes count the live keepers, found again after somebody has deleted it.

`keepers.slots` in the root has a second name in the folder of each run that is kept. So the file that the
kernel counts by outlives its first name, and whoever misses that gives it back to the very file. A new one
is made only where no run that is kept has a second name.
"""

import os
import stat
from contextlib import suppress
from typing import Final

from runlore.journal.disk import PRIVATE
from runlore.journal.layout import Layout
from runlore.runtimes import byte_locks
from runlore.runtimes.live_files import SLOTS

GATE: Final = 0
"""The byte that whoever counts and takes holds meanwhile."""
_READ: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW
_WRITE: Final = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW


def opened(layout: Layout) -> int:
    """Return the file, open; if it is missing, it gets its name back, or is made.

    Raises:
        OSError: that cannot be done.
    """
    while True:
        with suppress(FileNotFoundError):
            return os.open(layout.keepers, _WRITE)
        second = second_name(layout)
        with suppress(FileExistsError, FileNotFoundError):  # somebody else was faster, or the run has ended
            if second is not None:
                os.link(second, layout.keepers, follow_symlinks=False)
            else:
                _make(layout)


def _make(layout: Layout) -> None:
    """Make the file; but not for good, if somebody else did before, and lost it again: his is the right one.

    Until that is known, nobody passes the gate of the new one.
    """
    temporary = f"{layout.root}/.keepers.{os.urandom(6).hex()}.tmp"
    fd = os.open(temporary, _WRITE | os.O_CREAT | os.O_EXCL, PRIVATE)
    try:
        byte_locks.take(fd, GATE)
        _name_first(layout, temporary)
        if second_name(layout) is not None and is_named(layout, fd):
            os.unlink(layout.keepers)
    finally:
        os.close(fd)


def _name_first(layout: Layout, temporary: str) -> None:
    """Give a file that is ready its name, if it is free; the other one goes."""
    try:
        os.link(temporary, layout.keepers, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:  # no second names here
        os.close(os.open(layout.keepers, _WRITE | os.O_CREAT | os.O_EXCL, PRIVATE))
    finally:
        os.unlink(temporary)


def opened_to_count(layout: Layout) -> int:
    """Return the file, open for reading; nothing is changed.

    Raises:
        OSError: there is none, or it cannot be read.
    """
    try:
        return os.open(layout.keepers, _READ)
    except FileNotFoundError:
        second = second_name(layout)
        if second is None:
            raise
        return os.open(second, _READ)


def is_named(layout: Layout, fd: int) -> bool:
    """Say whether the root's name is that of the open file."""
    try:
        return os.path.samestat(os.lstat(layout.keepers), os.fstat(fd))
    except FileNotFoundError:
        return False


def name_again(layout: Layout, fd: int, path: str) -> bool:
    """Give the open file a second name; False if it has lost the first one, and another file has that.

    Where the file system has no second names it stays without.

    Raises:
        OSError: the file cannot be found again.
    """
    with suppress(FileNotFoundError):
        if os.path.samestat(os.lstat(path), os.fstat(fd)):
            return True
        os.unlink(path)  # of a file from before the last keeper of this run
    try:
        os.link(layout.keepers, path, follow_symlinks=False)
    except FileNotFoundError:
        if not os.path.isdir(os.path.dirname(path)):
            return True  # somebody removed the run itself
        os.close(opened(layout))
        return is_named(layout, fd) and name_again(layout, fd, path)
    except OSError:
        return True
    if os.path.samestat(os.lstat(path), os.fstat(fd)):
        return True
    os.unlink(path)
    return False


def second_name(layout: Layout) -> str | None:
    """Return another name of the file by which live keepers are counted; None if no run has one."""
    found: dict[tuple[int, int], str] = {}
    for run in _names(layout.runs):
        path = f"{layout.runs}/{run}/{SLOTS}"
        with suppress(OSError):
            seen = os.lstat(path)
            if stat.S_ISREG(seen.st_mode):
                found.setdefault((seen.st_dev, seen.st_ino), path)
    counted = {path: _count(path) for path in found.values()}
    return max((path for path, count in counted.items() if count), key=counted.__getitem__, default=None)


def _count(path: str) -> int:
    try:
        fd = os.open(path, _READ)
    except OSError:
        return 0
    try:
        return len(byte_locks.held(fd))
    except OSError:
        return 0
    finally:
        os.close(fd)


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
