"""Every line that is stored of a run's history, wherever: in its journal, in packs, in superseded copies."""

import os
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from runlore.journal.disk import Disk
from runlore.journal.framing import split_lines
from runlore.journal.layout import Layout
from runlore.journal.packs import Copy, Packs
from runlore.journal.values import RunId

_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK
_PIECE: Final = 1 << 20
_TO_THE_END: Final = 1 << 62


class StoredLine(Struct, frozen=True, gc=False):
    """A whole line, with its newline, and where it lies."""

    path: str
    offset: int
    """In that file."""
    line: bytes


def stored_lines(disk: Disk, layout: Layout, run_id: RunId) -> Iterator[StoredLine]:
    """Yield the lines of the run's journal, then those in packs.

    Raises:
        FileNotFoundError: there is no such run. OSError: the disk refused.
    """
    copies = Packs.of(disk, layout, run_id).copies(run_id)
    try:
        yield from _lines(disk, layout.journal(run_id), 0, _TO_THE_END)
    except FileNotFoundError:
        copies = Packs.of(disk, layout, run_id).copies(run_id)  # packed just now, perhaps
        if not copies:
            raise
    for copy in copies:
        yield from packed_lines(disk, copy)


def packed_lines(disk: Disk, copy: Copy) -> Iterator[StoredLine]:
    """Yield the lines of a part of a pack.

    Raises:
        OSError: the disk refused.
    """
    yield from _lines(disk, copy.path, copy.part.at, copy.part.at + copy.part.length)


def _lines(disk: Disk, path: str, offset: int, end: int) -> Iterator[StoredLine]:
    fd = disk.open(path, _FLAGS)
    try:
        rest = b""
        while offset < end and (piece := disk.pread(fd, min(_PIECE, end - offset), offset)):
            at, chunk = offset - len(rest), rest + piece
            offset += len(piece)
            rest = b""
            for line in split_lines(chunk):
                if not line.endswith(b"\n"):
                    rest = line
                    break
                yield StoredLine(path, at, line)
                at += len(line)
    finally:
        disk.close(fd)
