"""Read on through the feed, a piece at a time, and say when it cannot vouch for being complete any more.

Beside `FeedReader`, which looks at the feed now and then, this is for whoever stays: the segment is kept
open, each piece is bounded, and every line has a position of its own to resume from.
"""

import os
from typing import Final

from runlore.journal import machine
from runlore.journal.disk import Disk
from runlore.journal.errors import JournalIO
from runlore.journal.feed_lines import (
    HEADER_LIMIT,
    SEGMENT_BYTES,
    Header,
    read_header,
    segment_path,
    segments,
)
from runlore.journal.feed_position import FeedLine, FeedPosition, digest_of
from runlore.journal.framing import whole_lines
from runlore.journal.layout import Layout

PIECE: Final = 1 << 16
"""Bytes read at once: a thousand lines."""


class FeedLost(Exception):
    """What was announced behind the last piece cannot be known; look at the journals themselves."""


class FeedTail:
    """The feed from a position on; not for several threads at once. Close it."""

    def __init__(self, disk: Disk, layout: Layout) -> None:
        self._disk, self._folder = disk, layout.feed
        self._fd = -1
        self.feed_id: str = ""
        self.segment: int = 0
        self._offset = 0
        self._before = b""
        """The line in front of the offset, newline included."""

    def seek(self, position: FeedPosition) -> bool:
        """Go to a position; False if the feed has no such place any more.

        Raises:
            JournalIO: the disk refused.
        """
        try:
            header = self._open(position.segment)
            if header is None or header.feed != position.feed_id or position.offset <= 0:
                return False
            start = max(0, position.offset - HEADER_LIMIT)
            data = self._disk.pread(self._fd, position.offset - start, start)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise self._refused(error) from error
        line = data[:-1].rpartition(b"\n")[2]
        whole = len(data) == position.offset - start and data.endswith(b"\n")
        if not whole or digest_of(line) != position.before:
            return False
        self._offset, self._before = position.offset, line + b"\n"
        return True

    def seek_beginning(self, segment: int, feed_id: str) -> bool:
        """Go to the first line of a segment; False if that is not of this feed.

        Raises:
            JournalIO: the disk refused.
        """
        try:
            header = self._open(segment)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise self._refused(error) from error
        return header is not None and header.feed == feed_id

    @property
    def is_open(self) -> bool:
        """It stands somewhere."""
        return self._fd >= 0

    def read(self) -> list[FeedLine]:
        """Return the next lines, none if nothing more was announced yet; their text has no newline.

        Raises:
            FeedLost: lines are gone, or another feed began. JournalIO: the disk refused.
        """
        try:
            if lines := self._lines():
                return lines
            return self._lines() if self._is_left() else []
        except FileNotFoundError:
            raise FeedLost("the feed was deleted") from None
        except OSError as error:
            raise self._refused(error) from error

    def behind(self) -> int:
        """Return about how many bytes of this feed are still to be read."""
        try:
            newest = max(segments(self._disk, self._folder), default=self.segment)
            size = self._disk.stat_path(segment_path(self._folder, newest)).size
        except OSError:
            return 0
        return max(0, size - self._offset + (newest - self.segment) * SEGMENT_BYTES)

    def close(self) -> None:
        """Let go of the segment."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            self._disk.close(fd)

    def _open(self, number: int) -> Header | None:
        """Open a segment at its beginning; None if it is of another boot, or damaged."""
        fd = self._disk.open(segment_path(self._folder, number), os.O_RDONLY)
        header = read_header(self._disk, fd)
        if header is None or header.boot != machine.boot_id():
            self._disk.close(fd)
            return None
        self.close()
        self._fd, self.segment, self.feed_id = fd, number, header.feed
        self._offset, self._before = 0, b""
        return header

    def _lines(self) -> list[FeedLine]:
        """Return the lines that count in the next piece of this segment."""
        front = len(self._before)
        data = self._disk.pread(self._fd, PIECE + front, self._offset - front)
        if data[:front] != self._before:
            raise FeedLost("the feed was cut")
        end = whole_lines(data)
        if end <= front:
            return []
        texts = data[front:end].split(b"\n")[:-1]
        self._before = texts[-1] + b"\n"
        lines: list[FeedLine] = []
        for text in texts:
            if 0 < self._offset < SEGMENT_BYTES:
                lines.append(FeedLine(text, self.segment, self._offset + len(text) + 1))
            self._offset += len(text) + 1
        return lines or self._lines()

    def _is_left(self) -> bool:
        """Say whether to read once more, after going on to the next segment if this one is full.

        Raises:
            FeedLost: the segment ends where no writer would have left it.
        """
        _size, links = self._disk.size_and_links(self._fd)
        if self._offset >= SEGMENT_BYTES:
            return self._go_on(links)
        if not links:
            raise FeedLost("the feed was deleted")
        try:
            self._disk.stat_path(segment_path(self._folder, self.segment + 1))
        except FileNotFoundError:
            return False
        if self._lines_are_left():
            return True
        raise FeedLost("a part of the feed is missing")

    def _lines_are_left(self) -> bool:
        """Say whether lines came in after all: a segment with a successor gets no more than that."""
        return self._disk.size_and_links(self._fd)[0] > self._offset

    def _go_on(self, links: int) -> bool:
        feed_id = self.feed_id
        try:
            header = self._open(self.segment + 1)
        except FileNotFoundError:
            if not links or max(segments(self._disk, self._folder), default=0) > self.segment + 1:
                raise FeedLost("the feed does not reach back so far") from None
            return False
        if header is None or header.feed != feed_id:
            raise FeedLost("another feed began")
        return True

    def _refused(self, error: OSError) -> JournalIO:
        return JournalIO(f"{self._folder}: {error.strerror or error}")
