"""The reading end of the feed: which journals have moved since a position.

The feed is derived. Where it cannot vouch for being complete, a read says so, and the caller looks at
the journals themselves.
"""

import os
from typing import Final, Literal

import msgspec

from runlore.journal import machine
from runlore.journal.disk import Disk
from runlore.journal.errors import JournalIO
from runlore.journal.feed_lines import (
    HEADER_LIMIT,
    SEGMENT_BYTES,
    Announcement,
    parse_line,
    read_header,
    segment_path,
    segments,
)
from runlore.journal.feed_position import FeedPosition, digest_of
from runlore.journal.framing import whole_lines
from runlore.journal.layout import Layout

_PIECE: Final = 1 << 20


class FeedRead(msgspec.Struct, frozen=True):
    """Announcements since a position.

    `renewed`: another feed began, or lines are missing; `absent`: there is none. After both, look at
    every journal once, and at one whose append lock is held again when it is free.
    """

    announcements: list[Announcement]
    position: FeedPosition | None
    state: Literal["continued", "renewed", "absent"]


class FeedReader:
    """The reading end: announcements since a position."""

    def __init__(self, disk: Disk, layout: Layout) -> None:
        self._disk, self._folder = disk, layout.feed

    def end(self) -> FeedPosition | None:
        """Return the position behind everything announced so far, or None if there is no feed.

        Raises:
            JournalIO: the disk refused.
        """
        try:
            number = max(segments(self._disk, self._folder), default=0)
            fd = self._disk.open(segment_path(self._folder, number), os.O_RDONLY)
        except OSError:
            return None
        try:
            header = read_header(self._disk, fd)
            if header is None or header.boot != machine.boot_id():
                return None
            size, _links = self._disk.size_and_links(fd)
            start = max(0, size - HEADER_LIMIT)
            end = start + whole_lines(self._disk.pread(fd, size - start, start))
            return FeedPosition(header.feed, number, end, self._line_before(fd, end))
        except OSError as error:
            raise JournalIO(f"{self._folder}: {error.strerror or error}") from error
        finally:
            self._disk.close(fd)

    def read(self, after: FeedPosition | None) -> FeedRead:
        """Return what was announced after a position; a line still being written is left for later.

        Where the state is `renewed` or `absent`, every journal has to be looked at once, and one whose
        append lock is held again once it is free.
        """
        try:
            numbers = segments(self._disk, self._folder)
        except OSError:
            numbers = []
        if after is None or after.segment not in numbers:
            return self._read_on(numbers, None)
        return self._read_on([number for number in numbers if number >= after.segment], after)

    def _read_on(self, numbers: list[int], after: FeedPosition | None) -> FeedRead:
        found: list[Announcement] = []
        position, renewed = after, after is None
        for number in numbers:
            read = self._read_segment(number, position, newest=number == numbers[-1])
            if read is None:  # of another boot, or removed meanwhile: what stood there is not known
                position, renewed = None, True
                continue
            whole, position, continued = read
            renewed = renewed or not continued
            found += whole
        if position is None:
            return FeedRead([], None, "absent")
        return FeedRead(found, position, "renewed" if renewed else "continued")

    def _read_segment(
        self, number: int, before: FeedPosition | None, *, newest: bool
    ) -> tuple[list[Announcement], FeedPosition, bool] | None:
        """Return (announcements, position behind them, nothing is missing), or None if it is not ours."""
        try:
            fd = self._disk.open(segment_path(self._folder, number), os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            header = read_header(self._disk, fd)
            if header is None or header.boot != machine.boot_id():
                return None
            start, continued = 0, False
            if before is not None and header.feed == before.feed_id:
                continued = number - before.segment in {0, 1}
                if number == before.segment:
                    continued = self._line_before(fd, before.offset) == before.before
                    start = before.offset if continued else 0
            found, end, damaged = self._read_lines(fd, start)
            whole = newest or end >= SEGMENT_BYTES  # writers leave a segment only when it is full
            position = FeedPosition(header.feed, number, end, self._line_before(fd, end))
            return found, position, continued and whole and not damaged
        finally:
            self._disk.close(fd)

    def _line_before(self, fd: int, end: int) -> str:
        """Return the digest of the line that ends at `end`; empty if none does."""
        start = max(0, end - HEADER_LIMIT)
        lines = self._disk.pread(fd, end - start, start)
        if len(lines) < end - start or not lines.endswith(b"\n"):
            return ""
        return digest_of(lines[:-1].rpartition(b"\n")[2])

    def _read_lines(self, fd: int, start: int) -> tuple[list[Announcement], int, bool]:
        found: list[Announcement] = []
        damaged = False
        offset = start
        while piece := self._disk.pread(fd, _PIECE, offset):
            end = whole_lines(piece)
            if not end:
                break
            for line in piece[:end].split(b"\n")[:-1]:
                if 0 < offset < SEGMENT_BYTES:
                    announcement = parse_line(line)
                    damaged = damaged or announcement is None
                    if announcement:
                        found.append(announcement)
                offset += len(line) + 1
        return found, offset, damaged
