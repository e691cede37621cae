"""Where a stream stands, as one opaque word: feed, position, time. Pure.

A record is in front of a cursor if it was announced in front of its position in the feed. What a stream
knows beyond that goes along: the runs it has read further than the feed had said (`ahead`), and, while
it still goes through what was there before, how far it has come (`history`). Both are nearly always
empty, so a cursor is small however many runs there are. Model: docs/explanation/feed.md
"""

from binascii import Error, a2b_base64, b2a_base64, crc32
from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct

from runlore.journal.errors import BadInput
from runlore.journal.feed_position import FeedPosition
from runlore.journal.ids import is_run_id
from runlore.journal.values import MAX_INT, Head, Offset, RunId, Seq

MARK: Final = 16
"""Digits of an `h` that tell one history from another."""
_VERSION: Final = "f1."
_CHECK_BYTES: Final = 4
_WHERE: Final = "take one from a `ready` or `end` record, or from `records.cursor`"


class Spot(Struct, frozen=True, array_like=True, gc=False):
    """The end of a record in its journal."""

    seq: Seq
    offset: Offset
    mark: str
    """First 16 hex digits of its `h`."""


START: Final = Spot(Seq(0), Offset(0), "")
"""In front of the first record of a run."""


class Cursor(Struct, frozen=True, kw_only=True, array_like=True):
    """What a stream has delivered."""

    registry: str
    """Which registry it is a cursor of."""
    at: datetime
    """When it was made, for people; nothing is decided by it."""
    position: FeedPosition | None
    """None: there was no feed."""
    history: RunId | None = None
    """Of the runs that were there before, those up to this one were gone through; None: all were."""
    ahead: dict[RunId, Spot] = {}


def spot_of(head: Head, seq: Seq, end: int) -> Spot:
    """Return the spot behind a record."""
    return Spot(seq, Offset(end), head[:MARK])


def encode(cursor: Cursor) -> str:
    """Return the cursor as a word that a shell leaves alone."""
    data = msgspec.msgpack.encode(cursor)
    data += crc32(data).to_bytes(_CHECK_BYTES, "big")
    return _VERSION + _spelled(data)


def _spelled(data: bytes) -> str:
    text = b2a_base64(data, newline=False).decode("ascii")
    return text.replace("+", "-").replace("/", "_").rstrip("=")


def decode(text: str, registry: str) -> Cursor:
    """Return what a cursor of this registry says.

    Raises:
        BadInput: it is none, or one of another registry or a later release.
    """
    kind, dot, body = text.partition(".")
    if dot and f"{kind}." != _VERSION and kind[:1] == "f" and kind[1:].isdigit():
        raise BadInput(f"{text[:60]!a} is a cursor of a later release; resume with that release")
    cursor = _decoded(body)
    if cursor is None or f"{kind}{dot}" != _VERSION:
        raise BadInput(f"{text[:60]!a} is no cursor of events; {_WHERE}")
    if cursor.registry != registry:
        raise BadInput(
            f"{text[:60]!a} is a cursor of another registry ({cursor.registry}, this is {registry}); "
            "name that one's root with --root DIR"
        )
    return cursor


def _decoded(body: str) -> Cursor | None:
    try:
        text = body.replace("-", "+").replace("_", "/")
        data = a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
        if _spelled(data) != body:  # there is one way to write it
            return None
        if crc32(data[:-_CHECK_BYTES]).to_bytes(_CHECK_BYTES, "big") != data[-_CHECK_BYTES:]:
            return None
        cursor = msgspec.msgpack.decode(data[:-_CHECK_BYTES], type=Cursor)
    except (Error, msgspec.MsgspecError, UnicodeError, ValueError, RecursionError):
        return None
    return cursor if _is_sound(cursor) else None


def _is_sound(cursor: Cursor) -> bool:
    position = cursor.position
    named = [*cursor.ahead, *([cursor.history] if cursor.history else [])]
    return (
        (position is None or (0 < position.segment <= MAX_INT and 0 < position.offset <= MAX_INT))
        and all(map(is_run_id, named))
        and all(0 <= spot.seq <= MAX_INT and 0 <= spot.offset <= MAX_INT for spot in cursor.ahead.values())
    )
