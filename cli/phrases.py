"""How times, durations and sizes are said to people; JSON never passes here. Pure."""

from datetime import UTC, datetime
from typing import Final

from runlore.cli.spans import ago, counted, took

__all__ = ["absolute", "ago", "counted", "moment", "size", "took"]

_SIZES: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_STEP: Final = 1024


def moment(at: datetime | None, now: datetime, *, utc: bool) -> str:
    """Return when something was: `3m ago`, or the absolute time; empty for never."""
    if at is None:
        return ""
    return absolute(at) if utc else ago((now - at).total_seconds())


def absolute(at: datetime) -> str:
    """Return a time in UTC, to the second."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"


def size(count: int) -> str:
    """Return a number of bytes: exact below a KiB, otherwise to a tenth of its unit."""
    value, unit = float(count), 0
    while value >= _STEP and unit < len(_SIZES) - 1:
        value, unit = value / _STEP, unit + 1
    return f"{value:.1f} {_SIZES[unit]}" if unit else f"{count} B"
