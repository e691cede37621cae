"""Tables that fit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlore.cli.cells import width
from runlore.cli.table import Cell, Column, render

COLUMNS = (
    Column("ID"),
    Column("NAME", 7, shrinks=True),
    Column("STATUS"),
    Column("STARTED", 5),
    Column("TOOK", 4, right=True),
    Column("COMMAND", 6, shrinks=True),
)
ROW = ("k3f9x2ab", "nightly", "failed (3)", "3m ago", "12s", "python train.py --epochs 100")


def lines(limit: int | None, *rows: tuple[str, ...]) -> list[str]:
    """Return the table of these rows."""
    return render(COLUMNS, [[Cell(text) for text in row] for row in rows], limit=limit)


def test_a_table_without_a_limit_shows_everything() -> None:
    """In a pipe nothing is left out or cut."""
    assert lines(None, ROW) == [
        "ID        NAME     STATUS      STARTED  TOOK  COMMAND",
        "k3f9x2ab  nightly  failed (3)  3m ago    12s  python train.py --epochs 100",
    ]


def test_the_widest_cell_gives_way_first() -> None:
    """At 60 columns only the command is cut."""
    assert lines(60, ROW)[1] == "k3f9x2ab  nightly  failed (3)  3m ago    12s  python train.…"


def test_the_least_important_columns_go_first() -> None:
    """At 40 columns times are left out, then the command; id, name and status stay whole."""
    assert lines(40, ROW) == [
        "ID        NAME     STATUS      COMMAND",
        "k3f9x2ab  nightly  failed (3)  python t…",
    ]
    assert lines(32, ROW) == ["ID        NAME     STATUS", "k3f9x2ab  nightly  failed (3)"]


def test_an_empty_cell_shows_a_dash() -> None:
    """Nobody has to count blanks to see which column is empty."""
    assert lines(None, ("k3f9x2ab", "", "running", "", "", "x"))[1].split() == [
        "k3f9x2ab",
        "-",
        "running",
        "-",
        "-",
        "x",
    ]


def test_wide_characters_keep_the_columns_aligned() -> None:
    """Whatever the name, the status begins in the same cell."""
    shown = lines(None, ROW, ("k3f9x2ab", "日本", "running", "", "", "x"))

    assert {
        width(line[: line.index(word)]) for line, word in zip(shown[1:], ("failed", "running"), strict=True)
    } == {19}


def test_colour_does_not_count_as_width() -> None:
    """A coloured cell is padded by what is seen."""
    columns, red = (Column("A"), Column("B")), lambda text: f"\x1b[31m{text}\x1b[0m"

    assert render(columns, [[Cell("x", red), Cell("y")], [Cell("long"), Cell("z")]], limit=None) == [
        "A     B",
        "\x1b[31mx\x1b[0m     y",
        "long  z",
    ]


@pytest.mark.parametrize("limit", [24, 30, 40, 80, 120, 1000])
@given(
    row=st.tuples(
        st.just("k3f9x2ab"),
        st.text(st.characters(categories=["L", "N", "M"]), max_size=60),
        st.sampled_from(["running", "failed (SIGKILL)"]),
        st.just("59m ago"),
        st.just("59m59s"),
        st.text(st.characters(categories=["L", "N", "M"]), max_size=2000),
    )
)
def test_no_line_is_wider_than_the_terminal(limit: int, row: tuple[str, ...]) -> None:
    """For any text and any width from 24 columns on, no line wraps."""
    assert all(width(line) <= limit for line in lines(limit, row))
