r"""Lines of a transcript: put together per stream, the last n of them, and following them live.

A line is everything up to `\n`; a carriage return does not end it. Lines of more than PIECE bytes, and
text that waits for its newline while somebody follows, come in pieces.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Final

from msgspec import Struct, structs

from runlore.journal.values import Stream
from runlore.runtimes.transcript_reader import Chunk, TranscriptReader

PIECE: Final = 1 << 16


class Line(Struct, frozen=True, gc=False):
    """A line of one stream, or a piece of one, newline included; or a gap."""

    stream: Stream
    at: datetime
    """When its first byte was read."""
    data: bytes
    begins: bool = True
    """The first piece of its line."""
    ends: bool = True
    """The last piece: a newline ends it, or nothing follows."""
    lost: int = 0
    """Not text: so many bytes are missing here."""


class _Unfinished(Struct):
    """What one stream has printed since its last newline."""

    at: datetime
    data: bytearray
    begun: bool = False


class TranscriptLines:
    """Turns the chunks of a reader into lines; keeps what has no newline yet."""

    def __init__(self, reader: TranscriptReader) -> None:
        self._reader = reader
        self._unfinished: dict[Stream, _Unfinished] = {}

    def read_available(self, upto: int | None = None) -> Iterator[Line]:
        """Yield the lines that are whole by now; lines of both streams in the order they ended.

        upto: see TranscriptReader.read_available.
        """
        for chunk in self._reader.read_available(upto):
            yield from self._lines(chunk)

    def flush(self, *, final: bool = True) -> Iterator[Line]:
        """Yield what waits for its newline; `final`: nothing follows, so it ends there."""
        for stream, rest in list(self._unfinished.items()):
            if final:
                del self._unfinished[stream]
                yield Line(stream, rest.at, bytes(rest.data), not rest.begun)
            elif rest.data:
                yield self._piece(stream, rest, len(rest.data))

    def last(self, count: int, upto: int | None = None) -> Iterator[Line]:
        """Yield the last `count` lines, the unfinished ones included; reading goes on behind them.

        upto: the place before which they are counted; what there is now if not given.
        """
        upto = self._reader.count() if upto is None else upto
        starts = self._starts(count, upto)
        surplus = sum(line.begins for line in self._lines_from(starts, upto)) - count
        skipping: set[Stream] = set(self._reader.streams) if surplus > 0 else set()
        for line in self._lines_from(starts, upto):
            if line.begins:
                (skipping.add if surplus > 0 else skipping.discard)(line.stream)
                surplus -= 1
            if line.stream not in skipping:
                yield line

    def follow(
        self, has_ended: Callable[[], bool], sleep: Callable[[float], None] = time.sleep
    ) -> Iterator[Line]:
        """Yield lines as they come, and end with the run, its tail included; see TranscriptReader.follow."""
        for chunk in self._reader.follow(has_ended, sleep):
            if chunk is None:
                yield from self.flush(final=False)
            else:
                yield from self._lines(chunk)
        yield from self.flush()

    def _lines(self, chunk: Chunk) -> Iterator[Line]:
        if chunk.data:
            yield from self._append(chunk)
        if chunk.lost:
            yield Line(chunk.stream, chunk.at, b"", begins=False, lost=chunk.lost)

    def _append(self, chunk: Chunk) -> Iterator[Line]:
        *whole, text = chunk.data.split(b"\n")
        rest = self._unfinished.pop(chunk.stream, None) or _Unfinished(chunk.at, bytearray())
        for end in whole:
            yield from self._grow(chunk.stream, rest, end + b"\n")
            yield Line(chunk.stream, rest.at, bytes(rest.data), not rest.begun)
            rest = _Unfinished(chunk.at, bytearray())
        yield from self._grow(chunk.stream, rest, text)
        if rest.data or rest.begun:
            self._unfinished[chunk.stream] = rest

    def _grow(self, stream: Stream, rest: _Unfinished, text: bytes) -> Iterator[Line]:
        """Add to an unfinished line; give out what makes it too long."""
        rest.data += text
        while len(rest.data) > PIECE:
            yield self._piece(stream, rest, PIECE)

    def _piece(self, stream: Stream, rest: _Unfinished, length: int) -> Line:
        data = bytes(rest.data[:length])
        del rest.data[:length]
        begins, rest.begun = not rest.begun, True
        return Line(stream, rest.at, data, begins, ends=False)

    def _lines_from(self, starts: Mapping[Stream, tuple[int, int]], upto: int) -> Iterator[Line]:
        """Yield the lines of each stream from its own start on, what is unfinished last."""
        self._unfinished.clear()
        self._reader.seek(min(place for place, _ in starts.values()))
        for place, chunk in self._reader.numbered(upto):
            first, skip = starts[chunk.stream]
            if place > first:
                yield from self._lines(chunk)
            elif place == first:
                yield from self._lines(structs.replace(chunk, data=chunk.data[skip:]))
        yield from self.flush(final=False)

    def _starts(self, count: int, start: int) -> dict[Stream, tuple[int, int]]:
        """Return, for each stream, the (place, byte) of a line start before its part of the last lines."""
        newlines = 0
        for place, chunk in self._reader.backwards(start):
            start, newlines = place, newlines + chunk.data.count(b"\n")
            if newlines >= count:
                break
        return {stream: self._line_start(stream, start) for stream in self._reader.streams}

    def _line_start(self, stream: Stream, before: int) -> tuple[int, int]:
        for place, chunk in self._reader.backwards(before, stream):
            newline = chunk.data.rfind(b"\n")
            if newline >= 0:
                return place, newline + 1
        return 0, 0


def lines_of(
    reader: TranscriptReader, last: int | None, has_ended: Callable[[], bool] | None
) -> Iterator[Line]:
    """Yield the lines that `Run.logs` does; has_ended: asked again and again while lines are awaited."""
    with reader:
        lines = TranscriptLines(reader)
        if last is not None:
            yield from lines.last(last)
        if has_ended is not None:
            yield from lines.follow(has_ended)
        elif last is None:
            yield from lines.read_available()
            yield from lines.flush(final=False)
