"""A place in the feed, and what makes sure that it still is the same place. Pure."""

from hashlib import sha256
from typing import Final

import msgspec

WINDOW: Final = 8
"""Segments, a cursor's own the last, in which a resuming stream looks for what was said in front of it."""
_MARK_DIGITS: Final = 16


class FeedPosition(msgspec.Struct, frozen=True, array_like=True):
    """What a reader of the feed has seen."""

    feed_id: str
    segment: int
    offset: int
    before: str = ""
    """Digest of the last line in front of it: where another stands there, the segment was cut meanwhile."""


class FeedLine(msgspec.Struct, frozen=True, gc=False):
    """One line of the feed, without its newline, and the place behind it."""

    text: bytes
    segment: int
    end: int


def digest_of(line: bytes) -> str:
    """Return what a position says of the line in front of it."""
    return sha256(line).hexdigest()[:_MARK_DIGITS]


def position_behind(feed_id: str, line: FeedLine) -> FeedPosition:
    """Return the position behind a line."""
    return FeedPosition(feed_id, line.segment, line.end, digest_of(line.text))
