"""Lines out of the pieces in which they come."""

from collections.abc import Iterator
from typing import Final

LONGEST: Final = 1 << 20
"""Bytes of a line; what is longer is thrown away up to its newline, and refused."""


class Lines:
    """Lines out of pieces; never holds more than one line of the longest kind."""

    def __init__(self) -> None:
        self._rest = b""
        self._skipping = False

    def feed(self, piece: bytes) -> Iterator[bytes | None]:
        """Yield the lines that are whole by now; None for one that was too long."""
        *whole, rest = (self._rest + piece).split(b"\n")
        for line in whole:
            too_long, self._skipping = self._skipping or len(line) > LONGEST, False
            yield None if too_long else line
        self._skipping = self._skipping or len(rest) > LONGEST
        self._rest = b"" if self._skipping else rest

    def finish(self) -> Iterator[bytes | None]:
        """Yield what stands behind the last newline."""
        if self._rest or self._skipping:
            yield from self.feed(b"\n")
