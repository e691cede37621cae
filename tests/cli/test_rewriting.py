"""Lines that are written over: what a terminal shows of them, and that nothing hides."""

import re

from hypothesis import given
from hypothesis import strategies as st

from runlore.cli.rewriting import Row

COLUMNS = 20


def row() -> Row:
    """A row whose text is shown as it is."""
    return Row(str, lambda count: f"[{count}]")


def screen(written: str) -> list[str]:
    """Return the rows that a terminal which wraps at COLUMNS shows."""
    rows, column = [""], 0
    for part in re.split(r"(\n|\r|\x1b\[K)", written):
        match part:
            case "\n":
                rows.append("")
                column = 0
            case "\r":
                column = 0
            case "\x1b[K":
                rows[-1] = rows[-1][:column]
            case _:
                for letter in part:
                    if column == COLUMNS:
                        rows.append("")
                        column = 0
                    rows[-1] = rows[-1][:column] + letter + rows[-1][column + 1 :]
                    column += 1
    return rows


def shown(*pieces: str, head: str = "") -> list[str]:
    """Return the screen after these pieces of one line."""
    line = row()
    return screen("".join(line.feed(piece, head, COLUMNS) for piece in pieces))


def test_a_line_that_is_not_written_over_comes_as_it_is() -> None:
    """In as many pieces as it came."""
    line = row()

    assert [line.feed(piece, "a | ", COLUMNS) for piece in ("one ", "two", "\n")] == ["a | one ", "two", "\n"]


def test_a_progress_bar_stands_still() -> None:
    """Each version takes the place of the one before; the last one stays, and how many there were."""
    assert shown("10%", "\r50%", "\r99%") == ["99%"]
    assert shown("10%", "\r50%", "\r100%", "\n") == ["100% [2]", ""]
    assert shown("\r10%\r20%", "\r30%\n", head="a | ") == ["a | 30% [3]", ""]


def test_a_shorter_version_leaves_nothing_of_a_longer_one() -> None:
    """Unlike on a terminal that is simply given the bytes."""
    assert shown("downloading", "\rdone\n") == ["done [1]", ""]


def test_a_version_that_is_too_wide_is_cut_until_it_is_the_last() -> None:
    """It has to stay on one row to be written over; the last one is shown whole."""
    wide = "x" * 30

    assert shown("a", f"\r{wide}") == ["x" * 18 + ">"]
    assert shown("a", f"\r{wide}", "\rb\n") == ["b [2]", ""]
    assert "".join(shown("a", f"\r{wide}\n")) == f"{wide} [1]"


def test_a_first_version_that_was_wrapped_stays() -> None:
    """Nobody can go back over several rows on every terminal, so the next version begins a new one."""
    assert shown("x" * 30, "\rdone\n") == ["x" * 20, "x" * 10, "done [1]", ""]


def test_a_version_without_an_end_is_not_kept() -> None:
    """Memory is bounded: what is too long comes out as it comes in."""
    line = row()
    pieces = [line.feed("\r", "", COLUMNS), *(line.feed("y" * 10_000, "", COLUMNS) for _ in range(5))]

    assert "".join(pieces[3:]) == "y" * 30_000
    assert len(line._text) == 0
    assert line.feed("z\n", "", COLUMNS) == "z [1]\n"


@given(st.lists(st.text("ab\r", max_size=8), max_size=6), st.text("ab", min_size=1, max_size=15))
def test_what_stays_is_the_last_version_however_it_came(pieces: list[str], last: str) -> None:
    """The pieces in which a line was read do not show, and each version that was written over is counted."""
    whole = "".join([*pieces, "\r", last, "\n"])
    versions = whole.count("\r")

    assert shown(*pieces, "\r", f"{last}\n")[-2:] == shown(whole)[-2:]
    assert "".join(shown(*pieces, f"\r{last}\n")).endswith(f"{last} [{versions}]")
