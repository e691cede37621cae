"""Bytes and lines: a newline ends a line, and nothing else does."""

import pytest

from runlore.journal.framing import LineFramer, split_lines, whole_lines
from runlore.journal.values import Offset


def test_a_line_without_newline_is_not_yet_one() -> None:
    """What is still being written stays with the framer until its newline arrives."""
    framer = LineFramer()

    assert list(framer.feed(b"one\ntw")) == [(0, b"one")]
    assert (framer.offset, framer.torn) == (4, 2)
    assert list(framer.feed(b"o\n")) == [(4, b"two")]
    assert (framer.offset, framer.torn) == (8, 0)


def test_an_empty_line_is_a_line() -> None:
    """Nothing is skipped in silence: whoever reads lines decides what an empty one means."""
    assert list(LineFramer().feed(b"\n\na\n")) == [(0, b""), (1, b""), (2, b"a")]


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\r", "\x1c", "\x1e"])
def test_what_other_tools_take_for_a_line_end_is_text(separator: str) -> None:
    """JSON leaves some of these unescaped inside strings, so only the newline counts."""
    line = f"a{separator}b".encode()

    assert list(LineFramer().feed(line + b"\n")) == [(0, line)]


def test_offsets_go_on_from_where_the_framer_was_told_to_start() -> None:
    """A reader that resumes counts from the first byte of the file, not of what it was fed."""
    framer = LineFramer(Offset(100))

    assert list(framer.feed(b"a\nb\n")) == [(100, b"a"), (102, b"b")]
    assert framer.offset == 104


def test_a_reader_that_stops_in_the_middle_loses_no_line() -> None:
    """Lines that were not taken yet stay in the framer; the next feed gives them, at their offsets."""
    framer = LineFramer()
    lines = framer.feed(b"a\nb\nc")

    assert next(lines) == (0, b"a")
    lines.close()  # type: ignore[attr-defined]
    assert list(framer.feed(b"\n")) == [(2, b"b"), (4, b"c")]


def test_whole_lines_of_a_chunk_end_at_its_last_newline() -> None:
    """The rest of a chunk belongs to the next one."""
    assert whole_lines(b"a\nb\nc") == 4
    assert whole_lines(b"abc") == 0
    assert whole_lines(b"") == 0


def test_lines_end_at_newlines_alone() -> None:
    """Each line keeps its newline, and nothing else that looks like an end of line is one."""
    lines = [b"a\r\n", b"\n", "b\u2028\u0085c\n".encode(), b"\x0b\x0c\x1c\0\n"]

    assert split_lines(b"".join(lines)) == lines
    assert split_lines(b"") == []
