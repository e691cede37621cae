r"""Lines of a transcript: put together per stream, the last n of them, and following them live.

A line is everything up to `\n`; a carriage return does not end it. Lines of more than PIECE bytes, and
text that waits for its newline while somebody follows, come in pieces.
"""

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

from msgspec import Struct

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
        self._cut: set[Stream] = set()
        """Streams whose next line lacks its beginning, because reading began in the middle."""

    def read_available(self) -> Iterator[Line]:
        """Yield the lines that are whole by now; lines of both streams in the order they ended."""
        for chunk in self._reader.read_available():
            yield from self._lines(chunk)

    def flush(self, *, final: bool = True) -> Iterator[Line]:
        """Yield what waits for its newline; `final`: nothing follows, so it ends there."""
        for stream, rest in list(self._unfinished.items()):
            self._cut.discard(stream)  # its last line is shown, though without its beginning
            if final:
                del self._unfinished[stream]
                yield Line(stream, rest.at, bytes(rest.data), not rest.begun)
            elif rest.data:
                yield self._piece(stream, rest, len(rest.data))

    def last(self, count: int) -> Iterator[Line]:
        """Yield the last `count` lines, the unfinished ones included; reading goes on behind them."""
        place = self._place_before(count)
        self._begin(place)
        whole = sum(line.begins for line in self._kept())
        self._begin(place)
        surplus, skipping = max(0, whole - count), dict.fromkeys(("stdout", "stderr"), False)
        for line in self._kept():
            if line.begins:
                skipping[line.stream] = surplus > 0
                surplus -= 1
            if not skipping[line.stream] or line.lost:
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
        first, *others = chunk.data.split(b"\n")
        rest = self._unfinished.pop(chunk.stream, None) or _Unfinished(chunk.at, bytearray())
        rest.data += first
        for text in others:
            rest.data += b"\n"
            if chunk.stream in self._cut:
                self._cut.discard(chunk.stream)
            else:
                yield Line(chunk.stream, rest.at, bytes(rest.data), not rest.begun)
            rest = _Unfinished(chunk.at, bytearray(text))
        if not rest.data and not rest.begun:
            return
        self._unfinished[chunk.stream] = rest
        while len(rest.data) > PIECE:
            piece = self._piece(chunk.stream, rest, PIECE)
            if chunk.stream not in self._cut:
                yield piece

    def _piece(self, stream: Stream, rest: _Unfinished, length: int) -> Line:
        data = bytes(rest.data[:length])
        del rest.data[:length]
        begins, rest.begun = not rest.begun, True
        return Line(stream, rest.at, data, begins, ends=False)

    def _kept(self) -> Iterator[Line]:
        yield from self.read_available()
        yield from self.flush(final=False)

    def _begin(self, place: int) -> None:
        self._reader.seek(place)
        self._unfinished.clear()
        self._cut = {"stdout", "stderr"} if place else set()

    def _place_before(self, count: int) -> int:
        """Return a place from which at least `count` whole lines follow: one is cut off per stream."""
        newlines = 0
        for place, chunk in self._reader.before(self._reader.count()):
            newlines += chunk.data.count(b"\n")
            if newlines > count + 2:
                return place
        return 0
