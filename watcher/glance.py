"""One short look at what was announced in a journal that is not held open.

Of ten thousand live journals each has one more record and then none for a while, so nothing is kept open
for it. Every `h` is compared, from the last record read before on, so what comes out is what was written
behind it; wherever that cannot be said there is no answer, and a whole reading has to say what is wrong.
"""

import os
from typing import Final

from runlore.journal import chain, tailing
from runlore.journal.disk import Disk
from runlore.journal.history import OpenFile, open_history
from runlore.journal.layout import Layout
from runlore.journal.scan import Record, Scanner, Tail, next_record
from runlore.journal.tailing import Source
from runlore.journal.values import RunId
from runlore.watcher.cursor import MARK, Spot

_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK
_MOST: Final = 1 << 16
"""Bytes that are worth no more than a glance."""
_FRONT: Final = chain.TRAILER_LENGTH + 1
"""Bytes at the end of a line that hold its `h`, newline included."""
_Seen = tuple[list[Record], Tail]


def glance(disk: Disk, layout: Layout, run_id: RunId, left: Tail | Spot, until: int) -> _Seen | None:
    """Return the records from where a journal was left up to a logical offset, and the tail behind them."""
    try:
        if seen := _at_once(disk, layout.journal(run_id), run_id, left, until):
            return seen
        with open_history(disk, layout, run_id) as history:
            tail = _tail(history, run_id, left)
            return None if tail is None else _read(history, tail, until)
    except OSError:
        return None


def _at_once(disk: Disk, path: str, run_id: RunId, left: Tail | Spot, until: int) -> _Seen | None:
    """Read the file as if nothing in front of it were packed; if something is, no `h` will match."""
    fd = disk.open(path, _FLAGS)
    try:
        file = OpenFile(disk, fd)
        return _read(file, left, until) if isinstance(left, Tail) else _next(file, run_id, left, until)
    finally:
        disk.close(fd)


def _next(source: Source, run_id: RunId, left: Spot, until: int) -> _Seen | None:
    """Return the one record behind a spot, and a tail that knows nothing of the beginning."""
    if not _FRONT <= left.offset < until <= left.offset + _MOST:
        return None
    start = left.offset - _FRONT
    data = source.pread(until - start, start)
    digest = chain.stated(data[: _FRONT - 1]) if data[_FRONT - 1 : _FRONT] == b"\n" else None
    if digest is None or chain.head(digest)[:MARK] != left.mark or len(data) != until - start:
        return None
    tail = Tail(run_id=run_id, digest=digest, seq=left.seq, size=left.offset)
    one = next_record(tail, data[_FRONT:])
    return one and ([one[0]], one[1])


def _read(source: Source, tail: Tail, until: int) -> _Seen | None:
    if not 0 < (length := until - tail.offset) <= _MOST:
        return None
    lines = source.pread(length, tail.size)
    if len(lines) != length:
        return None
    if one := next_record(tail, lines):
        return [one[0]], one[1]
    scanner = Scanner(tail)
    records = scanner.feed(lines)
    behind = scanner.tail
    return (records, behind) if behind.size == tail.size + length else None


def _tail(source: Source, run_id: RunId, left: Tail | Spot) -> Tail | None:
    if isinstance(left, Tail):
        return left
    tail = tailing.behind(source, run_id, left.offset)
    is_it = tail is not None and tail.seq == left.seq and (not left.seq or tail.head[:MARK] == left.mark)
    return tail if is_it else None
