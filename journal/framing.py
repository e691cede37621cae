r"""Bytes and lines: split appended bytes into whole lines; what is left over is a torn tail.

Lines are split at `\n` alone. (`str.splitlines` also splits at U+2028, which JSON leaves unescaped.)
Pure.
"""

from collections.abc import Iterator
from io import BytesIO

from runlore.journal.values import Offset


class LineFramer:
    """Split appended bytes into whole lines; an unterminated last line means "not yet"."""

    def __init__(self, start: Offset = Offset(0)) -> None:
        self._buffer = bytearray()
        self.offset = start
        """Bytes consumed as whole lines, newlines included."""

    def feed(self, data: bytes) -> Iterator[tuple[Offset, bytes]]:
        """Yield (offset, line without newline) for each line that `data` completes."""
        self._buffer += data
        begin = 0
        try:
            while (end := self._buffer.find(b"\n", begin)) >= 0:
                line, start = bytes(self._buffer[begin:end]), self.offset
                self.offset = Offset(start + end + 1 - begin)
                begin = end + 1
                yield start, line
        finally:
            del self._buffer[:begin]

    @property
    def torn(self) -> int:
        """Bytes after the last newline."""
        return len(self._buffer)


def split_lines(chunk: bytes) -> list[bytes]:
    """Return the lines of a chunk of whole lines, each with its newline.

    A file in memory finds them four times as fast as `bytes.split` does.
    """
    return BytesIO(chunk).readlines()


def whole_lines(chunk: bytes) -> int:
    """Return how many bytes of `chunk` are whole lines."""
    return chunk.rfind(b"\n") + 1
