"""How wide text is, and how it is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlore.cli import cells


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0),
        ("plain", 5),
        ("é", 1),
        ("e\u0301", 1),
        ("日本語", 6),
        ("ｶﾀｶﾅ", 4),
        ("\uff21", 2),
        ("😀", 2),
        ("👩\u200d🔬", 4),
        ("ไทย", 3),
    ],
)
def test_a_text_takes_the_cells_that_a_terminal_gives_it(text: str, expected: int) -> None:
    """Wide characters take two cells, combining marks and joiners none."""
    assert cells.width(text) == expected


@given(st.text(), st.integers(0, 40))
def test_what_was_cut_never_exceeds_the_limit(text: str, limit: int) -> None:
    """However wide its characters, a cut text fits; one that fits is left alone."""
    cut = cells.cut(text, limit)

    assert cells.width(cut) <= limit
    if cells.width(text) <= limit:
        assert cut == text


@given(st.text(max_size=20), st.booleans())
def test_padding_reaches_exactly_the_column(text: str, right: bool) -> None:
    """A padded cell takes the column's width, so the next column is aligned."""
    wide = cells.width(text) + 3

    assert cells.width(cells.pad(text, wide, right=right)) == wide


def test_a_cut_says_so_in_ascii_where_it_must() -> None:
    """An output that has no ellipsis sign gets three dots, which count."""
    assert cells.cut("a long name", 7, ellipsis="...") == "a lo..."
