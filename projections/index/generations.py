"""Which file is the index: each one made anew has a folder of its own, and `index/current` names it.

A database file is never renamed or replaced: the write-ahead log of the old one would be replayed into the
new one, and rows of both would look sound (measured). Nothing here is synced for good: what a power cut
leaves behind belongs to another boot, and then every journal is looked at.
"""

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from runlore.journal.disk import REAL, Disk, read_whole, write_whole
from runlore.projections.index.version import CURRENT, DATABASE

_LOCK: Final = "making"
_NAME: Final = frozenset("0123456789abcdef")
_LENGTH: Final = 16
_GONE: Final = ".gone"
"""Behind the name of a generation that is being removed."""


class Busy(OSError):
    """Somebody else is making an index just now."""


def current(folder: str) -> str | None:
    """Return the database file in use, or None if there is none that could be."""
    try:
        name = read_whole(REAL, f"{folder}/{CURRENT}", 2 * _LENGTH).decode("ascii", "replace").strip()
    except OSError:
        return None
    return f"{folder}/{name}/{DATABASE}" if _is_generation(name) else None


@contextmanager
def alone(folder: str, disk: Disk = REAL, *, wait: bool = False) -> Generator[None]:
    """Be the only one who makes an index; the lock goes with the process that holds it.

    Raises:
        Busy: somebody else is at it, and is not waited for. OSError: the folder may not be written.
    """
    try:
        disk.mkdir(folder)
    except FileExistsError:
        pass
    fd = disk.open(f"{folder}/{_LOCK}", os.O_RDWR | os.O_CREAT)
    try:
        if not disk.lock(fd, wait=wait):
            raise Busy
        yield
    finally:
        disk.close(fd)


@contextmanager
def forgotten(folder: str, disk: Disk = REAL) -> Generator[None]:
    """Be without any index, durably: what it held is gone before this begins, and none is made until it ends.

    Whoever makes one is waited for. A generation loses its name first: SQLite makes the log of a file anew
    beside the name that it was opened by, and so finds no place for it. Who has it open reads, and writes,
    a file that nobody else will find.

    Raises:
        OSError: something of an index is still there.
    """
    with alone(folder, disk, wait=True):
        for name in sorted(disk.listdir(folder)):
            if name != _LOCK:
                _forget(disk, f"{folder}/{name}")
        disk.sync_dir(folder)
        yield


def _forget(disk: Disk, path: str) -> None:
    if not os.path.isdir(path) or os.path.islink(path):
        disk.unlink(path)
        return
    if not path.endswith(_GONE):
        disk.rename(path, path + _GONE)
        path += _GONE
    for name in disk.listdir(path):
        _forget(disk, f"{path}/{name}")
    os.rmdir(path)


def begin(folder: str) -> str:
    """Return the path of a new database file, in a new folder, named by nobody yet."""
    name = os.urandom(_LENGTH // 2).hex()
    REAL.mkdir(f"{folder}/{name}")
    return f"{folder}/{name}/{DATABASE}"


def publish(folder: str, database: str) -> None:
    """Make a database file the one in use, and remove those that were before."""
    name = database.split("/")[-2]
    fd = REAL.open(database, os.O_RDONLY)
    try:
        REAL.fdatasync(fd)
    finally:
        REAL.close(fd)
    REAL.sync_dir(f"{folder}/{name}")
    write_whole(REAL, f"{folder}/{CURRENT}", f"{name}\n".encode())
    sweep(folder)


def sweep(folder: str) -> None:
    """Remove every generation but the one in use; only for whoever is alone.

    Who has an older one open reads on; who is about to open it finds nothing, and folds.
    """
    kept = current(folder)
    for name in REAL.listdir(folder):
        if (_is_generation(name) and kept != f"{folder}/{name}/{DATABASE}") or name.endswith(_GONE):
            discard(f"{folder}/{name}/{DATABASE}")
        elif name.endswith(".tmp"):
            _unlink(f"{folder}/{name}")


def discard(database: str) -> None:
    """Remove the folder of a database file, as far as that is allowed."""
    folder = database.rpartition("/")[0]
    try:
        for name in REAL.listdir(folder):
            _unlink(f"{folder}/{name}")
        os.rmdir(folder)
    except OSError:
        return


def _unlink(path: str) -> None:
    try:
        REAL.unlink(path)
    except OSError:
        return


def _is_generation(name: str) -> bool:
    return len(name) == _LENGTH and _NAME.issuperset(name)
