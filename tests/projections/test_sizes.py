"""Sizes are read as GNU tools read them, and written so that they are read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlore.journal.errors import BadInput
from runlore.projections import sizes


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("500", 500),
        ("500B", 500),
        ("64K", 64 << 10),
        ("10M", 10 << 20),
        ("10MiB", 10 << 20),
        ("10mib", 10 << 20),
        ("10MB", 10_000_000),
        ("10 M", 10 << 20),
        ("1.5G", 3 << 29),
        (".5K", 512),
        ("2T", 2 << 40),
    ],
)
def test_what_people_write(text: str, count: int) -> None:
    """Powers of 1024, unless the unit says 1000."""
    assert sizes.parse(text) == count


@pytest.mark.parametrize(
    "text",
    ["", "x", "M", "10X", "-1", "1e3", "1..5", "0", "0.1", "10MiBs", "9" * 40, "99999P", "१०", "1_000"],
)
def test_what_is_no_size(text: str) -> None:
    """It is refused, with what can be written instead or why not."""
    with pytest.raises(BadInput, match=r"size|large"):
        sizes.parse(text)


@given(st.integers(1, 2**53 - 1))
def test_written_and_read_back(count: int) -> None:
    """Nothing is lost on the way."""
    assert sizes.parse(sizes.spelled(count)) == count
