"""Find a record in a long journal by its seq, without reading what stands in front of it.

Seqs go up by one a line, so looking at the middle of the bytes, then at the middle of one half, and so
on finds any of ten million lines in twenty looks. What is not looked at is not vouched for.
"""

from typing import Final

from runlore.journal import codec, tailing
from runlore.journal.errors import UndecodableLine
from runlore.journal.framing import whole_lines
from runlore.journal.scan import Tail
from runlore.journal.tailing import Source
from runlore.journal.values import RunId

NEAR: Final = 2 * codec.MAX_LINE
"""Bytes that are read rather than halved: any two lines are whole in them."""
_LOOK: Final = 4096


def at_or_before(source: Source, run_id: RunId, size: int, seq: int) -> Tail | None:
    """Return the tail behind the record of that seq, or behind the last one if the journal ends before it.

    None if it cannot be found that way: the seq is not above 0, no record of it is there, or what was
    looked at on the way is no line of a journal. Then only reading from the beginning tells.

    Raises:
        OSError: the disk refused.
    """
    first = tailing.first_record(source)
    if first is None or seq <= 0:
        return None
    low, high = 0, size  # a line begins at `low`, and its seq is not above the one that is looked for
    while high - low > NEAR:
        middle = (low + high) // 2
        found = _line_behind(source, middle)
        if found is None:
            return None
        start, line = found
        stands_at = _seq_of(line)
        if stands_at is None or start >= high:
            return None
        if stands_at > seq:
            high = middle  # only this line and what follows it begins behind the middle
        else:
            low = start
    end = min(high + NEAR, size)
    found_tail = _among(source, run_id, first, (low, end), seq)
    return None if found_tail is None or (found_tail.seq < seq and end < size) else found_tail


def _line_behind(source: Source, offset: int) -> tuple[int, bytes] | None:
    """Return the first whole line that begins behind an offset, and where; None if there is none near."""
    for length in (_LOOK, NEAR):
        _, newline, rest = (data := source.pread(length, offset)).partition(b"\n")
        line, whole, _ = rest.partition(b"\n")
        if newline and whole:
            return offset + len(data) - len(rest), line
    return None


def _seq_of(line: bytes) -> int | None:
    try:
        return codec.decode(line).seq
    except UndecodableLine:
        return None


def _among(
    source: Source, run_id: RunId, first: tailing.First, place: tuple[int, int], seq: int
) -> Tail | None:
    """Return the tail behind the record among the lines that lie there, or behind the last of them."""
    start, end = place
    lines = source.pread(end - start, start)
    whole = lines[: whole_lines(lines)].split(b"\n")[:-1]
    if not whole or (number := _seq_of(whole[0])) is None or number > seq:
        return None
    wanted = min(seq - number, len(whole) - 1)
    begins = start + sum(len(line) + 1 for line in whole[:wanted])
    tail = tailing.anchored(run_id, first, whole[wanted], begins)
    return tail if tail is not None and tail.seq == number + wanted else None
