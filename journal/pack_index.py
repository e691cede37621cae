"""What lies where in a pack: found in its bytes, or read from the `.idx` beside it, which says the same.

A pack is cut at the lines that begin a run's part: their first bytes are `OPENINGS`, and no other line's
are. An index is text, one line of fixed width per part, sorted by run; it names the size of the pack it
was made from and carries a checksum, and is made anew where either is wrong. Pure.
"""

from bisect import bisect_left
from collections.abc import Iterator
from typing import Final, Self
from zlib import crc32

from msgspec import Struct

from runlore.journal import codec, ids
from runlore.journal.errors import UndecodableLine
from runlore.journal.events import JournalContinued, RunQueued
from runlore.journal.framing import whole_lines
from runlore.journal.values import RunId

OPENINGS: Final = (b'{"type":"run.queued"', b'{"type":"journal.continued"')
"""How the first line of each part of a pack begins."""
_MAGIC: Final = b"runlore-pack-index 1"
_WIDTH: Final = ids.LENGTH + 3 * 17 + 1
"""Of a line with its newline: the run id and three numbers of sixteen digits."""
_HEADER: Final = len(_MAGIC) + 17 + 9 + 1


class PackedPart(Struct, frozen=True, order=True, gc=False):
    """Where some of a run's history lies in a pack."""

    run_id: RunId
    at: int
    """First byte in the pack."""
    length: int
    start: int
    """Logical offset of that byte in the run's history: 0, unless the part is a continuation."""

    @property
    def end(self) -> int:
        """Logical offset behind the part."""
        return self.start + self.length


class PartFinder:
    """Finds the parts of a pack in its bytes, fed in order and in any pieces."""

    def __init__(self) -> None:
        self._rest = b""
        self._offset = 0
        """Of the first byte of `rest` in the pack."""
        self._opened: tuple[RunId, int, int] | None = None
        self._parts: list[PackedPart] = []
        self.lost: list[tuple[int, int]] = []
        """Bytes that belong to no run, because the line that names it is damaged: (first, behind)."""
        self._lost_at = 0

    def feed(self, piece: bytes) -> None:
        """Look at the next bytes."""
        chunk = self._rest + piece if self._rest else piece
        end = whole_lines(chunk)
        for at in _openings(chunk[:end]):
            self._open(chunk, at)
        self._rest = chunk[end:]
        self._offset += end

    def finish(self) -> list[PackedPart]:
        """Return the parts, given that the pack ends here, by run and place."""
        self._close(self._offset + len(self._rest))
        return sorted(self._parts)

    def _open(self, chunk: bytes, at: int) -> None:
        self._close(self._offset + at)
        self._lost_at = self._offset + at
        try:
            event = codec.decode(chunk[at : chunk.index(b"\n", at)])
        except UndecodableLine:
            return
        if isinstance(event, RunQueued | JournalContinued) and ids.is_run_id(event.run_id):
            start = event.offset if isinstance(event, JournalContinued) else 0
            self._opened = RunId(event.run_id), self._offset + at, start

    def _close(self, end: int) -> None:
        if self._opened is not None:
            run_id, at, start = self._opened
            self._parts.append(PackedPart(run_id, at, end - at, start))
        elif end > self._lost_at:
            self.lost.append((self._lost_at, end))
        self._opened = None


class PackIndex:
    """The parts of one pack, by run."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._behind = 0
        """Behind what was found last: runs are mostly asked for in order."""

    @classmethod
    def of(cls, parts: list[PackedPart]) -> Self:
        """Return the index of these parts, which are sorted."""
        return cls(b"".join(b"%b %016d %016d %016d\n" % (p.run_id.encode(), *_numbers(p)) for p in parts))

    @classmethod
    def decode(cls, data: bytes, size: int) -> Self | None:
        """Return the index that an `.idx` file holds; None if it is not one of a pack of `size` bytes."""
        body = data[_HEADER:]
        return cls(body) if data[:_HEADER] == _header(body, size) and len(body) % _WIDTH == 0 else None

    def encode(self, size: int) -> bytes:
        """Return what the `.idx` file of a pack of `size` bytes holds."""
        return _header(self._body, size) + self._body

    def find(self, run_id: RunId) -> list[PackedPart]:
        """Return the parts of one run, in the order in which they lie in the pack."""
        found: list[PackedPart] = []
        sought, at = run_id.encode(), self._behind
        if self._id_at(at) != sought or (at and self._id_at(at - 1) == sought):
            at = bisect_left(range(len(self)), sought, key=self._id_at)
        while at < len(self) and self._id_at(at) == sought:
            found.append(self._part_at(at))
            at += 1
        self._behind = at
        return found

    def __len__(self) -> int:
        return len(self._body) // _WIDTH

    def __iter__(self) -> Iterator[PackedPart]:
        return map(self._part_at, range(len(self)))

    def run_ids(self) -> Iterator[RunId]:
        """Yield the run of each part, in order; a run with several parts comes several times."""
        text = self._body.decode("ascii")
        return (RunId(text[at : at + ids.LENGTH]) for at in range(0, len(text), _WIDTH))

    def _id_at(self, index: int) -> bytes:
        return self._body[index * _WIDTH : index * _WIDTH + ids.LENGTH]

    def _part_at(self, index: int) -> PackedPart:
        run_id, *numbers = self._body[index * _WIDTH : (index + 1) * _WIDTH].split()
        return PackedPart(RunId(run_id.decode("ascii")), *map(int, numbers))


def opens_part(line: bytes) -> bool:
    """Say whether a line begins a part of a pack."""
    return line.startswith(OPENINGS)


def _openings(lines: bytes) -> list[int]:
    """Return where in a chunk of whole lines a part begins."""
    framed, found = b"\n" + lines, list[int]()
    for opening in OPENINGS:
        at = framed.find(b"\n" + opening)
        while at >= 0:
            found.append(at)
            at = framed.find(b"\n" + opening, at + 1)
    return sorted(found)


def _numbers(part: PackedPart) -> tuple[int, int, int]:
    return part.at, part.length, part.start


def _header(body: bytes, size: int) -> bytes:
    return b"%b %016d %08x\n" % (_MAGIC, size, crc32(body))
