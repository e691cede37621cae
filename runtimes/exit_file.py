"""The `exit` file: one preallocated block that says how the command ended, whoever of us is still alive.

It is preallocated so that it fits on a full disk, and written before anybody is told.
"""

import os

from runlore.journal import exit_record
from runlore.journal.disk import Disk, write_fully
from runlore.journal.exit_record import ExitRecord


def preallocate(disk: Disk, path: str) -> int:
    """Return a descriptor of the new, empty block; there is room for the record from here on.

    Not synced: writing reserves the room already, and the record is synced when it comes.
    """
    fd = disk.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
    try:
        write_fully(disk, fd, exit_record.EMPTY)
    except BaseException:
        disk.close(fd)
        raise
    return fd


def write(disk: Disk, fd: int, record: ExitRecord) -> None:
    """Write the block in place; it survives power loss when this returns."""
    disk.pwrite(fd, exit_record.encode(record), 0)
    disk.fdatasync(fd)


def read_open(disk: Disk, fd: int) -> ExitRecord | None:
    """Return the record in an open block, or None if none was written whole."""
    return exit_record.decode(disk.pread(fd, exit_record.BLOCK, 0))


def read(disk: Disk, path: str) -> ExitRecord | None:
    """Return the record, or None if there is none: not ended, or nobody was left to write it.

    Raises:
        OSError: the file is there and cannot be read; whether the command ended is then not known.
    """
    try:
        fd = disk.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    try:
        return read_open(disk, fd)
    finally:
        disk.close(fd)
