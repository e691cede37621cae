"""Lengths of time, as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlore.journal.errors import BadInput
from runlore.projections.durations import LONGEST_S, parse, spelled


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("0.5", 0.5),
        ("5s", 5),
        ("500ms", 0.5),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("2d", 172_800),
        ("1w", 604_800),
        ("1d1h1m1s1ms", 90_061.001),
        (" 5s ", 5),
        (".5s", 0.5),
        ("5.s", 5),
    ],
)
def test_a_duration_is_read(text: str, seconds: float) -> None:
    """A bare number is seconds; otherwise every number has its unit, the longest first."""
    assert parse(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "0",
        "0s",
        "0h0m",
        "-1s",
        "-1",
        "+1s",
        "1e400s",
        "1e3",
        "5 parsecs",
        "5 s",
        "s",
        "h1",
        "1h1h",
        "1m1h",
        "1.5.5s",
        ".",
        ".s",
        "1h30",
        "inf",
        "nan",
        "٣s",
        "1_000s",
        "1,5s",
        "9" * 400,
        "1000000d",
        "5S",
        "1h\n2",
    ],
    ids=lambda text: ascii(text)[:20],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    """Zero, negative, endless and made-up times are refused with how to write one."""
    with pytest.raises(BadInput, match=r"duration|no time at all"):
        parse(text)


def test_zero_is_a_duration_where_it_means_something() -> None:
    """A grace of nothing is a grace; a timeout of nothing is a mistake."""
    assert parse("0", zero=True) == parse("0ms", zero=True) == 0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (1, "1s"),
        (90, "1m30s"),
        (5400, "1h30m"),
        (86_400, "1d"),
        (0.5, "0.5s"),
        (3600.25, "3600.25s"),
    ],
)
def test_a_duration_is_written(seconds: float, text: str) -> None:
    """In the units a person would choose."""
    assert spelled(seconds) == text


@given(st.integers(0, int(LONGEST_S)) | st.integers(1, 10**9).map(lambda thousandths: thousandths / 1000))
def test_what_is_written_is_read_back(seconds: float) -> None:
    """A duration survives being shown and typed again."""
    assert parse(spelled(seconds), zero=True) == pytest.approx(seconds)


@given(st.text(max_size=30))
def test_any_text_is_a_duration_or_is_refused(text: str) -> None:
    """Nothing typed leads to anything but a sensible time or an error."""
    try:
        seconds = parse(text)
    except BadInput:
        return

    assert 0 < seconds <= LONGEST_S
