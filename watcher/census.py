"""Where every journal stands: one short look at each, for a stream that begins.

A sealed journal is never changed without an announcement in front of the change, so of those only the
size is kept. The others have to be looked at again and again, in case their writer dies between a
record and its announcement.
"""

from collections.abc import Iterable
from typing import Final

from runlore.journal import chain, codec, tailing
from runlore.journal.disk import Disk
from runlore.journal.errors import JournalIO, UndecodableLine
from runlore.journal.framing import whole_lines
from runlore.journal.history import History, open_history
from runlore.journal.layout import Layout
from runlore.journal.scan import Tail
from runlore.journal.tailing import Source
from runlore.journal.values import RunId, Seq
from runlore.watcher.cursor import START, Spot, spot_of

_SEAL: Final = b'{"type":"run.sealed"'
_WINDOWS: Final = (512, 8192, 2 * codec.MAX_LINE)


class Census:
    """The size of each journal, and where those end that are not sealed."""

    def __init__(self) -> None:
        self.sizes: dict[RunId, int] = {}
        self.unsealed: dict[RunId, Spot] = {}

    def take(self, disk: Disk, layout: Layout, run_ids: Iterable[RunId]) -> None:
        """Look at these journals; one that is gone is left out.

        Raises:
            JournalIO: the disk refused.
        """
        for run_id in run_ids:
            try:
                with open_history(disk, layout, run_id) as history:
                    self._look(history, run_id)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise JournalIO(f"{layout.journal(run_id)}: {error.strerror or error}") from error

    def spot(self, disk: Disk, layout: Layout, run_id: RunId) -> Spot | None:
        """Return where a journal that was looked at ended then; None if there is no record any more."""
        return spot_at(disk, layout, run_id, self.sizes[run_id])

    def _look(self, history: History, run_id: RunId) -> None:
        size, _links = history.size_and_links()
        line, end = _last_line(history, size)
        self.sizes[run_id] = end
        if not line.startswith(_SEAL) or end != size:
            self.unsealed[run_id] = _spot(line, end) or _read_spot(history, run_id, size)


def _last_line(source: Source, size: int) -> tuple[bytes, int]:
    """Return the last whole line, and where it ends."""
    for window in _WINDOWS:
        start = max(0, size - window)
        data = source.pread(size - start, start)
        end = whole_lines(data)
        _before, newline, line = data[: max(0, end - 1)].rpartition(b"\n")
        if end and (newline or not start):
            return line, start + end
        if not start:
            break
    return b"", 0


def _spot(line: bytes, end: int) -> Spot | None:
    parts = chain.split_line(line)
    if parts is None:
        return START if not end else None
    try:
        return spot_of(chain.head(parts[1]), Seq(codec.decode(line).seq), end)
    except UndecodableLine:
        return None


def _read_spot(source: Source, run_id: RunId, size: int) -> Spot:
    """Return the end of the whole records by reading them all: the last line is none."""
    tail, _verdict = tailing.read_on(source, Tail.empty(run_id), size)
    return spot_of(tail.head, tail.seq, tail.offset) if tail.seq else START


def spot_at(disk: Disk, layout: Layout, run_id: RunId, offset: int) -> Spot | None:
    """Return the spot behind the record that ends at an offset; None if none does.

    Raises:
        JournalIO: the disk refused.
    """
    try:
        with open_history(disk, layout, run_id) as history:
            tail = tailing.behind(history, run_id, offset)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise JournalIO(f"{layout.journal(run_id)}: {error.strerror or error}") from error
    if tail is None:
        return None
    return spot_of(tail.head, tail.seq, tail.offset) if tail.seq else START
