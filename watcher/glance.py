"""One short look at what was announced in a journal that is not held open.

Of ten thousand live journals each has one more record and then none for a while, so nothing is kept open
for it. Every `h` is compared, from the last record read before on, so what comes out is what was written
behind it; wherever that cannot be said there is no answer, and a whole reading has to say what is wrong.
"""

from typing import Final

from runlore.journal import tailing
from runlore.journal.disk import Disk
from runlore.journal.history import open_history
from runlore.journal.layout import Layout
from runlore.journal.scan import Record, Scanner, Tail
from runlore.journal.tailing import Source
from runlore.journal.values import RunId
from runlore.watcher.cursor import MARK, Spot

_MOST: Final = 1 << 16
"""Bytes that are worth no more than a glance."""


def glance(
    disk: Disk, layout: Layout, run_id: RunId, left: Tail | Spot, until: int
) -> tuple[list[Record], Tail] | None:
    """Return the records from where a journal was left up to a logical offset, and the tail behind them."""
    try:
        with open_history(disk, layout, run_id) as history:
            tail = _tail(history, run_id, left)
            if tail is None or not 0 < (length := until - tail.base - tail.size) <= _MOST:
                return None
            lines = history.pread(length, tail.size)
    except OSError:
        return None
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
