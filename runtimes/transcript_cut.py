"""The middle of a transcript with a limit: what of it is given up, so that head and tail can stay.

The limit's first half is the head. What follows goes to the tail, and when there is more of that than
the other half, its oldest bytes are given up: first the cut records in the index say so, then the
records of those bytes are cleared, then the bytes. Wherever a kill comes between, a reader sees bytes
that are there or is told of those that are not, and the next writer goes on from there.
Format: docs/reference/transcript-format.md
"""

import errno
import os
from collections.abc import Iterator
from typing import Final

from runlore.journal.disk import Disk
from runlore.journal.values import Stream
from runlore.runtimes import transcript_index as index
from runlore.runtimes.transcript_index import RECORD, IndexRecord

SLACK: Final = 1 << 20
"""So much more than its half the tail may hold while the command runs: giving up costs four calls."""
_BLOCK: Final = 2048
_PAGE: Final = 4096 // RECORD


class Cut:
    """What one transcript has given up, and where. Only its writer uses it."""

    def __init__(self, limit: int) -> None:
        self.head: Final = limit // 2
        self.tail: Final = limit - self.head
        self.place = -1
        """Place of the first cut record; negative until the head is full."""
        self.start = 0
        """Offset of the first byte that was given up."""
        self.lengths: dict[Stream, int] = {"stdout": 0, "stderr": 0}
        """Bytes of each stream that were given up."""
        self._at_us = 0
        self._cleared = 0
        """Place of the first record behind the cut records that was not cleared yet."""
        self._punched = 0
        """Offset of the first byte that was given up and may still take room."""

    @property
    def end(self) -> int:
        """Offset of the first byte behind what was given up."""
        return self.start + sum(self.lengths.values())

    def split(self, record: IndexRecord, place: int) -> list[IndexRecord]:
        """Return what is to be committed for new bytes: at the head's end, the first cut records too.

        place: where the first of them will stand.
        """
        if self.place >= 0 or record.end <= self.head:
            return [record]
        room = self.head - record.offset
        before = [record.part(0, room)] if room > 0 else []
        empty = IndexRecord(0, self.head, record.at_us, 0, "stdout", "cut")
        after = place + len(before)
        pad = 1 if after % _PAGE == _PAGE - 1 else 0  # both are rewritten at once: in one page
        slots = [empty] * (pad + 1) + [empty.of("stderr")]
        return [*before, *slots, record.part(max(room, 0), record.length)]

    def note(self, record: IndexRecord) -> None:
        """Take in a cut record that counts now: the first ones that were committed, or those found."""
        if self.place < 0:
            self.place, self._at_us = record.chunk - 1, record.at_us
            self.start = self._punched = record.offset
        elif sum(self.lengths.values()) == 0 and record.stream == "stdout":
            self.place = record.chunk - 1  # the one before it only keeps these in one page
        self.lengths[record.stream] += record.length
        self._cleared = record.chunk

    def surplus(self, end: int) -> int:
        """Return how many bytes of the tail are too many; `end`: of all that counts."""
        return max(0, end - self.end - self.tail) if self.place >= 0 else 0

    def give_up(self, disk: Disk, data_fd: int, index_fd: int, end: int) -> dict[Stream, int]:
        """Cut the tail to its half; return the bytes in gap records that went with it.

        Raises:
            OSError: the disk refused; what had been given up by then stays so, and a later call goes on.
        """
        upto, lengths = end - self.tail, dict(self.lengths)
        first, gaps, rest = self._cleared, dict.fromkeys(index.STREAMS, 0), None
        for record in _records(disk, index_fd, self._cleared):
            if record.offset >= upto:
                break
            if record.kind == "gap":
                gaps[record.stream] += record.length
            elif record.kind == "data":
                begin = max(record.offset, self.end)
                lengths[record.stream] += max(0, min(record.end, upto) - begin)
                if record.end > upto:
                    rest = record.part(upto - record.offset, record.length)
                    break
            first = record.chunk
        slots = self._encoded(lengths)
        _put(disk, index_fd, slots, self.place * RECORD)
        self.lengths = lengths
        self._clear(disk, index_fd, max(self._cleared, self.place + len(slots) // RECORD), first)
        if rest is not None:
            _put(disk, index_fd, index.encode(rest), (rest.chunk - 1) * RECORD)
        if not disk.punch(data_fd, self._punched, upto - self._punched):
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        self._punched = upto
        return gaps

    def _clear(self, disk: Disk, index_fd: int, first: int, behind: int) -> None:
        """Leave no record between two places: nobody reads them any more."""
        start, length = first * RECORD, (behind - first) * RECORD
        if length > 0 and not disk.punch(index_fd, start, length):
            _put(disk, index_fd, bytes(length), start)
        self._cleared = max(self._cleared, behind)

    def _encoded(self, lengths: dict[Stream, int]) -> bytes:
        """Return the cut records of so many bytes; one for each stream, and more for every 4 GiB."""
        place, offset, encoded = self.place, self.start, b""
        for stream, length in lengths.items():
            rest = length
            while True:
                part = min(rest, index.MAX_LENGTH)
                encoded += index.encode(IndexRecord(place + 1, offset, self._at_us, part, stream, "cut"))
                place, offset, rest = place + 1, offset + part, rest - part
                if not rest:
                    break
        return encoded


def _records(disk: Disk, fd: int, place: int) -> Iterator[IndexRecord]:
    """Yield the whole records from a place on."""
    while block := disk.pread(fd, _BLOCK * RECORD, place * RECORD):
        for at in range(len(block) // RECORD):
            record = index.decode(block[at * RECORD : (at + 1) * RECORD])
            if record is not None and record.chunk == place + at + 1:
                yield record
        place += _BLOCK


def _put(disk: Disk, fd: int, data: bytes, offset: int) -> None:
    done = 0
    while done < len(data):
        done += disk.pwrite(fd, data[done:], offset + done)
