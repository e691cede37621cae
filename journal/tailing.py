"""Find the end of a journal: the whole of it for owners, the last lines for everybody else."""

from collections.abc import Iterator
from typing import Final, Protocol

from runlore.journal import chain, codec
from runlore.journal.errors import UndecodableLine
from runlore.journal.events import FINAL, AnyEvent, JournalContinued, RunQueued, RunSealed
from runlore.journal.scan import Scanner, Tail, Verdict, redacted_seqs
from runlore.journal.synced import is_synced
from runlore.journal.values import RunId, Seq

PIECE: Final = 1 << 16
"""Bytes read at once: what is made of them stays in the processor's cache. A line may be longer."""
_WINDOWS: Final = (16 << 10, 256 << 10, 4 * codec.MAX_LINE)
_ENOUGH_LINES: Final = 3
"""A seal stands at most one event before the end of an ended run; one line more is the anchor."""


First = RunQueued | JournalContinued
"""With one of these a journal begins."""


class Source(Protocol):
    """Bytes of a run's history, from the first that is there."""

    def pread(self, length: int, offset: int, /) -> bytes:
        """Read at a place; empty at the end."""
        ...


def read_on(source: Source, known: Tail, size: int) -> tuple[Tail, Verdict]:
    """Return the tail after reading from `known` to `size`, and what stands behind it.

    A line that does not match its `h` is read on, if a later `text.redacted` names it.
    """
    scanner = Scanner(known)
    for piece in pieces(source, known.size, size):
        scanner.advance(piece)
    if scanner.damage is not None and scanner.damage.kind == "chain":
        redacted = redacted_behind(source, known, size)
        if scanner.damage.seq in redacted:
            scanner = Scanner(known, redacted=redacted)
            for piece in pieces(source, known.size, size):
                scanner.advance(piece)
    return scanner.tail, scanner.verdict()


def redacted_behind(source: Source, known: Tail, size: int) -> frozenset[int]:
    """Return the seqs behind `known` that a `text.redacted` before `size` names.

    It costs a pass of its own, so ask only when a line does not match its `h`.
    """
    scanner, found = Scanner(known, check_chain=False), set[int]()
    for piece in pieces(source, known.size, size):
        found.update(redacted_seqs(scanner.advance(piece)))
    return frozenset(found)


def pieces(source: Source, offset: int, size: int) -> Iterator[bytes]:
    """Yield the bytes from `offset` to `size`, or to where they end before."""
    while offset < size and (piece := source.pread(min(PIECE, size - offset), offset)):
        yield piece
        offset += len(piece)


def near_end(source: Source, run_id: RunId, size: int, boot_id: str) -> Tail:
    """Return a tail a few whole lines before the end, for one who need not know the beginning.

    Its seq and `h` are those of a line near the end; the lines behind it remain to be read. The empty
    tail comes back when the journal is short, or when nothing near the end vouches for what stands in
    front of it: a record of a synced type does, and so does a run of this boot, because bytes are lost
    within a journal by power cuts only.
    """
    first = first_record(source)
    if first is None:
        return Tail.empty(run_id)
    for window in _WINDOWS:
        start = size - window
        if start <= 0:
            break
        lines = source.pread(window, start).split(b"\n")
        if len(lines) < _ENOUGH_LINES + 2:  # a cut one in front, what follows the last newline behind
            continue
        if not (_is_of_boot(first, boot_id) or _vouches(first, lines[1:-1])):
            continue
        anchor = anchored(run_id, first, lines[1], start + len(lines[0]) + 1)
        return anchor or Tail.empty(run_id)
    return Tail.empty(run_id)


def behind(source: Source, run_id: RunId, offset: int) -> Tail | None:
    """Return the tail behind the record that ends at a logical offset; None if no record ends there.

    What stands in front of that record is not looked at.
    """
    if offset == 0:
        return Tail.empty(run_id)
    first = first_record(source)
    end = offset - (first.offset if isinstance(first, JournalContinued) else 0)
    if first is None or end <= 0:
        return None
    for window in (4096, codec.MAX_LINE + 1):
        start = max(0, end - window)
        data = source.pread(end - start, start)
        if len(data) < end - start or not data.endswith(b"\n"):
            return None
        before, newline, line = data[:-1].rpartition(b"\n")
        if newline or not start:
            return anchored(run_id, first, line, start + len(before) + len(newline))
    return None


def first_record(source: Source) -> First | None:
    """Return the record with which a history begins; None if there is none that one can begin with."""
    for length in (4096, codec.MAX_LINE):
        line, newline, _ = source.pread(length, 0).partition(b"\n")
        if newline:
            break
    try:
        event = codec.decode(line)
    except UndecodableLine:
        return None
    return event if isinstance(event, RunQueued | JournalContinued) else None


def _is_of_boot(first: First, boot_id: str) -> bool:
    return isinstance(first, RunQueued) and first.boot_id == boot_id != ""


def _vouches(first: First, lines: list[bytes]) -> bool:
    """Say whether one of the lines was written only after everything before it had been synced."""
    if isinstance(first, RunQueued) and first.durability != "power":
        return False
    return any(is_synced(line) for line in reversed(lines))


def anchored(run_id: RunId, first: First, line: bytes, start: int) -> Tail | None:
    """Return the tail behind a line that begins at `start`, if it is one; nothing in front is looked at."""
    parts = chain.split_line(line)
    if parts is None or first.run_id != run_id:
        return None
    try:
        event: AnyEvent = codec.decode(line)
    except UndecodableLine:
        return None
    queued = first if isinstance(first, RunQueued) else None
    return Tail(
        run_id=run_id,
        digest=parts[1],
        seq=Seq(event.seq),
        size=start + len(line) + 1,
        base=0 if queued else getattr(first, "offset", 0),
        format=first.format,
        durability=queued.durability if queued else "power",
        boot_id=queued.boot_id if queued else "",
        ended=queued is None or type(event) is RunSealed or type(event) in FINAL,
        sealed=type(event) is RunSealed,
    )
