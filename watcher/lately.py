"""Where the last few records of a run begin that a stream wants: looked for from the end of its journal."""

from collections.abc import Iterator
from typing import Final

from runlore.journal import chain, codec, tailing
from runlore.journal.disk import Disk
from runlore.journal.errors import JournalIO, UndecodableLine
from runlore.journal.framing import whole_lines
from runlore.journal.history import History, open_history
from runlore.journal.layout import Layout
from runlore.journal.scan import Record
from runlore.journal.values import Offset, RunId, Seq
from runlore.watcher.cursor import START, Spot, spot_of
from runlore.watcher.wanted import Wanted

_PIECE: Final = codec.MAX_LINE


def before_last(disk: Disk, layout: Layout, run_id: RunId, count: int, wanted: Wanted) -> Spot:
    """Return the spot in front of the last `count` records that are wanted; START if there are no more.

    It is START, too, where the journal cannot be read backwards because it is damaged.

    Raises:
        JournalIO: the disk refused.
    """
    try:
        with open_history(disk, layout, run_id) as history:
            place = _place(history, run_id, count, wanted)
            tail = None if place is None else tailing.behind(history, run_id, place)
    except FileNotFoundError:
        return START  # reading it will say so
    except OSError as error:
        raise JournalIO(f"{layout.journal(run_id)}: {error.strerror or error}") from error
    return START if tail is None or not tail.seq else spot_of(tail.head, tail.seq, tail.offset)


def _place(history: History, run_id: RunId, count: int, wanted: Wanted) -> int | None:
    """Return the byte at which the last wanted records begin; None: at the beginning, or nobody knows."""
    size, _links = history.size_and_links()
    left = count
    for begins, line in _lines_backwards(history, size):
        if left == 0:
            return begins + len(line) + 1
        taken = _is_wanted(line, run_id, wanted)
        if taken is None:
            return None
        left -= taken
        if left == 0:
            return begins
    return None


def _lines_backwards(history: History, size: int) -> Iterator[tuple[int, bytes]]:
    """Yield where each whole line begins, and the line without its newline, from the last one on."""
    start, data, is_whole = size, b"", False
    while start > 0 and len(data) <= _PIECE:
        data, start = _longer(history, start, data)
        if not is_whole:
            data = data[: whole_lines(data)]
            is_whole = bool(data)
        lines, end = data.split(b"\n")[:-1], start + len(data)
        for line in reversed(lines[1 if start else 0 :]):  # the first one may begin further in front
            end -= len(line) + 1
            yield end, line
        data = data[: end - start]


def _longer(history: History, start: int, data: bytes) -> tuple[bytes, int]:
    begins = max(0, start - _PIECE)
    return history.pread(start - begins, begins) + data, begins


def _is_wanted(line: bytes, run_id: RunId, wanted: Wanted) -> bool | None:
    """Say whether the record of a line is wanted; None if it is no record."""
    parts = chain.split_line(line)
    try:
        event = codec.decode(line)
    except UndecodableLine:
        return None
    if parts is None:
        return None
    record = Record(run_id, Seq(event.seq), Offset(0), len(line) + 1, event, chain.head(parts[1]))
    return wanted.takes(record, None)
