"""Lines through pipes: how caller, keeper and wrapper talk. One message is one line of JSON."""

import os
from typing import Final

LAST_STANDARD: Final = 2
"""Descriptors above it are not the standard streams."""
_PIECE: Final = 65536


class LineReader:
    """The reading end of a pipe, without waiting; what is left over is an unfinished line."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self.fd = fd
        self.closed = False
        """Every writing end is closed, and every whole line was returned."""
        self._rest = b""

    def read(self) -> list[bytes]:
        """Return the lines that are whole by now, without their newlines."""
        pieces = [self._rest]
        while not self.closed:
            try:
                piece = os.read(self.fd, _PIECE)
            except BlockingIOError:
                break
            self.closed = not piece
            pieces.append(piece)
        *lines, self._rest = b"".join(pieces).split(b"\n")
        return lines

    def close(self) -> None:
        """Let go of the pipe."""
        if self.fd >= 0:
            fd, self.fd = self.fd, -1
            os.close(fd)
            self.closed = True


def pipe() -> tuple[int, int]:
    """Return the ends of a pipe, to read and to write, both above the standard streams.

    Also in a program that has closed those.
    """
    first, second = os.pipe()
    if min(first, second) > LAST_STANDARD:
        return first, second
    import fcntl  # noqa: PLC0415 - hardly ever

    ends = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, LAST_STANDARD + 1) for fd in (first, second)]
    os.close(first)
    os.close(second)
    return ends[0], ends[1]


def read_line(fd: int) -> bytes | None:
    """Return the line a writer sent before it closed the pipe, waiting for it; None if it is not whole."""
    pieces: list[bytes] = []
    while piece := os.read(fd, _PIECE):
        pieces.append(piece)
        if piece.endswith(b"\n"):
            return b"".join(pieces)
    return None


def write_all(fd: int, data: bytes) -> bool:
    """Write all of `data`, waiting for room; False if nobody is left to read it."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BrokenPipeError:
            return False
    return True
