"""Bytes that come in pieces, as lines with their numbers; a line of any length takes a bounded memory.

Pure. Empty lines are counted and left out; a byte order mark before the first line, and a carriage return
at the end of one, are not part of it.
"""

from collections.abc import Iterator
from typing import Final

_MARK: Final = b"\xef\xbb\xbf"


class NumberedLines:
    """Splits what is fed to it; `most` bytes may one line have."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._rest = bytearray()
        self._overflows = False
        self._number = 0

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes | None]]:
        """Yield the lines that are whole by now, numbered from 1, without their ends; None if too long."""
        *whole, rest = data.split(b"\n")
        for line in whole:
            self._keep(line)
            yield from self._ended()
        self._keep(rest)

    def end(self) -> Iterator[tuple[int, bytes | None]]:
        """Yield what came behind the last newline, if anything did."""
        if self._rest or self._overflows:
            yield from self._ended()

    def _keep(self, piece: bytes) -> None:
        """Add to the line that has begun, as far as it may go on."""
        self._overflows = self._overflows or len(self._rest) + len(piece) > self._most
        if self._overflows:
            self._rest.clear()
        else:
            self._rest += piece

    def _ended(self) -> Iterator[tuple[int, bytes | None]]:
        line, too_long = bytes(self._rest), self._overflows
        self._rest.clear()
        self._overflows = False
        self._number += 1
        if too_long:
            yield self._number, None
            return
        line = (line.removeprefix(_MARK) if self._number == 1 else line).removesuffix(b"\r")
        if line.strip():
            yield self._number, line
