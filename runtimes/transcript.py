"""The writing end of a transcript: bytes first, then the index record that makes them count.

A disk that refuses never stops the run: what could not be stored is counted, and a gap record tells of
it as soon as there is room again. Format: docs/reference/transcript-format.md
"""

import os
from collections.abc import Iterator
from typing import Final

from runlore.journal.disk import Disk
from runlore.journal.values import Stream
from runlore.runtimes import transcript_index as index
from runlore.runtimes.transcript_cut import SLACK, Cut
from runlore.runtimes.transcript_index import RECORD, IndexRecord

_LOOK_BACK: Final = 4096
_PATIENCE: Final = 16 * SLACK
"""So many bytes over the limit are stored while the disk refuses to give up older ones; then none are."""


class Transcript:
    """One run's transcript and index, open for its only writer."""

    def __init__(
        self,
        disk: Disk,
        data_fd: int,
        index_fd: int,
        last: IndexRecord | None = None,
        *,
        limit: int | None = None,
    ) -> None:
        self._disk, self._data_fd, self._index_fd = disk, data_fd, index_fd
        self._cut = Cut(limit) if limit is not None else None
        self._is_full = False
        """The limit is reached, and the file system cannot give up what is older."""
        self._chunks = last.chunk if last else 0
        self._end = last.end if last else 0
        self._at_us = last.at_us if last else 0
        self.dropped: dict[Stream, int] = {"stdout": 0, "stderr": 0}
        """Bytes of each stream that were read and could not be stored."""
        self._noted: dict[Stream, int] = {"stdout": 0, "stderr": 0}
        """Those of them that a gap record tells of."""

    @classmethod
    def create(cls, disk: Disk, data_path: str, index_path: str, *, limit: int | None = None) -> "Transcript":
        """Return a new, empty transcript, of which at most `limit` bytes are kept."""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
        data_fd = disk.open(data_path, flags)
        try:
            return cls(disk, data_fd, disk.open(index_path, flags), limit=limit)
        except BaseException:
            disk.close(data_fd)
            raise

    @classmethod
    def resume(cls, disk: Disk, data_path: str, index_path: str, *, limit: int | None = None) -> "Transcript":
        """Return a transcript as its last writer's kill left it, cut to what is committed."""
        index_fd = disk.open(index_path, os.O_RDWR)
        data_fd = disk.open(data_path, os.O_RDWR)
        last = _last_record(disk, index_fd)
        disk.truncate(index_fd, (last.chunk if last else 0) * RECORD)
        disk.truncate(data_fd, last.end if last else 0)
        transcript = cls(disk, data_fd, index_fd, last, limit=limit)
        for record in _marks(disk, index_fd, transcript.committed):
            if record.kind == "gap":
                transcript.dropped[record.stream] += record.length
                transcript._noted[record.stream] += record.length
            elif transcript._cut is not None:
                transcript._cut.note(record)
        return transcript

    @property
    def next_chunk(self) -> int:
        """The lowest number that what `store` commits next can have."""
        return self._chunks + 1

    @property
    def committed(self) -> int:
        """Chunks that count."""
        return self._chunks

    @property
    def size(self) -> int:
        """Bytes that count."""
        return self._end - self.given_up

    @property
    def given_up(self) -> int:
        """Bytes that counted once, until the limit asked for their room."""
        return sum(self._cut.lengths.values()) if self._cut is not None else 0

    def store(self, stream: Stream, data: bytes) -> None:
        """Append what the disk takes of `data`; the rest is counted as dropped."""
        stored = 0 if self._is_full else self._write_data(data)
        if stored or not data:
            last = IndexRecord(0, self._end, self._now_us(), stored, stream)
            gaps = [*self._gaps()]
            new = self._cut.split(last, self._chunks + len(gaps)) if self._cut is not None else [last]
            stored = stored if self._commit([*gaps, *new]) else 0
        self.drop(stream, len(data) - stored)
        self._keep_limit(SLACK)

    def drop(self, stream: Stream, length: int) -> None:
        """Count bytes of a stream that were read and are not stored."""
        self.dropped[stream] += length

    def note_gaps(self) -> None:
        """Try to put on record what was dropped, though nothing follows it, and keep the limit exactly."""
        self._keep_limit(0)
        self._commit([*self._gaps()])

    def sync(self) -> None:
        """Return when everything that counts survives power loss.

        Raises:
            OSError: the disk refused; what of it survives is not known.
        """
        self._disk.fdatasync(self._data_fd)
        self._disk.fdatasync(self._index_fd)

    def close(self) -> None:
        """Let go of the files."""
        if self._data_fd >= 0:
            self._disk.close(self._data_fd)
            self._disk.close(self._index_fd)
            self._data_fd = -1

    def _keep_limit(self, slack: int) -> None:
        """Give up the oldest of the tail if more than `slack` bytes are too many."""
        cut = self._cut
        if cut is None or self._is_full or cut.surplus(self._end) <= slack:
            return
        try:
            gaps = cut.give_up(self._disk, self._data_fd, self._index_fd, self._end)
        except OSError:
            self._is_full = cut.surplus(self._end) == 0 or cut.surplus(self._end) > _PATIENCE
            return
        for stream, length in gaps.items():  # told of once more, where it can be read
            self._noted[stream] -= length

    def _now_us(self) -> int:
        self._at_us = max(self._at_us, index.microseconds(self._disk.now()))
        return self._at_us

    def _write_data(self, data: bytes) -> int:
        """Write behind what counts; return how much the disk took."""
        done = 0
        try:
            while done < len(data):
                done += self._disk.pwrite(self._data_fd, data[done:], self._end + done)
        except OSError:
            return done
        return done

    def _gaps(self) -> Iterator[IndexRecord]:
        for stream, dropped in self.dropped.items():
            missing = dropped - self._noted[stream]
            for start in range(0, missing, index.MAX_LENGTH):
                length = min(missing - start, index.MAX_LENGTH)
                yield IndexRecord(0, self._end, self._now_us(), length, stream, "gap")

    def _commit(self, records: list[IndexRecord]) -> bool:
        """Write these records as the next ones, all or none; say whether they count now."""
        numbered = [
            IndexRecord(self._chunks + place, each.offset, each.at_us, each.length, each.stream, each.kind)
            for place, each in enumerate(records, start=1)
        ]
        data = b"".join(index.encode(record) for record in numbered)
        if not data:
            return True
        start = self._chunks * RECORD
        try:
            whole = self._disk.pwrite(self._index_fd, data, start) == len(data)
            if not whole:
                self._disk.truncate(self._index_fd, start)
        except OSError:
            return False
        if whole:
            self._chunks, self._end = numbered[-1].chunk, numbered[-1].end
            for record in numbered:
                if record.kind == "gap":
                    self._noted[record.stream] += record.length
                elif record.kind == "cut" and self._cut is not None:
                    self._cut.note(record)
        return whole


def _last_record(disk: Disk, fd: int) -> IndexRecord | None:
    """Return the last record that is whole and in its place; a crash tail stands behind it, if anything."""
    place = disk.stat(fd).size // RECORD
    while place:
        first = max(0, place - _LOOK_BACK)
        block = disk.pread(fd, (place - first) * RECORD, first * RECORD)
        while place > first:
            start = (place - 1 - first) * RECORD
            record = index.decode(block[start : start + RECORD])
            if record is not None and record.chunk == place:
                return record
            place -= 1
    return None


def _marks(disk: Disk, fd: int, count: int) -> Iterator[IndexRecord]:
    for first in range(0, count, _LOOK_BACK):
        block = disk.pread(fd, min(_LOOK_BACK, count - first) * RECORD, first * RECORD)
        for start in range(0, len(block), RECORD):
            record = index.decode(block[start : start + RECORD])
            if record is not None and record.kind != "data":
                yield record
