"""Where the bytes of a run's history are, and how to read them as one: packed parts, then the journal.

A journal that begins with `run.queued` is the whole history, whatever the packs hold. One that begins with
`journal.continued` follows the packed parts up to the offset it names. Without a journal the packed parts
are all there is. Whoever packs has the pack complete and synced before the journal goes, so looking in
`journals/` first and in `packs/` afterwards misses nothing.
"""

import os
from typing import Final, Self

from msgspec import Struct

from runlore.journal import codec, packs
from runlore.journal.disk import Disk
from runlore.journal.errors import UndecodableLine
from runlore.journal.events import JournalContinued
from runlore.journal.layout import Layout
from runlore.journal.pack_index import OPENINGS
from runlore.journal.packs import Copy, Packs
from runlore.journal.tailing import Source
from runlore.journal.values import RunId

_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK
_WHOLE, _CONTINUED = OPENINGS
_TO_THE_END: Final = 1 << 62


class _Segment(Struct, gc=False):
    """Bytes of one file that are part of the history."""

    fd: int
    path: str
    at: int
    """Where they begin in the file."""
    start: int
    """Where they begin in the history."""
    length: int
    """_TO_THE_END: as far as the file goes, which may grow."""


class Stamp(Struct, frozen=True, gc=False):
    """What tells whether a history may have changed: in which file it ends, and where."""

    device: int
    inode: int
    size: int
    """Of the history, packed parts included."""


class History:
    """The bytes of one run, in order, as one source; it follows a journal that grows. Close it.

    Without links, open it again: the journal was replaced or packed, or a pack was rewritten.
    """

    def __init__(self, disk: Disk, layout: Layout | None, run_id: RunId | str = "") -> None:
        self._disk, self._layout, self._run_id = disk, layout, RunId(run_id)
        self._segments: list[_Segment] = []
        self._names: list[packs.PackName] | None = None
        """Packs of the run's day when this was opened, if no journal lies behind the packed parts."""

    def pread(self, length: int, offset: int) -> bytes:
        """Read at a place of the history; short only at its end."""
        segments = self._segments
        if len(segments) == 1 and not segments[0].at and segments[0].length == _TO_THE_END:
            return self._disk.pread(segments[0].fd, length, offset)
        found: list[bytes] = []
        for segment in segments:
            skip = offset - segment.start
            wanted = min(length, segment.length - skip)
            if wanted <= 0:
                continue
            piece = self._disk.pread(segment.fd, wanted, segment.at + skip)
            found.append(piece)
            offset, length = offset + len(piece), length - len(piece)
            if len(piece) < wanted:
                break
        return b"".join(found)

    def size_and_links(self) -> tuple[int, int]:
        """Return the size by now, and the links of whichever file has the fewest."""
        size, links = 0, 1
        for segment in self._segments:
            size, found = self._disk.size_and_links(segment.fd)
            size = segment.start + min(segment.length, max(0, size - segment.at))
            links = min(links, found)
        return size, links

    def stamp(self) -> Stamp:
        """Return what tells whether there is anything new."""
        last = self._segments[-1]
        found = self._disk.stat(last.fd)
        size = last.start + min(last.length, max(0, found.size - last.at))
        return Stamp(found.device, found.inode, size)

    def files(self) -> str:
        """Return what tells the files that the history lies in from any others, whatever they hold."""
        return ",".join(self._file(segment) for segment in self._segments)

    def _file(self, segment: _Segment) -> str:
        found = self._disk.stat(segment.fd)
        length = "" if segment.length == _TO_THE_END else f"{segment.length}"
        return f"{found.device}:{found.inode}:{segment.at}:{length}"

    def begins_whole(self) -> bool:
        """Say whether the journal's first line is whole, so that what stands in front of it is settled."""
        last = self._segments[-1]
        return last.length == _TO_THE_END and continued_at(OpenFile(self._disk, last.fd)) is not None

    def goes_on(self) -> bool:
        """Say whether a history that was all in packs may go on behind them by now."""
        if self._names is None or self._layout is None:
            return False
        try:
            self._disk.stat_path(self._layout.journal(self._run_id))
        except FileNotFoundError:
            return packs.pack_names(self._disk, self._layout, packs.day_of(self._run_id)) != self._names
        return True

    def is_locked(self) -> bool:
        """Say whether somebody holds the append lock."""
        return any(each.length == _TO_THE_END and self._disk.is_locked(each.fd) for each in self._segments)

    def place(self, offset: int) -> tuple[str, int]:
        """Return in which file a byte of the history lies, and where in it."""
        behind = [segment for segment in self._segments if offset < segment.start + segment.length]
        segment = behind[0] if behind else self._segments[-1]
        return segment.path, segment.at + offset - segment.start

    @property
    def packed(self) -> int:
        """How many bytes of it lie in packs."""
        return sum(each.length for each in self._segments if each.length != _TO_THE_END)

    def close(self) -> None:
        """Let go of the files."""
        for segment in self._segments:
            if segment.fd >= 0:
                self._disk.close(segment.fd)
                segment.fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- open

    def open(self, known: Packs | None = None) -> None:
        """Find the files of a run and open them: see `open_history`."""
        assert self._layout is not None  # noqa: S101 - only a file by itself has none
        try:
            try:
                fd = self._disk.open(self._layout.journal(self._run_id), _FLAGS)
            except FileNotFoundError:
                self._open_packed(self._layout, known)
                if not self._segments:
                    raise
                return
            self._open_behind_packs(self._layout, fd)
        except BaseException:
            self.close()
            raise

    def extend(self, fd: int, path: str, at: int = 0, length: int = _TO_THE_END) -> None:
        """Let a part of a file follow what is there; the descriptor is closed with the history."""
        last = self._segments[-1] if self._segments else None
        start = last.start + last.length if last else 0
        self._segments.append(_Segment(fd, path, at, start, length))

    def _open_packed(self, layout: Layout, known: Packs | None) -> None:
        found, day = known or Packs.of(self._disk, layout, self._run_id), packs.day_of(self._run_id)
        self._names = [name for name in found.names if name.day == day]
        self.add_copies(packs.chained(found.copies(self._run_id)))

    def _open_behind_packs(self, layout: Layout, fd: int) -> None:
        """Add the journal, behind the packed parts that it continues.

        A file without a whole first line continues whatever is packed: nobody was told of anything in it.
        """
        try:
            begins = continued_at(OpenFile(self._disk, fd))
            if begins != 0:
                copies = Packs.of(self._disk, layout, self._run_id).copies(self._run_id)
                self.add_copies(packs.chained(copies, begins))
        except BaseException:
            self._disk.close(fd)
            raise
        self.extend(fd, layout.journal(self._run_id))

    def add_copies(self, copies: list[Copy]) -> None:
        """Let parts of packs follow what is there."""
        for copy in copies:
            self.extend(self._disk.open(copy.path, _FLAGS), copy.path, copy.part.at, copy.part.length)


class OpenFile(Struct, gc=False):
    """An open file, as a source."""

    disk: Disk
    fd: int

    def pread(self, length: int, offset: int) -> bytes:
        """Read at a place."""
        return self.disk.pread(self.fd, length, offset)


def open_history(disk: Disk, layout: Layout, run_id: RunId, known: Packs | None = None) -> History:
    """Return the history of a run, as it lies there now.

    known: packs that were listed after the journals were, when this run had none there.

    Raises:
        FileNotFoundError: there is no such run. OSError: the disk refused.
    """
    history = History(disk, layout, run_id)
    history.open(known)
    return history


def open_file(disk: Disk, path: str) -> History:
    """Return what one journal file holds, as a history of its own."""
    history = History(disk, None)
    history.extend(disk.open(path, _FLAGS), path)
    return history


def exists(disk: Disk, layout: Layout, run_id: RunId) -> bool:
    """Say whether there is anything of a run's history, in a journal or a pack; what hides may be there."""
    try:
        disk.stat_path(layout.journal(run_id))
    except FileNotFoundError:
        try:
            return bool(Packs.of(disk, layout, run_id).copies(run_id))
        except OSError:
            return True
    except OSError:
        return True
    return True


def continued_at(source: Source) -> int | None:
    """Return where in the history a file begins: 0, or what its `journal.continued` says; None if neither."""
    first = source.pread(len(_CONTINUED), 0)
    if first.startswith(_WHOLE):
        return 0
    if first != _CONTINUED:
        return None
    line, newline, _ = source.pread(codec.MAX_LINE, 0).partition(b"\n")
    try:
        event = codec.decode(line) if newline else None
    except UndecodableLine:
        return None
    return event.offset if isinstance(event, JournalContinued) else None
