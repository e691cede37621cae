"""How much of a disk is free, and may be taken: the last of it is left to the journals."""

import os
from typing import Final

SPARE: Final = 4 << 20
"""Bytes of disk that whoever copies files leaves to the journals: a full disk is everybody's trouble."""


def free_bytes(place: str | int) -> int:
    """Return the bytes that may still be written where a path, or an open file, lies.

    Raises:
        OSError: it cannot be told.
    """
    there = os.statvfs(place)
    return there.f_bavail * there.f_frsize


def has_room(place: str | int, needed: int) -> bool:
    """Say whether so many bytes fit, and something is left; True where nobody can tell: then writing will."""
    try:
        return free_bytes(place) >= needed + SPARE
    except OSError:
        return True
