"""What stands in the feed: segments, their headers, and one line per announcement.

A line says "journal X has reached seq N". An intent line says "journal X is about to go beyond seq N".
Segments are numbered files; a line counts only if it starts before SEGMENT_BYTES. Format:
docs/explanation/feed.md
"""

from typing import Final

import msgspec

from runlore.journal.disk import Disk
from runlore.journal.ids import is_run_id
from runlore.journal.values import Offset, RunId, Seq

SEGMENT_BYTES: Final = 4 << 20
KEPT_SEGMENTS: Final = 16
"""Kept for everybody."""
MOST_SEGMENTS: Final = 64
"""Kept at most, for named subscriptions that have not passed them: 256 MiB."""
HEADER_LIMIT: Final = 512
"""Bytes: no header and no line is longer."""
_SUFFIX: Final = ".feed"
_MARK_LENGTH: Final = 16


class Announcement(msgspec.Struct, frozen=True, gc=False):
    """A journal has reached a position, or (intent) is about to go beyond it."""

    run_id: RunId
    seq: Seq
    offset: Offset
    mark: str
    """First 8 bytes of `h`, in hex."""
    intent: bool


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first line of a segment."""

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


def format_header(header: Header) -> bytes:
    """Return the first line of a segment."""
    return msgspec.json.encode(header) + b"\n"


def read_header(disk: Disk, fd: int) -> Header | None:
    """Return what the first line of a segment says, or None if it is damaged."""
    line = disk.pread(fd, HEADER_LIMIT, 0).partition(b"\n")[0]
    try:
        return msgspec.json.decode(line, type=Header)
    except (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError):
        return None


def segments(disk: Disk, folder: str) -> list[int]:
    """Return the numbers of the feed's segments, oldest first.

    Raises:
        OSError: the folder cannot be listed.
    """
    names = [name[: -len(_SUFFIX)] for name in disk.listdir(folder) if name.endswith(_SUFFIX)]
    return sorted(int(name) for name in names if name.isdigit())


def segment_path(folder: str, number: int) -> str:
    """Return where a segment lies."""
    return f"{folder}/{number:08d}{_SUFFIX}"
