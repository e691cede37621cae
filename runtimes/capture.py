"""Move what the command prints from its FIFOs into the transcript, so that a kill loses no byte of it.

Every byte is in the FIFO, in a memfd that the wrapper holds too, or committed. The order is: chunk
number and place into the memfd's header, splice FIFO → memfd, redact, store, commit, empty the memfd.
Whoever finds the memfd later compares its chunk number with the index: committed is done with,
anything else is stored once more. Format: docs/reference/transcript-format.md
"""

import fcntl
import os
import struct
from collections.abc import Callable, Mapping
from typing import Final

from runlore.journal.values import Stream
from runlore.runtimes.transcript import Transcript

HEADER: Final = 4096
"""Bytes of the memfd before the data: one page, so that data is copied in whole pages."""
CHUNK: Final = 1 << 20
"""Most bytes in one chunk; also the size to which a busy FIFO grows, where the kernel allows it."""
_PLACE: Final = struct.Struct("<QQQQ")
"""Chunk number, start of what is not stored yet, bytes dropped so far, 1 if nothing follows."""
_USUAL_PIPE: Final = 65536

Redactor = Callable[[bytes, bool], tuple[bytes, int]]
"""Takes (raw bytes, nothing follows them) and returns (clean bytes, how many raw ones they stand for).

What it does not take stays in the memfd and comes again with what follows. The answer must depend on
its arguments alone: after a kill the same bytes are given to it again.
"""


def keep_all(raw: bytes, _final: bool) -> tuple[bytes, int]:  # noqa: FBT001 - the shape of a Redactor
    """Return everything as it is: the redactor of a run without secrets."""
    return raw, len(raw)


def new_memfd(stream: Stream) -> int:
    """Return an empty hand-over memory for one stream; the wrapper inherits it, the command never."""
    fd = os.memfd_create(f"runlore-{stream}", os.MFD_CLOEXEC)
    os.ftruncate(fd, HEADER)
    return fd


class StreamCapture:
    """One stream of one run: its FIFO, its memfd, and the transcript they go to."""

    def __init__(
        self,
        transcript: Transcript,
        stream: Stream,
        fifo: int,
        memfd: int,
        redact: Redactor | None = keep_all,
    ) -> None:
        self._transcript, self._redact = transcript, redact
        self.stream: Final[Stream] = stream
        self.fifo, self._memfd = fifo, memfd
        self._start = self._end = HEADER
        self._grown = False
        self.ended = False
        """Nobody holds the writing end any more, and everything is stored."""

    def recover(self) -> None:
        """Finish what a killed keeper had begun with the bytes in the memfd."""
        chunk, start, dropped, final = _PLACE.unpack(os.pread(self._memfd, _PLACE.size, 0))
        self._end = os.fstat(self._memfd).st_size
        self._start = min(max(start, HEADER), self._end)
        self._transcript.dropped[self.stream] = max(self._transcript.dropped[self.stream], dropped)
        if self._redact is None:
            self._release(final=False)
        elif chunk <= self._transcript.committed:
            self._start += self._redact(self._raw(), bool(final))[1]
            self._empty()
        else:
            self._release(final=bool(final))

    def take(self) -> int:
        """Move one chunk from the FIFO to the transcript; return its bytes, 0 if there is nothing now."""
        self._note_place()
        try:
            moved = os.splice(self.fifo, self._memfd, CHUNK, None, self._end, os.SPLICE_F_NONBLOCK)
        except BlockingIOError:
            return 0
        except OSError:
            return self._take_and_drop()
        if not moved:
            self._release(final=True)
            self.ended = True
            return 0
        self._end += moved
        self._release(final=False)
        if moved >= _USUAL_PIPE and not self._grown:
            self._grow()
        return moved

    def finish(self) -> None:
        """Store what the redactor held back: nothing will follow."""
        if not self.ended:
            self._release(final=True)

    def close(self) -> None:
        """Let go of the FIFO and the memory."""
        if self.fifo >= 0:
            os.close(self.fifo)
            os.close(self._memfd)
            self.fifo = -1

    def _note_place(self, *, final: bool = False) -> None:
        dropped = self._transcript.dropped[self.stream]
        os.pwrite(self._memfd, _PLACE.pack(self._transcript.next_chunk, self._start, dropped, final), 0)

    def _raw(self) -> bytes:
        return os.pread(self._memfd, self._end - self._start, self._start)

    def _release(self, *, final: bool) -> None:
        """Store what the redactor lets go, then forget it here."""
        raw = self._raw()
        if not raw:
            return
        if self._redact is None:
            self._give_up(len(raw))
            return
        if final:
            self._note_place(final=True)
        clean, used = self._redact(raw, final)
        before = self._transcript.dropped[self.stream]
        if used:
            self._transcript.store(self.stream, clean)
        self._start += used
        if self._start < self._end or self._transcript.dropped[self.stream] != before:
            self._note_place()
        self._empty()

    def _give_up(self, length: int) -> None:
        """Count what may not be stored; a gap record tells of it at once, for it is not told again."""
        self._transcript.drop(self.stream, length)
        self._transcript.note_gaps()
        self._start = self._end
        self._empty()

    def _empty(self) -> None:
        """Give back the memory of what is stored; a rest that was held back moves to the front."""
        rest = self._end - self._start
        if rest and self._start - HEADER < max(rest, CHUNK):
            return
        if rest:  # into memory that is done with, and only then named by the header
            os.pwrite(self._memfd, self._raw(), HEADER)
        self._start, self._end = HEADER, HEADER + rest
        if rest:
            self._note_place()
        os.ftruncate(self._memfd, self._end)

    def _take_and_drop(self) -> int:
        """Read a chunk that no memory could be had for, and count it: the command must not wait."""
        try:
            lost = os.read(self.fifo, _USUAL_PIPE)
        except BlockingIOError:
            return 0
        self._transcript.drop(self.stream, len(lost))
        return len(lost)

    def _grow(self) -> None:
        """Enlarge the FIFO of a busy command; quiet ones must not use up the user's pipe memory (pipe(7))."""
        self._grown = True
        bytearray(2 * CHUNK)  # so that malloc keeps room for chunks: mallopt(3), M_MMAP_THRESHOLD
        try:
            fcntl.fcntl(self.fifo, fcntl.F_SETPIPE_SZ, CHUNK)
        except OSError:
            return


def open_captures(
    transcript: Transcript,
    fifos: Mapping[Stream, int],
    memfds: Mapping[Stream, int],
    redact: Redactor | None,
) -> list[StreamCapture]:
    """Return the capture of each stream, after finishing what a killed keeper left in the memory.

    redact: None where nothing may be stored, because nobody knows any more what is secret in it.
    """
    captures = [StreamCapture(transcript, stream, fifos[stream], memfds[stream], redact) for stream in fifos]
    for capture in captures:
        capture.recover()
    return captures
