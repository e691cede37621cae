"""The heartbeat: a keeper's sign of progress, written in place every few seconds, never in the journal.

It says that the keeper gets on, not that it lives: that is for the kernel to say (owner.lock). Nothing
here is ever synced, because no heartbeat outlives its boot.
"""

import os
from typing import Final
from zlib import crc32

from msgspec import Struct

from runlore.journal.disk import Disk
from runlore.journal.machine import boot_id

EVERY_S: Final = 5.0
_LENGTH: Final = 96
_LOOKS: Final = 3


class Beat(Struct, frozen=True, gc=False):
    """One heartbeat, as it stands in the file."""

    counter: int
    monotonic_ns: int
    """CLOCK_MONOTONIC of the boot below: it never steps and stands still while suspended."""
    boot_id: str


class Heartbeat:
    """The writing end. A disk that refuses loses the beat, never the run."""

    def __init__(self, disk: Disk, path: str) -> None:
        self._disk, self._counter = disk, 0
        self._fd = disk.open(path, os.O_RDWR | os.O_CREAT)

    def beat(self) -> None:
        """Write one more."""
        self._counter += 1
        try:
            self._disk.pwrite(self._fd, _line(self._counter, int(self._disk.monotonic() * 1e9)), 0)
        except OSError:
            return

    def close(self) -> None:
        """Let go of the file."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            self._disk.close(fd)


def beat_once(disk: Disk, path: str, counter: int) -> None:
    """Write one heartbeat and keep nothing open: for whoever has too many runs for a descriptor each."""
    try:
        fd = disk.open(path, os.O_RDWR | os.O_CREAT)
    except OSError:
        return
    try:
        disk.pwrite(fd, _line(counter, int(disk.monotonic() * 1e9)), 0)
    except OSError:
        return
    finally:
        disk.close(fd)


def read(disk: Disk, path: str) -> Beat | None:
    """Return the last heartbeat, or None if there is none that is whole."""
    try:
        fd = disk.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        for _ in range(_LOOKS):  # a look may fall into the middle of a write
            if beat := _parse(disk.pread(fd, _LENGTH, 0)):
                return beat
        return None
    except OSError:
        return None
    finally:
        disk.close(fd)


def age_s(beat: Beat | None, monotonic_s: float) -> float | None:
    """Return the beat's age, or None if it tells nothing: none, another boot's, or one of the future."""
    if beat is None or beat.boot_id != boot_id():
        return None
    age = monotonic_s - beat.monotonic_ns / 1e9
    return age if age >= 0 else None


def _line(counter: int, monotonic_ns: int) -> bytes:
    text = f"{counter} {monotonic_ns} {boot_id() or '-'}".encode("ascii")
    return b"%b %08x" % (text, crc32(text)) + b" " * (_LENGTH - len(text) - 10) + b"\n"


def _parse(line: bytes) -> Beat | None:
    text, _, check = line.rstrip().rpartition(b" ")
    if len(line) != _LENGTH or b"%08x" % crc32(text) != check:
        return None
    counter, monotonic, boot = text.split(b" ")
    return Beat(int(counter), int(monotonic), "" if boot == b"-" else boot.decode("ascii"))
