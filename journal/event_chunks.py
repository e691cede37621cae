"""The events of a journal for a fold, as fast as they decode: places and the chain are not looked at.

What is damaged, or does not go on where the last event stopped, ends them where it stands.
"""

from collections.abc import Iterator
from typing import Literal, Self, cast

from runlore.journal import chain, codec, tailing
from runlore.journal.disk import Disk
from runlore.journal.errors import JournalIO, NotFound, UndecodableLine
from runlore.journal.events import AnyEvent
from runlore.journal.history import History, open_file, open_history
from runlore.journal.layout import Layout
from runlore.journal.packs import Packs
from runlore.journal.scan import Tail
from runlore.journal.values import Head, RunId


class EventChunks:
    """The events of a journal for a fold, in chunks, without looking at the chain.

    Iterate once; afterwards `stopped` says whether damage or a torn tail ended it.
    """

    def __init__(self, disk: Disk, path: str, *, piece: int = tailing.PIECE) -> None:
        self._disk, self._path, self._piece = disk, path, piece
        self._run: tuple[Layout, RunId, Packs | None] | None = None
        self._history: History | None = None
        self.stopped: Literal["", "torn", "damaged"] = ""
        self.offset = 0
        """Bytes of whole events so far."""
        self.head: Head | None = None
        """`h` of the last of them, as it is written."""
        self._seq = 0

    @classmethod
    def of(
        cls,
        disk: Disk,
        layout: Layout,
        run_id: RunId,
        *,
        piece: int = tailing.PIECE,
        known: Packs | None = None,
    ) -> Self:
        """Return the events of a run, wherever its history lies; known: see `open_history`."""
        chunks = cls(disk, layout.journal(run_id), piece=piece)
        chunks._run = layout, run_id, known
        return chunks

    @classmethod
    def behind(cls, disk: Disk, history: History, path: str, tail: Tail | None) -> Self:
        """Return the events of an open history behind a record, or all of them; it is left open."""
        chunks = cls(disk, path)
        chunks._history = history
        if tail is not None:
            chunks.offset, chunks.head, chunks._seq = tail.size, tail.head, tail.seq
        return chunks

    def size(self) -> int:
        """Return how many bytes there are by now; to be asked between two chunks."""
        return self._history.size_and_links()[0] if self._history else 0

    def __iter__(self) -> Iterator[list[AnyEvent]]:
        if self._history is not None:
            yield from self._chunks(self._history)
            return
        try:
            disk = self._disk
            history = open_history(disk, *self._run) if self._run else open_file(disk, self._path)
        except FileNotFoundError:
            raise NotFound(f"no journal at {self._path}") from None
        except OSError as error:
            raise JournalIO(f"{self._path}: {error.strerror or error}") from error
        with history:
            self._history = history
            yield from self._chunks(history)

    def _chunks(self, history: History) -> Iterator[list[AnyEvent]]:
        rest, position = b"", self.offset
        while piece := self._pread(history, position):
            position += len(piece)
            chunk = rest + piece if rest else piece
            end = chunk.rfind(b"\n") + 1
            rest = chunk[end:]
            events = self._decoded(chunk[:end]) if end else []
            if events:
                yield events
            if len(rest) >= codec.MAX_LINE:
                self.stopped = "damaged"
            if self.stopped:
                return
        self.stopped = "torn" if rest else ""

    def _pread(self, history: History, position: int) -> bytes:
        try:
            return history.pread(self._piece, position)
        except OSError as error:
            raise JournalIO(f"{self._path}: {error.strerror} at byte {position}") from error

    def _decoded(self, chunk: bytes) -> list[AnyEvent]:
        """Return the events of a chunk up to the first that does not continue the journal."""
        found = codec.decode_whole_lines(chunk, after=self._seq)
        if found is None:
            return self._decoded_one_by_one(chunk)
        events, last = found
        self._seq = events[-1].seq
        self.offset += len(chunk)
        self.head = chain.stated_head(last[:-1])
        return cast("list[AnyEvent]", events)

    def _decoded_one_by_one(self, chunk: bytes) -> list[AnyEvent]:
        events: list[AnyEvent] = []
        for line in chunk.split(b"\n")[:-1]:
            try:
                event = codec.decode(line)
            except UndecodableLine:
                self.stopped = "damaged"
                break
            if not line.startswith(b"{") or (self._seq and event.seq != self._seq + 1):
                self.stopped = "damaged"
                break
            self._seq = event.seq
            self.offset += len(line) + 1
            events.append(event)
            self.head = chain.stated_head(line)
        return events


def fold_events(disk: Disk, path: str, *, piece: int = tailing.PIECE) -> Iterator[AnyEvent]:
    """Yield the events of a journal for a fold; what is damaged ends it."""
    for chunk in EventChunks(disk, path, piece=piece):
        yield from chunk


def fold_run(disk: Disk, layout: Layout, run_id: RunId, *, piece: int = tailing.PIECE) -> Iterator[AnyEvent]:
    """Yield the events of a run for a fold, packed or not; what is damaged ends it."""
    for chunk in EventChunks.of(disk, layout, run_id, piece=piece):
        yield from chunk
