"""The records of `transcript.index`: which bytes of the transcript came when, and from which stream.

32 bytes each, little endian; 32 divides every page and sector, so a record is there whole or not at all
after a kill. Pure. Format: docs/reference/transcript-format.md
"""

import struct
from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from zlib import crc32

from msgspec import Struct, structs

from runlore.journal.values import Stream

RECORD: Final = 32
MAX_LENGTH: Final = 2**32 - 1

Kind = Literal["data", "gap", "cut"]

_BODY: Final = struct.Struct("<QQQIBB")
_WHOLE: Final = struct.Struct("<QQQIBBH")
STREAMS: Final[tuple[Stream, ...]] = ("stdout", "stderr")
"""Numbered from 1 in a record, at the byte below."""
STREAM_AT: Final = 28
_KINDS: Final[tuple[Kind, ...]] = ("data", "gap", "cut")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class IndexRecord(Struct, frozen=True, gc=False):
    """One chunk of one stream, a gap in it, or what of it was given up again."""

    chunk: int
    """1, 2, 3 … in the order of the index; also the record's place in it."""
    offset: int
    """Bytes of the transcript before this chunk."""
    at_us: int
    """Microseconds since 1970, UTC, when the chunk was read; never less than in the record before."""
    length: int
    """Bytes stored; for a gap, bytes that could not be; for a cut, bytes that are not there any more."""
    stream: Stream
    kind: Kind = "data"

    @property
    def end(self) -> int:
        """Offset of the next chunk."""
        return self.offset + (0 if self.kind == "gap" else self.length)

    @property
    def at(self) -> datetime:
        """When the chunk was read."""
        return _EPOCH + timedelta(microseconds=self.at_us)

    def part(self, begin: int, end: int) -> "IndexRecord":
        """Return the record of some of its bytes only."""
        return structs.replace(self, offset=self.offset + begin, length=end - begin)

    def of(self, stream: Stream) -> "IndexRecord":
        """Return the same of another stream."""
        return structs.replace(self, stream=stream)


def microseconds(at: datetime) -> int:
    """Return a time as the index counts it."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def encode(record: IndexRecord) -> bytes:
    """Return the 32 bytes; the last two are the low half of the CRC-32 of those before."""
    body = _BODY.pack(
        record.chunk,
        record.offset,
        record.at_us,
        record.length,
        STREAMS.index(record.stream) + 1,
        _KINDS.index(record.kind) + 1,
    )
    return body + (crc32(body) & 0xFFFF).to_bytes(2, "little")


def decode(data: bytes) -> IndexRecord | None:
    """Return the record, or None if these bytes are not one."""
    if len(data) != RECORD:
        return None
    fields: tuple[int, ...] = _WHOLE.unpack(data)
    chunk, offset, at_us, length, stream, kind, check = fields
    if check != crc32(data[: _BODY.size]) & 0xFFFF:
        return None
    if not (1 <= stream <= len(STREAMS) and 1 <= kind <= len(_KINDS)):
        return None
    return IndexRecord(chunk, offset, at_us, length, STREAMS[stream - 1], _KINDS[kind - 1])
