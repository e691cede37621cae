"""Make the rows of an index in several processes: each folds its share of the journals and sends rows back.

A share goes into a pipe piece by piece, and the pieces of all shares are taken in turn, so the rows come
in the order in which one process makes them. A child ends with this process, because nobody reads its
pipe then; what a child that ended early has not sent, this process makes itself.
"""

import os
import signal
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final, NoReturn

import msgspec

from runlore.journal.disk import Disk
from runlore.journal.layout import Layout
from runlore.journal.values import RunId
from runlore.projections.index import version
from runlore.projections.index.entry import Entry
from runlore.projections.index.packed import PackedRuns
from runlore.projections.index.rows import PIECE, Passing, Rows, entries, piece

WORTH: Final = 2000
"""Journals that are worth a process of their own, unless so many are asked for."""
MOST: Final = 64
_LENGTH: Final = 4
"""Bytes in front of a piece that say how long it is."""


class Jobs:
    """Makes rows in so many processes; 0: as many as there are processors, and enough journals for.

    Only for a process without threads: it forks.
    """

    def __init__(self, wanted: int = 0) -> None:
        self._wanted = wanted

    def __call__(
        self, disk: Disk, layout: Layout, run_ids: Sequence[RunId], passing: Passing
    ) -> Iterator[Entry]:
        """Return the rows of these journals; see `rows.entries`."""
        wanted = self._wanted or min(len(os.sched_getaffinity(0)), len(run_ids) // WORTH)
        count = min(wanted, MOST, -(-len(run_ids) // PIECE))
        if count < 2:  # noqa: PLR2004 - one process is this one
            return entries(disk, layout, run_ids, passing)
        return _Gathering(disk, layout, run_ids, count).rows(passing)


class _Gathering:
    """The children, and what they send."""

    def __init__(self, disk: Disk, layout: Layout, run_ids: Sequence[RunId], count: int) -> None:
        self._disk, self._layout, self._run_ids, self._count = disk, layout, run_ids, count
        self._packed = PackedRuns(disk, layout)
        self._pids: list[int] = []
        self._pipes: list[BinaryIO | None] = []

    def _begin(self, number: int) -> None:
        """Fork a child for every `count`-th piece; where there may be no more of them, there is none."""
        ours, theirs = os.pipe2(os.O_CLOEXEC)
        try:
            pid = os.fork()
        except OSError:
            os.close(ours)
            os.close(theirs)
            self._pipes.append(None)
            return
        if not pid:
            self._send_and_end(number, theirs, [ours, *(pipe.fileno() for pipe in self._pipes if pipe)])
        os.close(theirs)
        self._pids.append(pid)
        self._pipes.append(os.fdopen(ours, "rb"))

    def rows(self, passing: Passing) -> Iterator[Entry]:
        """Yield the rows in the order of the journals; the children begin and end with that."""
        decoder, rows = msgspec.msgpack.Decoder(Rows), Rows()
        try:
            for number in range(self._count):
                self._begin(number)
            for at, _ in enumerate(passing(self._run_ids)):
                if not at % PIECE:
                    sent = self._sent(at // PIECE % self._count)
                    rows = self._made(at) if sent is None else decoder.decode(sent)
                row = rows[at % PIECE]
                if row is not None:
                    yield row
        finally:
            self._close()

    def _made(self, at: int) -> Rows:
        """Return the rows of the piece that begins there."""
        run_ids = self._run_ids[at : at + PIECE]
        return piece(self._disk, self._layout, run_ids, self._packed, most=version.LONG)

    def _sent(self, number: int) -> bytes | None:
        """Return the next piece that a child sent; None once it has ended, and ever after."""
        if (pipe := self._pipes[number]) is None:
            return None
        length = int.from_bytes(pipe.read(_LENGTH), "big")
        sent = pipe.read(length)
        if length and len(sent) == length:
            return sent
        self._pipes[number] = None
        pipe.close()
        return None

    def _close(self) -> None:
        for pipe in self._pipes:
            if pipe is not None:
                pipe.close()
        for pid in self._pids:
            os.waitpid(pid, 0)

    def _send_and_end(self, number: int, fd: int, others: list[int]) -> NoReturn:
        """Be the child: Ctrl-C is for whoever forked it, and what it cannot fold is folded again there."""
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            for each in others:
                os.close(each)
            encode = msgspec.msgpack.encode
            with os.fdopen(fd, "wb") as pipe:
                for at in range(number * PIECE, len(self._run_ids), self._count * PIECE):
                    sent = encode(self._made(at))
                    pipe.write(len(sent).to_bytes(_LENGTH, "big") + sent)
        finally:
            os._exit(0)
