"""Read on in many journals with few of them open: each is gone on with where it was left."""

from collections import OrderedDict
from typing import Final

from msgspec import Struct

from runlore.journal import tailing
from runlore.journal.disk import Disk
from runlore.journal.errors import CorruptJournal, JournalIO
from runlore.journal.history import open_history
from runlore.journal.layout import Layout
from runlore.journal.reader import JournalReader
from runlore.journal.scan import Record, Tail
from runlore.journal.values import RunId
from runlore.watcher.cursor import MARK, Spot
from runlore.watcher.glance import glance

MOST_OPEN: Final = 64
"""Journals held open at once; a stream leaves descriptors to the program it is part of."""


class Reading(Struct, frozen=True):
    """What is new in a journal."""

    records: list[Record]
    rewound: str = ""
    """Why records of before may come again; they begin with the first of the run."""
    damage: CorruptJournal | None = None
    """What stands where the records end."""


class OpenJournals:
    """Some runs' journals, each read up to a place. Close it."""

    def __init__(self, disk: Disk, layout: Layout) -> None:
        self._disk, self._layout = disk, layout
        self._open: OrderedDict[RunId, JournalReader] = OrderedDict()
        self._left: dict[RunId, Tail | Spot] = {}
        """Where the others are to be gone on with."""
        self._other: dict[RunId, str] = {}
        """Journals that turned out not to be those of their spot, and how."""

    def __contains__(self, run_id: object) -> bool:
        return run_id in self._open or run_id in self._left

    def run_ids(self) -> list[RunId]:
        """Return the runs whose journals are read."""
        return [*self._open, *self._left]

    def begin(self, run_id: RunId, spot: Spot) -> None:
        """Read this journal from a spot on."""
        self.forget(run_id)
        self._left[run_id] = spot

    def forget(self, run_id: RunId) -> None:
        """Read this journal no more."""
        self._left.pop(run_id, None)
        if reader := self._open.pop(run_id, None):
            reader.close()

    def tail(self, run_id: RunId) -> Tail | None:
        """Return the end of what was read; None before the first reading."""
        reader, left = self._open.get(run_id), self._left.get(run_id)
        return reader.tail if reader else left if isinstance(left, Tail) else None

    def size(self, run_id: RunId) -> int:
        """Return how many bytes of the file were read, as far as is known."""
        left = self._left.get(run_id)
        if isinstance(left, Spot):
            return left.offset
        tail = self.tail(run_id)
        return tail.size if tail else 0

    def read(self, run_id: RunId, *, most: int | None = None, until: int | None = None) -> Reading:
        """Return the next records; see `JournalReader.read_available`. until: a logical offset.

        Raises:
            NotFound: the journal is gone. JournalIO: the disk refused.
        """
        if until is not None and (records := self._glance(run_id, until)):
            return Reading(records)
        reader = self._reader(run_id)
        end = None if until is None else until - reader.tail.base
        records = reader.read_available(most=most, until=end)
        why = self._other.pop(run_id, "")
        if reader.rewound:
            why = f"run {run_id}: its journal was replaced by another"
        verdict = reader.verdict()
        damage = None
        if verdict.state == "corrupt" and verdict.damage is not None:
            path = self._layout.journal(run_id)
            damage = CorruptJournal(path, run_id, verdict.damage.offset, verdict.damage.detail)
        return Reading(records, why, damage)

    def close(self) -> None:
        """Let go of everything."""
        for reader in self._open.values():
            reader.close()
        self._open.clear()
        self._left.clear()

    def _glance(self, run_id: RunId, until: int) -> list[Record]:
        """Return the records up to a logical offset in a journal that is not open; none if in doubt."""
        left = self._left.get(run_id)
        seen = None if left is None else glance(self._disk, self._layout, run_id, left, until)
        if seen is None:
            return []
        self._left[run_id] = seen[1]
        return seen[0]

    def _reader(self, run_id: RunId) -> JournalReader:
        if reader := self._open.get(run_id):
            self._open.move_to_end(run_id)
            return reader
        reader = JournalReader(self._disk, self._layout, run_id, start=self._start(run_id))
        self._left.pop(run_id, None)
        self._open[run_id] = reader
        if len(self._open) > MOST_OPEN:
            oldest, idle = self._open.popitem(last=False)
            self._left[oldest] = idle.tail
            idle.close()
        return reader

    def _start(self, run_id: RunId) -> Tail | None:
        """Return the tail to go on from; None for the beginning."""
        left = self._left[run_id]
        if isinstance(left, Tail):
            return left
        if not left.seq:
            return None
        try:
            with open_history(self._disk, self._layout, run_id) as history:
                tail = tailing.behind(history, run_id, left.offset)
        except FileNotFoundError:
            return None  # reading it will say so
        except OSError as error:
            raise JournalIO(f"{self._layout.journal(run_id)}: {error.strerror or error}") from error
        if tail is not None and tail.seq == left.seq and tail.head[:MARK] == left.mark:
            return tail
        self._other[run_id] = f"run {run_id}: the journal is not the one that was read before"
        return None
