"""Read a transcript: what the command printed, by stream and time, as far as it is committed.

Readers never write and never lock. A record that is cut or does not match its checksum is "not yet" at
the end of the index, and lost elsewhere. Format: docs/reference/transcript-format.md
"""

import os
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final, Self

from msgspec import Struct

from runlore.journal.disk import Disk
from runlore.journal.errors import JournalIO, NotFound
from runlore.journal.layout import Layout
from runlore.journal.values import RunId, Stream
from runlore.runtimes import transcript_index as index
from runlore.runtimes.transcript_index import RECORD, IndexRecord

POLL_S: Final = 0.1
"""How often a follower looks; a look that finds nothing costs two system calls."""
_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK
_UNKNOWN: Final = -1
"""Where the next chunk should begin, after a place that tells nothing."""
_BLOCK: Final = 2048
"""Index records read at once."""


class Chunk(Struct, frozen=True, gc=False):
    """Bytes of one stream that were read at one time."""

    stream: Stream
    at: datetime
    data: bytes
    lost: int = 0
    """Bytes missing here: the disk refused them, a limit left them out, or a power loss cut them."""


class TranscriptReader:
    """Reads on from where it was; `seek` chooses where it begins, `until` where it ends.

    until: what was read then or later is left out, as if it had not come.

    Raises, from the constructor:
        NotFound: the run has no transcript.
        JournalIO: it cannot be read.
    """

    def __init__(
        self,
        disk: Disk,
        layout: Layout,
        run_id: RunId,
        *,
        stream: Stream | None = None,
        until: datetime | None = None,
    ) -> None:
        self._disk = disk
        self._stream: Stream | None = stream
        self._until = until
        self._until_us = None if until is None else index.microseconds(until)
        self.shrunk: bool = False
        """The index has got shorter than it was when it was read: somebody cut it, output and all."""
        folder = layout.run_dir(run_id)
        self._data_fd = self._index_fd = -1
        try:
            self._index_fd = disk.open(layout.in_run(run_id, "transcript.index"), _FLAGS)
            self._data_fd = disk.open(layout.in_run(run_id, "transcript"), _FLAGS)
        except FileNotFoundError:
            self.close()
            raise NotFound(
                f"run {run_id} has no transcript in {folder}: nothing was captured, or it was removed; "
                f"`runlore show {run_id}` tells which"
            ) from None
        except OSError as error:
            self.close()
            raise JournalIO(f"{folder}/transcript: {error.strerror}") from error
        self._place = 0
        self._expected = 0

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The streams that are read here."""
        if self._stream is None:
            return ("stdout", "stderr")
        return (self._stream,)

    def read_available(self, upto: int | None = None) -> Iterator[Chunk]:
        """Yield the chunks committed by now and not returned before, in the order they were read.

        upto: the place (see `now`) before which this ends, however fast more comes.
        """
        for _, chunk in self.numbered(upto):
            yield chunk

    def numbered(self, upto: int | None = None) -> Iterator[tuple[int, Chunk]]:
        """Yield (place, chunk) like read_available; the first record of the index has place 0."""
        for record in self._records(upto):
            skipped = record.offset - self._expected if self._expected != _UNKNOWN else 0
            self._expected = max(self._expected, record.end)
            if skipped > 0:
                yield record.chunk - 1, Chunk(record.stream, record.at, b"", skipped)
            if skipped < 0 and record.kind == "data":  # its beginning, or all of it, was given up
                record = record.part(min(-skipped, record.length), record.length)  # noqa: PLW2901
            if record.length and record.stream in self.streams:
                yield record.chunk - 1, self._chunk(record)

    def follow(
        self, has_ended: Callable[[], bool], sleep: Callable[[float], None] = time.sleep
    ) -> Iterator[Chunk | None]:
        """Yield chunks as they come, None for each look that found nothing; end with the run.

        `has_ended` is asked before each look, so nothing that was committed by then is missed. It ends
        before the run does once nothing that comes could be older than `until`.
        """
        while True:
            ended, idle = has_ended() or self.is_past(), True
            for chunk in self.read_available(self.now()):
                idle = False
                yield chunk
            if ended:
                return
            if idle:
                yield None
                sleep(POLL_S)

    def seek(self, place: int) -> None:
        """Read on from the chunk after the first `place` ones."""
        self._place = place
        before = self._record(place - 1) if place else None
        self._expected = before.end if before else _UNKNOWN if place else 0

    def seek_since(self, at: datetime) -> None:
        """Read on from the first chunk that was read at `at` or later."""
        self.seek(self._first_since(index.microseconds(at), self._size()))

    def backwards(self, place: int, stream: Stream | None = None) -> Iterator[tuple[int, Chunk]]:
        """Yield (place, chunk) of what stands before `place`, the newest first; of one stream if given."""
        wanted = self.streams if stream is None else (stream,)
        while place > 0:
            first = max(0, place - _BLOCK)
            for at in reversed(self._places(first, place - first, wanted)):
                record = self._record(first + at)
                if record is not None:
                    yield first + at, self._chunk(record)
            place = first

    def count(self) -> int:
        """Return how many whole records the index holds by now that are older than `until`."""
        size = self._size()
        return size if self._until_us is None else self._first_since(self._until_us, size)

    @property
    def place(self) -> int:
        """How many records of the index were read."""
        return self._place

    def now(self) -> int:
        """Return the place behind the last record that is there now; an index that shrank is noticed.

        Then reading goes on behind its new end: what was returned before is not returned again.
        """
        size = self._size()
        if size < self._place:
            self.shrunk = True
            self._place, self._expected = size, _UNKNOWN
        return size

    def is_past(self) -> bool:
        """Say whether whatever comes from now on is not older than `until`."""
        return self._until is not None and self._disk.now() >= self._until

    def close(self) -> None:
        """Let go of the files."""
        for fd in (self._data_fd, self._index_fd):
            if fd >= 0:
                self._disk.close(fd)
        self._data_fd = self._index_fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _size(self) -> int:
        try:
            return self._disk.size_and_links(self._index_fd)[0] // RECORD
        except OSError as error:
            raise JournalIO(f"transcript.index: {error.strerror}") from error

    def _first_since(self, at_us: int, size: int) -> int:
        """Return the place of the first record that was read at a time or later; `size` if there is none."""
        low, high = 0, size
        while low < high:
            middle = (low + high) // 2
            record = self._record(middle) or self._next_whole(middle)
            if record is not None and record.at_us < at_us:
                low = max(middle + 1, min(record.chunk, high))
            else:
                high = middle
        return low

    def _records(self, upto: int | None = None) -> Iterator[IndexRecord]:
        """Yield the records from the current place on; a damaged one counts once a whole one follows."""
        while block := self._block(self._place, _BLOCK):
            start, good = self._place, [at for at, record in enumerate(block) if record is not None]
            for at in good:
                record = block[at]
                if record is None or self._is_beyond(start + at, record, upto):
                    return
                self._place = start + at + 1
                yield record
            if good:
                continue
            found = self._next_whole(start + len(block))
            if found is None:
                return
            self._place = found.chunk - 1

    def _is_beyond(self, place: int, record: IndexRecord, upto: int | None) -> bool:
        return (upto is not None and place >= upto) or (
            self._until_us is not None and record.at_us >= self._until_us
        )

    def _next_whole(self, place: int) -> IndexRecord | None:
        """Return the first whole record from `place` on; what was given up may have left a long hole."""
        while data := self._read_index(place, _BLOCK):
            if data.strip(b"\0"):
                for record in self._decoded(data, place):
                    if record is not None:
                        return record
            place += _BLOCK
        return None

    def _places(self, first: int, count: int, streams: tuple[Stream, ...]) -> list[int]:
        """Return where records of these streams stand in a block, without decoding it."""
        marks = self._read_index(first, count)[index.STREAM_AT :: RECORD]
        wanted = {index.STREAMS.index(stream) + 1 for stream in streams}
        return [at for at, mark in enumerate(marks) if mark in wanted]

    def _record(self, place: int) -> IndexRecord | None:
        return next(iter(self._block(place, 1)), None)

    def _block(self, place: int, count: int) -> list[IndexRecord | None]:
        """Return up to `count` records from `place` on; None stands for one that is damaged."""
        return self._decoded(self._read_index(place, count), place)

    def _decoded(self, data: bytes, place: int) -> list[IndexRecord | None]:
        records: list[IndexRecord | None] = []
        for at in range(len(data) // RECORD):
            record = index.decode(data[at * RECORD : (at + 1) * RECORD])
            in_place = record is not None and record.chunk == place + at + 1
            records.append(record if in_place else None)
        return records

    def _read_index(self, place: int, count: int) -> bytes:
        try:
            return self._disk.pread(self._index_fd, count * RECORD, place * RECORD)
        except OSError as error:
            raise JournalIO(f"transcript.index: {error.strerror}") from error

    def _chunk(self, record: IndexRecord) -> Chunk:
        if record.kind != "data":
            return Chunk(record.stream, record.at, b"", record.length)
        data = self._data(record)
        if b"\0" in data:  # what is given up reads as NULs, and its record went before
            data = data[self._given_up(record) :]
        return Chunk(record.stream, record.at, data, record.length - len(data))

    def _given_up(self, read: IndexRecord) -> int:
        """Return how many bytes at the beginning of a record were given up while they were being read."""
        now = self._record(read.chunk - 1)
        return read.length if now is None else min(max(0, now.offset - read.offset), read.length)

    def _data(self, record: IndexRecord) -> bytes:
        try:
            return self._disk.pread(self._data_fd, record.length, record.offset)
        except OSError as error:
            raise JournalIO(f"transcript: {error.strerror} at byte {record.offset}") from error
