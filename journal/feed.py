"""The feed: one announcement per append, in one order over all runs. Derived; never trusted for content.

A line says "journal X has reached seq N". It is written under the append lock of X, after the record,
with one unsynced write; when a journal is created or its run has ended, an intent line goes before the
record as well, so that a reader who has seen the feed's end knows every run that can have changed.

Segments are numbered files. A line counts only if it starts before SEGMENT_BYTES; who finds his line
behind that writes it again into the next segment, so that a reader may leave a full segment for good.
A feed belongs to one boot: after another boot, or damage, a new feed id begins and readers heal from
the journals. Format: docs/explanation/feed.md
"""

import os
from typing import Final, Literal

import msgspec

from runlore.journal import machine
from runlore.journal.disk import Disk, write_fully
from runlore.journal.ids import is_run_id
from runlore.journal.layout import Layout
from runlore.journal.values import Offset, RunId, Seq

SEGMENT_BYTES: Final = 4 << 20
KEPT_SEGMENTS: Final = 16
_SUFFIX: Final = ".feed"
_HEADER_LIMIT: Final = 512
_LOOK_EVERY_S: Final = 1.0
_MARK_LENGTH: Final = 16
_PIECE: Final = 1 << 20


class Announcement(msgspec.Struct, frozen=True, gc=False):
    """A journal has reached a position, or (intent) is about to go beyond it."""

    run_id: RunId
    seq: Seq
    offset: Offset
    mark: str
    """First 8 bytes of `h`, in hex."""
    intent: bool


class FeedPosition(msgspec.Struct, frozen=True):
    """What a reader of the feed has seen."""

    feed_id: str
    segment: int
    offset: int


class FeedRead(msgspec.Struct, frozen=True):
    """Announcements since a position. `renewed`: another feed began; look at every journal once."""

    announcements: list[Announcement]
    position: FeedPosition | None
    state: Literal["continued", "renewed", "absent"]


class _Header(msgspec.Struct, frozen=True, kw_only=True):
    feed: str
    boot: str
    segment: int


def format_line(run_id: RunId, seq: int, offset: int, digest: bytes, *, intent: bool) -> bytes:
    """Return an announcement as it stands in the feed."""
    return f"{run_id} {seq} {offset} {digest[:8].hex()} {'?' if intent else '+'}\n".encode()


def parse_line(line: bytes) -> Announcement | None:
    """Return the announcement on a line without its newline, or None if it is damaged."""
    try:
        run_id, seq, offset, mark, sign = line.decode("ascii").split(" ")
        if not is_run_id(run_id) or sign not in {"+", "?"} or len(mark) != _MARK_LENGTH:
            return None
        return Announcement(RunId(run_id), Seq(int(seq)), Offset(int(offset)), mark, sign == "?")
    except ValueError:
        return None


class Feed:
    """The writing end, one per process; not shared between threads without the writer's lock.

    It never fails an append: what cannot be announced ends this feed, and readers heal.
    """

    def __init__(self, disk: Disk, layout: Layout) -> None:
        self._disk, self._folder = disk, layout.feed
        self._fd = -1
        self._segment = 0
        self._feed_id = ""
        self._looked_at = 0.0

    def announce(self, run_id: RunId, seq: int, offset: int, digest: bytes, *, intent: bool = False) -> None:
        """Write one line; on any failure end this feed instead."""
        line = format_line(run_id, seq, offset, digest, intent=intent)
        try:
            for _ in range(KEPT_SEGMENTS):
                if self._fd < 0:
                    self._open()
                if self._disk.write(self._fd, line) != len(line):
                    break
                end = self._disk.position(self._fd)
                if end - len(line) >= SEGMENT_BYTES:
                    self._leave(full=True)
                elif self._is_removed():
                    self._leave(full=False)
                else:
                    return
        except OSError:
            pass  # the feed is derived: losing it costs readers a look at every journal
        self._abandon()

    def _is_removed(self) -> bool:
        """Say whether somebody deleted the segment; asked once a second, it is derived after all."""
        now = self._disk.monotonic()
        if now - self._looked_at < _LOOK_EVERY_S:
            return False
        self._looked_at = now
        _size, links = self._disk.size_and_links(self._fd)
        return links == 0

    def close(self) -> None:
        """Let go of the segment."""
        if self._fd >= 0:
            self._disk.close(self._fd)
            self._fd = -1

    def _open(self) -> None:
        """Open the newest segment if it is of this boot and whole, else begin a new feed."""
        segments = list_segments(self._disk, self._folder)
        number = segments[-1] if segments else 0
        if segments:
            fd = self._disk.open(_path(self._folder, number), os.O_RDWR | os.O_APPEND)
            header = _read_header(self._disk, fd)
            if header and header.boot == machine.boot_id() and self._ends_whole(fd):
                self._fd, self._segment, self._feed_id = fd, number, header.feed
                return
            self._disk.close(fd)
        self._begin(number + 1, os.urandom(8).hex())

    def _ends_whole(self, fd: int) -> bool:
        for _ in range(3):  # another writer's line may be half visible
            size, _links = self._disk.size_and_links(fd)
            if self._disk.pread(fd, 1, size - 1) == b"\n":
                return True
        return False

    def _begin(self, number: int, feed_id: str) -> None:
        """Make a segment, or use the one somebody else just made."""
        header = _Header(feed=feed_id, boot=machine.boot_id(), segment=number)
        temporary = f"{self._folder}/.{os.urandom(6).hex()}.tmp"
        fd = self._disk.open(temporary, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL)
        try:
            write_fully(self._disk, fd, msgspec.json.encode(header) + b"\n")
            self._disk.link(temporary, _path(self._folder, number))
        except FileExistsError:
            self._disk.close(fd)
            fd = self._disk.open(_path(self._folder, number), os.O_RDWR | os.O_APPEND)
            theirs = _read_header(self._disk, fd)
            feed_id = theirs.feed if theirs else ""
        except OSError:
            self._disk.close(fd)
            raise
        finally:
            self._disk.unlink(temporary)
        self._fd, self._segment, self._feed_id = fd, number, feed_id
        for old in list_segments(self._disk, self._folder)[:-KEPT_SEGMENTS]:
            self._disk.unlink(_path(self._folder, old))

    def _leave(self, *, full: bool) -> None:
        """Go on to the next segment of this feed, or look anew if the folder was emptied."""
        self.close()
        if full:
            self._begin(self._segment + 1, self._feed_id)

    def _abandon(self) -> None:
        """End this feed: without its segments every reader looks at the journals themselves."""
        try:
            self.close()
            for number in list_segments(self._disk, self._folder):
                self._disk.unlink(_path(self._folder, number))
        except OSError:
            return


class FeedReader:
    """The reading end: announcements since a position."""

    def __init__(self, disk: Disk, layout: Layout) -> None:
        self._disk, self._folder = disk, layout.feed

    def end(self) -> FeedPosition | None:
        """Return the position behind everything announced so far, or None if there is no feed."""
        read = self.read(None)
        return read.position

    def read(self, after: FeedPosition | None) -> FeedRead:
        """Return what was announced after a position; a line still being written is left for later."""
        segments = list_segments(self._disk, self._folder)
        if not segments:
            return FeedRead([], None, "absent")
        if after is None or after.segment not in segments:
            return self._read_on(segments, 0, 0, "", "renewed")
        return self._read_on(segments, after.segment, after.offset, after.feed_id, "continued")

    def _read_on(
        self,
        segments: list[int],
        segment: int,
        offset: int,
        feed_id: str,
        state: Literal["continued", "renewed"],
    ) -> FeedRead:
        found: list[Announcement] = []
        position: FeedPosition | None = None
        for number in [n for n in segments if n >= segment]:
            try:
                fd = self._disk.open(_path(self._folder, number), os.O_RDONLY)
            except FileNotFoundError:
                continue
            try:
                header = _read_header(self._disk, fd)
                if header is None or header.boot != machine.boot_id():
                    found, feed_id = [], ""
                    state = "renewed"
                    continue
                if header.feed != feed_id:
                    state = "renewed" if feed_id or state == "renewed" else state
                    feed_id = header.feed
                start = offset if number == segment else 0
                whole, end, damaged = self._read_segment(fd, start)
                found += whole
                state = "renewed" if damaged else state
                position = FeedPosition(feed_id, number, end)
            finally:
                self._disk.close(fd)
        return FeedRead(found, position, state if position else "absent")

    def _read_segment(self, fd: int, start: int) -> tuple[list[Announcement], int, bool]:
        found: list[Announcement] = []
        damaged = False
        offset = start
        while piece := self._disk.pread(fd, _PIECE, offset):
            end = piece.rfind(b"\n") + 1
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


def list_segments(disk: Disk, folder: str) -> list[int]:
    """Return the numbers of the feed's segments, oldest first."""
    try:
        names = disk.listdir(folder)
    except OSError:
        return []
    numbers = [name[: -len(_SUFFIX)] for name in names if name.endswith(_SUFFIX)]
    return sorted(int(number) for number in numbers if number.isdigit())


def _path(folder: str, number: int) -> str:
    return f"{folder}/{number:08d}{_SUFFIX}"


def _read_header(disk: Disk, fd: int) -> _Header | None:
    line = disk.pread(fd, _HEADER_LIMIT, 0).partition(b"\n")[0]
    try:
        return msgspec.json.decode(line, type=_Header)
    except (msgspec.MsgspecError, UnicodeError, ValueError):
        return None
