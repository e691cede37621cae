"""How times, durations and sizes are said."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from runlore.cli import phrases

NOW = datetime(2026, 11, 20, 20, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "just now"),
        (0.9, "just now"),
        (-0.9, "just now"),
        (1, "1s ago"),
        (59.9, "59s ago"),
        (60, "1m ago"),
        (3599, "59m ago"),
        (3600, "1h ago"),
        (86_400 * 400, "400d ago"),
        (-90, "in 1m"),
    ],
)
def test_how_long_ago_is_said_in_one_unit(seconds: float, expected: str) -> None:
    """People read the order of magnitude; a clock that stepped back gives no nonsense."""
    assert phrases.ago(seconds) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (None, ""),
        (0, "0ms"),
        (0.0234, "23ms"),
        (0.9996, "1.0s"),
        (9.94, "9.9s"),
        (9.96, "9s"),
        (12.7, "12s"),
        (184, "3m04s"),
        (7_500, "2h05m"),
        (273_600, "3d04h"),
    ],
)
def test_a_duration_is_said_as_exactly_as_anybody_wants_to_know(seconds: float | None, expected: str) -> None:
    """Milliseconds, tenths, or the two largest units; nothing for what has not begun."""
    assert phrases.took(seconds) == expected


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1 << 30, "1.0 GiB"), (1 << 60, "1024.0 PiB")],
)
def test_a_size_is_exact_while_it_is_small(count: int, expected: str) -> None:
    """Bytes below a KiB, else a tenth of the unit."""
    assert phrases.size(count) == expected


def test_absolute_times_are_in_utc_whatever_they_came_in() -> None:
    """`--utc` means UTC."""
    at = NOW.astimezone(timezone(timedelta(hours=9)))

    assert phrases.moment(at, NOW, utc=True) == "2026-11-20 20:14:00Z"
    assert phrases.moment(NOW - timedelta(minutes=3), NOW, utc=False) == "3m ago"
    assert phrases.moment(None, NOW, utc=False) == ""


def test_one_is_not_many() -> None:
    """`1 run`, `2 runs`; thousands are grouped."""
    assert [phrases.counted(n, "run") for n in (0, 1, 2, 1234)] == ["0 runs", "1 run", "2 runs", "1,234 runs"]
