"""The writing end of the feed: one announcement per append, in one order over all runs.

A line is written under the append lock of its journal, after the record, with one unsynced write; when
a journal is created or its run has ended, an intent line goes before the record as well, so that a
reader who has seen the feed's end knows every run that can have changed.

A line counts only if it starts before SEGMENT_BYTES; who finds his line behind that writes it again
into the next segment, so that a reader may leave a full segment for good. A feed belongs to one boot.
After another boot, or damage, all of it is removed and a new feed id begins: readers heal from the
journals. Derived; never trusted for content. Format: docs/explanation/feed.md
"""

import errno
import os
import threading
import weakref
from typing import Final

from runlore.journal import machine
from runlore.journal.disk import Disk, write_fully
from runlore.journal.feed_lines import (
    MOST_SEGMENTS,
    SEGMENT_BYTES,
    Header,
    format_header,
    format_line,
    read_header,
    segment_path,
    segments,
)
from runlore.journal.layout import Layout
from runlore.journal.values import RunId

_LOOK_EVERY_S: Final = 1.0
_TRIES: Final = 16


class Feed:
    """The writing end; one per process is enough, threads may share it.

    It never fails an append: what cannot be announced ends this feed, and readers heal.
    """

    def __init__(self, disk: Disk, layout: Layout) -> None:
        self._disk, self._layout, self._folder = disk, layout, layout.feed
        self._guard = threading.Lock()
        self._fd = -1
        self._segment = 0
        self._feed_id = ""
        self._reached = 0
        self._looked_at = 0.0
        self._must_end = False
        _feeds.add(self)

    def announce(
        self,
        run_id: RunId,
        seq: int,
        offset: int,
        digest: bytes,
        *,
        intent: bool = False,
        surely: bool = False,
    ) -> None:
        """Write one line; on any failure end this feed instead.

        surely: nobody looks at this run unless told to, because it has ended or is new; so see to it
        that the line stands in a feed that is still there. Live runs are looked at anyway.
        """
        line = format_line(run_id, seq, offset, digest, intent=intent)
        with self._guard:
            # A torn line or a full disk costs readers a look at every journal; the second try begins anew.
            if not self._announced(line, surely=surely):
                self._announced(line, surely=surely)

    def _announced(self, line: bytes, *, surely: bool) -> bool:
        """Write the line and return True; or end the feed, now or as soon as the disk lets us."""
        try:
            if self._must_end:
                self._end()
            for _ in range(_TRIES):
                if self._put(line, surely=surely):
                    return True
        except OSError:
            pass
        self._must_end = True
        try:
            self._end()
        except OSError:
            pass
        return False

    def begin(self) -> None:
        """Make a feed if there is none of this boot, so that a stream has a place to begin at.

        Raises:
            OSError: it cannot be made.
        """
        with self._guard:
            if self._fd < 0:
                self._open()

    def close(self) -> None:
        """Let go of the segment."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            self._reached = 0
            self._disk.close(fd)

    def forget_in_child(self) -> None:
        """Be new in a forked child, whose parent may be in the middle of a line."""
        self._guard = threading.Lock()
        self.close()

    def _put(self, line: bytes, *, surely: bool) -> bool:
        """Write a line into the current segment; False if it does not count there: try again."""
        if self._fd < 0:
            self._open()
        if self._disk.write(self._fd, line) != len(line):
            raise OSError(errno.ENOSPC, "half an announcement")
        end = self._disk.position(self._fd)
        if end - len(line) < self._reached:
            raise OSError(errno.EIO, "the segment was cut: lines of ours are gone")
        self._reached = end
        if end - len(line) >= SEGMENT_BYTES:
            self._go_on()
        elif self._is_removed(surely=surely):
            self.close()
        else:
            return True
        return False

    def _is_removed(self, *, surely: bool) -> bool:
        """Say whether the segment was deleted; for live runs that is asked once a second."""
        now = self._disk.monotonic()
        if not surely and now - self._looked_at < _LOOK_EVERY_S:
            return False
        self._looked_at = now
        return self._has_no_name(self._fd)

    def _has_no_name(self, fd: int) -> bool:
        _size, links = self._disk.size_and_links(fd)
        return links == 0

    def _open(self) -> None:
        """Open the newest segment if it is of this boot and whole, else begin a new feed."""
        number = max(self._listed(), default=0)
        if not number:
            self._begin(1, os.urandom(8).hex())
            return
        fd = self._disk.open(segment_path(self._folder, number), os.O_RDWR | os.O_APPEND)
        header = read_header(self._disk, fd)
        ours = header is not None and header.boot == machine.boot_id()
        if header is not None and ours and self._ends_whole(fd):
            self._fd, self._segment, self._feed_id = fd, number, header.feed
            return
        self._disk.close(fd)
        if ours:
            raise OSError(errno.EIO, "a torn line ends the feed")
        self._end()  # of another boot: announcements were not synced, some may be gone
        self._begin(1, os.urandom(8).hex())

    def _listed(self) -> list[int]:
        """Return the segments there are; the folder itself may have been deleted as well."""
        try:
            return segments(self._disk, self._folder)
        except FileNotFoundError:
            self._disk.mkdir(self._folder)
            return []

    def _ends_whole(self, fd: int) -> bool:
        for _ in range(3):  # another writer's line may be half visible
            size, _links = self._disk.size_and_links(fd)
            if self._disk.pread(fd, 1, size - 1) == b"\n":
                return True
        return False

    def _begin(self, number: int, feed_id: str) -> None:
        """Make a segment, or use the one somebody else just made."""
        header = Header(feed=feed_id, boot=machine.boot_id(), segment=number)
        temporary = f"{self._folder}/.{os.urandom(6).hex()}.tmp"
        fd = self._disk.open(temporary, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL)
        try:
            try:
                write_fully(self._disk, fd, format_header(header))
                self._disk.link(temporary, segment_path(self._folder, number))
            except FileExistsError:
                ours, fd = fd, self._disk.open(segment_path(self._folder, number), os.O_RDWR | os.O_APPEND)
                self._disk.close(ours)
                theirs = read_header(self._disk, fd)
                feed_id = theirs.feed if theirs else ""
            self._fd, self._segment, self._feed_id, self._reached = fd, number, feed_id, 0
        except BaseException:
            self._disk.close(fd)
            raise
        finally:
            self._discard(temporary)

    def _go_on(self) -> None:
        """Leave a full segment for the next one of the same feed.

        If the full one has lost its name by now, somebody has ended the feed, and what was just made
        would live on beside its successor.
        """
        full, self._fd = self._fd, -1
        try:
            self._begin(self._segment + 1, self._feed_id)
            if self._has_no_name(full):
                self.close()
                self._remove(segment_path(self._folder, self._segment))
        finally:
            self._disk.close(full)
        self._let_go()

    def _let_go(self) -> None:
        """Remove the segments that nobody needs any more."""
        from runlore.journal import feed_kept  # noqa: PLC0415 - once in 70,000 announcements

        first = feed_kept.first_kept(self._disk, self._layout, self._feed_id, self._segment)
        for old in self._listed():
            if old < first:
                self._remove(segment_path(self._folder, old))

    def _end(self) -> None:
        """Remove the feed: without its segments every reader looks at the journals themselves.

        Oldest first, so that nobody takes a full one for the newest; and until none is left, because
        another writer may just have gone on to the next.
        """
        self.close()
        while numbers := self._listed_or_known():
            for number in numbers:
                self._remove(segment_path(self._folder, number))
        self._must_end = False

    def _listed_or_known(self) -> list[int]:
        """Return the segments there are; with no descriptor left to list them, those this feed knows."""
        try:
            return segments(self._disk, self._folder)
        except FileNotFoundError:
            return []
        except OSError:
            newest, self._segment = self._segment, 0
            if not newest:
                raise
            for number in range(max(1, newest - MOST_SEGMENTS), newest + 2):
                self._remove(segment_path(self._folder, number))
            return []

    def _discard(self, temporary: str) -> None:
        try:
            self._disk.unlink(temporary)
        except OSError:
            return  # it is nobody's segment

    def _remove(self, path: str) -> None:
        try:
            self._disk.unlink(path)
        except FileNotFoundError:
            return  # somebody else was faster


_feeds: "weakref.WeakSet[Feed]" = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for feed in list(_feeds):
        feed.forget_in_child()


os.register_at_fork(after_in_child=_after_fork_in_child)
