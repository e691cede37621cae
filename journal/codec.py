"""Lines and events: encode one, decode one, decode many. The only place that knows the JSON library.

msgspec reports bad input through three families of errors; all of them come back as UndecodableLine
(bad UTF-8 raises UnicodeDecodeError, deep nesting RecursionError). Nothing is classified by the text
of an error. Where msgspec is more lenient than the format, this module is not: it skips the values
of unknown fields without looking at their UTF-8, and reads several objects from one line. Pure.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Annotated, Final, cast

import msgspec

from runlore.journal import chain
from runlore.journal.errors import EventTooLarge, UndecodableLine
from runlore.journal.events import (
    TAGS,
    AnyEvent,
    Event,
    KnownEvent,
    RunQueued,
    RunResultSet,
    UnknownEvent,
    tag_of,
)
from runlore.journal.framing import split_lines
from runlore.journal.values import MAX_INT, Actor, Count, UtcTime

MAX_LINE: Final = 256 * 1024
"""Bytes of a line, `h` and newline included."""
MAX_DEPTH: Final = 64
"""Objects and arrays within each other that a writer may put on a line, the event itself included."""

_FREE_FORM: Final = frozenset({RunQueued, RunResultSet})
"""Events that carry a document of the caller's own shape."""

_encoder: Final = msgspec.json.Encoder()
_known: Final[msgspec.json.Decoder[KnownEvent]] = msgspec.json.Decoder(KnownEvent)


class _Header(msgspec.Struct, frozen=True, gc=False):
    """The fields every event of every release has."""

    type: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)+\Z", max_length=64)]
    seq: Annotated[int, msgspec.Meta(ge=1, le=MAX_INT)]
    at: UtcTime
    by: Actor | None = None
    epoch: Count = 0


_header: Final[msgspec.json.Decoder[_Header]] = msgspec.json.Decoder(_Header)


@lru_cache(maxsize=64)
def _only(tag: str) -> msgspec.json.Decoder[msgspec.Struct]:
    """Return a decoder that refuses an object in which any `type` is not `tag`."""
    return msgspec.json.Decoder(msgspec.defstruct("_Only", [], tag_field="type", tag=tag))


def encode(event: Event | UnknownEvent) -> bytes:
    """Return the event as one JSON object, its type first, without `h` and newline.

    An UnknownEvent comes back as the bytes it was read from, `h` included.

    Raises:
        EventTooLarge: the line would pass MAX_LINE or MAX_DEPTH.
        UndecodableLine: it holds what JSON cannot carry (a lone surrogate, a foreign object).
    """
    if isinstance(event, UnknownEvent):
        return event.raw
    try:
        encoded = _encoder.encode(event)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, TypeError, ValueError) as error:
        raise UndecodableLine(f"event {type(event).__name__} cannot be written: {error}") from error
    if len(encoded) + chain.TRAILER_LENGTH > MAX_LINE:
        raise EventTooLarge(
            f"event {tag_of(event)} takes {len(encoded) + chain.TRAILER_LENGTH} bytes; "  # type: ignore[arg-type]
            f"a line holds {MAX_LINE}. Store the payload as a file and name it"
        )
    if type(event) in _FREE_FORM:
        _refuse_depth(event)
    return encoded


def _refuse_depth(event: Event) -> None:
    if isinstance(event, RunQueued | RunResultSet):
        free = event.metadata if isinstance(event, RunQueued) else event.result
        if _is_deeper(free, MAX_DEPTH - 1):
            raise EventTooLarge(
                f"event {tag_of(event)} nests its JSON too deep; a line holds {MAX_DEPTH} levels, "
                "the event included. Store the payload as a file and name it"
            )


def _is_deeper(value: object, levels: int) -> bool:
    """Say whether objects and arrays stand within each other more than `levels` times."""
    inside = [value]
    for _ in range(levels + 1):
        inside = [child for outer in inside for child in _children(outer)]
        if not inside:
            return False
    return True


def _children(value: object) -> Iterable[object]:
    """Return what an object or array holds; an empty one still counts as a level, by holding None."""
    held: Iterable[object] = ()
    if isinstance(value, dict):
        held = cast("dict[object, object]", value).values() or (None,)
    elif isinstance(value, list | tuple):
        held = cast("Sequence[object]", value) or (None,)
    return held


def decode(line: bytes) -> AnyEvent:
    """Return the event on `line`; an event of a kind we do not know comes back whole, as UnknownEvent.

    Raises:
        UndecodableLine: the line is not an event.
    """
    event: AnyEvent
    try:
        event = _known.decode(line)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError) as error:
        event = _decode_unknown(line, error)
    if not line.isascii():
        _require_utf8(line)
    return event


def _decode_unknown(line: bytes, first: Exception) -> UnknownEvent:
    try:
        header = _header.decode(line)
        _only(header.type).decode(line)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError):
        raise UndecodableLine(str(first)) from first
    if header.type in TAGS:
        raise UndecodableLine(str(first)) from first
    return UnknownEvent(
        seq=header.seq, at=header.at, type=header.type, raw=line, by=header.by, epoch=header.epoch
    )


def _require_utf8(data: bytes) -> None:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise UndecodableLine(str(error)) from error


def decode_known_lines(chunk: bytes) -> list[KnownEvent]:
    """Return the events of a chunk of whole lines: the fast path for folds.

    Lines are not told apart: a blank line gives no event, and two objects on one line give two.

    Raises:
        UndecodableLine: some line is damaged or of an unknown kind; read the chunk line by line.
    """
    try:
        events = _known.decode_lines(chunk)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError) as error:
        raise UndecodableLine(str(error)) from error
    if not chunk.isascii():
        _require_utf8(chunk)
    return events


def decode_whole_lines(chunk: bytes, *, after: int) -> tuple[list[KnownEvent], bytes] | None:
    """Return (the events of a chunk of whole lines, one on each and `seq` after `seq`; its last line).

    after: the `seq` before the first one; 0 if any may stand there. None: there is something unusual about
    the chunk, damage perhaps; read it line by line.
    """
    try:
        events = decode_known_lines(chunk)
    except UndecodableLine:
        return None
    lines = split_lines(chunk)
    if not is_one_a_line(lines, len(events)):
        return None
    first = after + 1 if after else events[0].seq
    if [event.seq for event in events] != list(range(first, first + len(events))):
        return None
    return events, lines[-1]


def is_one_a_line(lines: list[bytes], events: int) -> bool:
    """Say whether so many objects, decoded from these lines, stand one on each.

    There are as many, and every line begins with `{"`; a line that ends in `}` then ends an object,
    because within one a comma would have to stand before the next. A stranger's way to write JSON may
    be told no: it is looked at line by line then.
    """
    return len(lines) == events > 0 and min(lines) >= b'{"' and max(lines) < b"{#"


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
