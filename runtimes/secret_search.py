"""Find values in files, flat in memory, and replace a file by one of the same length without them.

Text is searched as it reads: a stream of a transcript by itself, whatever stands between its chunks.
"""

import os
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final

from msgspec import Struct

from runlore.journal.disk import Disk, discard
from runlore.journal.overwrite import Spans, overwritten_bytes
from runlore.journal.values import Stream
from runlore.runtimes import transcript_index as index

PIECE: Final = 1 << 20
REACH: Final = 1 << 19
"""No form of a value is longer; so much is looked at again with what follows."""
_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK
_RECORDS: Final = 2048

Text = Iterable[tuple[int, bytes]]
"""Pieces of a text, each with its place in the file."""


class Overwritten(Struct, frozen=True, gc=False):
    """Bytes that are to stand at a place of a file."""

    offset: int
    data: bytes
    begins: bool = True
    """The value begins here; other parts of it lie elsewhere."""


def holds(text: Text, spans: Spans) -> bool:
    """Say whether a value stands in a text."""
    return next(edits(text, spans), None) is not None


def edits(text: Text, spans: Spans) -> Iterator[Overwritten]:
    """Yield what has to be written so that no value stands in a text."""
    window = _Window()
    for offset, data in text:
        window.append(offset, data)
        if window.size >= PIECE + REACH:
            yield from window.searched(spans, window.size - REACH)
    yield from window.searched(spans, window.size)


class _Window:
    """The part of a text that is looked at, and where in the file each byte of it lies."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._places: list[tuple[int, int]] = []
        """Of each piece: where it begins in the window, and where in the file."""

    @property
    def size(self) -> int:
        """Bytes that are looked at."""
        return len(self._data)

    def append(self, offset: int, data: bytes) -> None:
        """Look at what follows, too."""
        self._places.append((len(self._data), offset))
        self._data += data

    def searched(self, spans: Spans, upto: int) -> Iterator[Overwritten]:
        """Yield what is to be overwritten for values that begin before `upto`, and look on behind them."""
        data = bytes(self._data)
        for start, end in spans(data):
            if start >= upto:
                break
            yield from self._placed(start, overwritten_bytes(data[start:end], [(0, end - start)]))
            upto = max(upto, end)
        self._move_to(upto)

    def _placed(self, start: int, new: bytes) -> Iterator[Overwritten]:
        """Yield where new bytes for the window's `start` lie in the file."""
        for (first, offset), (behind, _) in pairwise([*self._places, (len(self._data), 0)]):
            low, high = max(start, first), min(start + len(new), behind)
            if low < high:
                yield Overwritten(offset + low - first, new[low - start : high - start], low == start)

    def _move_to(self, place: int) -> None:
        before = [each for each in self._places if each[0] <= place]
        behind = [(start - place, offset) for start, offset in self._places if start > place]
        del self._data[:place]
        kept = [(0, before[-1][1] + place - before[-1][0])] if before else []
        self._places = kept + behind


def whole(disk: Disk, fd: int) -> Text:
    """Yield a file from its beginning to its end, but for what was never written in it."""
    offset = 0
    while data := disk.pread(fd, PIECE, offset):
        if data.strip(b"\0"):
            yield offset, data
        offset += len(data)


def stream(disk: Disk, data_fd: int, index_fd: int, wanted: Stream) -> Text:
    """Yield what one stream printed, in order."""
    place = 0
    while block := disk.pread(index_fd, _RECORDS * index.RECORD, place * index.RECORD):
        for start in range(0, len(block), index.RECORD):
            record = index.decode(block[start : start + index.RECORD])
            if record is None or record.kind != "data" or record.stream != wanted:
                continue
            for begin in range(record.offset, record.end, PIECE):
                data = disk.pread(data_fd, min(PIECE, record.end - begin), begin)
                if data.strip(b"\0"):
                    yield begin, data
        place += _RECORDS


def replace(disk: Disk, path: str, changes: Iterable[Overwritten]) -> None:
    """Replace a file durably by one that differs in these bytes alone; what was a hole stays one."""
    pending = sorted(changes, key=lambda change: change.offset)
    folder, _, name = path.rpartition("/")
    temporary = f"{folder}/.{name}.{os.urandom(6).hex()}.tmp"
    old = disk.open(path, _FLAGS)
    try:
        new = disk.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            _copy(disk, old, new, pending)
            disk.fdatasync(new)
        finally:
            disk.close(new)
        disk.rename(temporary, path)
    except BaseException:
        discard(disk, temporary)
        raise
    finally:
        disk.close(old)
    disk.sync_dir(folder)


def _copy(disk: Disk, old: int, new: int, pending: list[Overwritten]) -> None:
    """Copy a file; no byte that is to be overwritten is ever written."""
    offset = 0
    while data := disk.pread(old, PIECE, offset):
        end = offset + len(data)
        piece = bytearray(data)
        for change in pending:
            if change.offset >= end:
                break
            low, high = max(change.offset, offset), min(change.offset + len(change.data), end)
            piece[low - offset : high - offset] = change.data[low - change.offset : high - change.offset]
        pending = [change for change in pending if change.offset + len(change.data) > end]
        if piece.strip(b"\0"):
            _put(disk, new, bytes(piece), offset)
        offset = end
    disk.truncate(new, offset)


def _put(disk: Disk, fd: int, data: bytes, offset: int) -> None:
    done = 0
    while done < len(data):
        done += disk.pwrite(fd, data[done:], offset + done)
