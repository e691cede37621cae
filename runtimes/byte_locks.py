"""Locks on single bytes of a file: taken, given back, and counted, all by the kernel. Linux only."""

import fcntl
import os
import struct
from typing import Final

BEYOND: Final = 1 << 62
"""Behind every byte that anybody locks."""
_FLOCK: Final = struct.Struct("hhqqi4x")


def take(fd: int, at: int) -> bool:
    """Take the lock of one byte, if nobody holds it; say whether it is ours now."""
    try:
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, at, 1, 0))
    except BlockingIOError:
        return False
    return True


def give_back(fd: int, at: int = 0, length: int = 0) -> None:
    """Give back the locks of some bytes; of all, if none are named."""
    fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _FLOCK.pack(fcntl.F_UNLCK, os.SEEK_SET, at, length, 0))


def held(fd: int) -> list[int]:
    """Return the bytes behind the first that others hold: each question names one, and leaves gaps to ask."""
    found: list[int] = []
    gaps = [(1, BEYOND)]
    while gaps:
        low, high = gaps.pop()
        conflict = conflicting(fd, low, high) if low < high else None
        if conflict is not None:
            start, behind = conflict
            found.append(start)
            gaps += [(low, start), (behind, high)]
    return found


def conflicting(fd: int, low: int, high: int) -> tuple[int, int] | None:
    """Return the bytes that somebody else holds within [low, high), of one lock; None if there is none."""
    asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, low, high - low, 0)
    kind, _, start, length, _ = _FLOCK.unpack(fcntl.fcntl(fd, fcntl.F_OFD_GETLK, asked))
    if kind == fcntl.F_UNLCK:
        return None
    return max(start, low), start + length if length else high
