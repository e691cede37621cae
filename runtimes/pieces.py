"""Files by the piece: memory does not grow with them, and what is all NULs takes no disk."""

import sys
from collections.abc import Iterable, Iterator
from typing import Final

from runlore.journal.disk import Disk, write_fully_at

PIECE: Final = 1 << 20
"""Bytes that are read, hashed and written at once."""
ZEROS: Final = bytes(PIECE)
_LOOK: Final = 4096
"""Bytes that tell of most pieces that they are no hole."""


def read_pieces(disk: Disk, fd: int, most: int = sys.maxsize) -> Iterator[bytes]:
    """Yield what an open file holds, from its beginning to its end, or to so many bytes.

    Raises:
        OSError: the disk refused.
    """
    place = 0
    while place < most and (piece := disk.pread(fd, min(PIECE, most - place), place)):
        place += len(piece)
        yield piece


def write_pieces(disk: Disk, fd: int, pieces: Iterable[bytes]) -> None:
    """Write pieces, none longer than PIECE, to a new file; of those that are all NULs holes are made.

    Raises:
        OSError: the disk refused.
    """
    size = 0
    for piece in pieces:
        if not _is_hole(piece):
            write_fully_at(disk, fd, piece, size)
        size += len(piece)
    disk.truncate(fd, size)


def _is_hole(piece: bytes) -> bool:
    beginning = piece[:_LOOK]
    return beginning == ZEROS[: len(beginning)] and piece == ZEROS[: len(piece)]
