"""Lines and events: encode one, decode one, decode many. The only place that knows the JSON library.

msgspec reports bad input through three families of errors; all of them come back as UndecodableLine
(bad UTF-8 raises UnicodeDecodeError, deep nesting RecursionError). Nothing is classified by the text
of an error. Pure.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from runlore.journal.errors import EventTooLarge, UndecodableLine
from runlore.journal.events import TAGS, AnyEvent, Event, KnownEvent, UnknownEvent, tag_of
from runlore.journal.values import Actor, UtcTime

MAX_LINE: Final = 256 * 1024
"""Bytes of a line, `h` and newline included."""

_encoder: Final = msgspec.json.Encoder()
_known: Final[msgspec.json.Decoder[KnownEvent]] = msgspec.json.Decoder(KnownEvent)


class _Header(msgspec.Struct, frozen=True, gc=False):
    """The fields every event of every release has."""

    type: str
    seq: msgspec.Raw
    at: UtcTime
    by: Actor | None = None
    epoch: int = 0


class _Position(msgspec.Struct, frozen=True, gc=False):
    seq: int


_header: Final[msgspec.json.Decoder[_Header]] = msgspec.json.Decoder(_Header)
_seq: Final[msgspec.json.Decoder[int]] = msgspec.json.Decoder(int)


def encode(event: Event | UnknownEvent) -> bytes:
    """Return the event as one JSON object, its type first, without `h` and newline.

    An UnknownEvent comes back as the bytes it was read from, `h` included.

    Raises:
        EventTooLarge: the line would pass MAX_LINE.
        UndecodableLine: it holds what JSON cannot carry (a lone surrogate, a foreign object).
    """
    if isinstance(event, UnknownEvent):
        return event.raw
    try:
        encoded = _encoder.encode(event)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, TypeError, ValueError) as error:
        raise UndecodableLine(f"event {type(event).__name__} cannot be written: {error}") from error
    if len(encoded) + 73 > MAX_LINE:
        raise EventTooLarge(
            f"event {tag_of(event)} takes {len(encoded) + 73} bytes; a line holds {MAX_LINE}. "  # type: ignore[arg-type]
            "Store the payload as a file and name it"
        )
    return encoded


def decode(line: bytes) -> AnyEvent:
    """Return the event on `line`; an event of a kind we do not know comes back whole, as UnknownEvent.

    Raises:
        UndecodableLine: the line is not an event.
    """
    try:
        return _known.decode(line)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError) as error:
        return _decode_unknown(line, error)


def _decode_unknown(line: bytes, first: Exception) -> UnknownEvent:
    try:
        header = _header.decode(line)
        seq = _seq.decode(bytes(header.seq))
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError):
        raise UndecodableLine(str(first)) from first
    if header.type in TAGS or not 1 <= seq < 2**53:
        raise UndecodableLine(str(first)) from first
    return UnknownEvent(
        seq=seq, at=header.at, type=header.type, raw=line, by=header.by, epoch=header.epoch
    )


def decode_known_lines(chunk: bytes) -> list[KnownEvent]:
    """Return the events of a chunk of whole lines: the fast path for folds.

    Raises:
        UndecodableLine: some line is damaged or of an unknown kind; read the chunk line by line.
    """
    try:
        return _known.decode_lines(chunk)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError) as error:
        raise UndecodableLine(str(error)) from error


def decode_lines(chunk: bytes) -> Iterator[AnyEvent]:
    """Yield the events of a chunk of whole lines, oldest first.

    Raises:
        UndecodableLine: a line is damaged; the events before it were already yielded.
    """
    try:
        events = decode_known_lines(chunk)
    except UndecodableLine:
        for line in chunk.split(b"\n"):
            if line:
                yield decode(line)
        return
    yield from events
