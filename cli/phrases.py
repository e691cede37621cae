"""How times, durations and sizes are said to people; JSON never passes here. Pure."""

from datetime import UTC, datetime
from typing import Final

_AGO: Final = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "m"), (1.0, "s"))
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


def ago(seconds: float) -> str:
    """Return how long ago something was, in its largest unit; a clock may have stepped back since."""
    if abs(seconds) < 1:
        return "just now"
    size, unit = next(step for step in _AGO if abs(seconds) >= step[0])
    count = int(abs(seconds) // size)
    return f"{count}{unit} ago" if seconds > 0 else f"in {count}{unit}"


def took(seconds: float | None) -> str:
    """Return a duration so that its order of magnitude is plain; empty if there is none."""
    if seconds is None:
        return ""
    if seconds < 0.9995:  # noqa: PLR2004 - what rounds to a second is said as one
        return f"{seconds * 1000:.0f}ms"
    if seconds < 9.95:  # noqa: PLR2004 - tenths matter below ten seconds
        return f"{seconds:.1f}s"
    whole = int(seconds)
    days, hours, minutes = whole // 86_400, whole % 86_400 // 3_600, whole % 3_600 // 60
    if days:
        return f"{days}d{hours:02}h"
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{whole % 60:02}s" if minutes else f"{whole}s"


def size(count: int) -> str:
    """Return a number of bytes: exact below a KiB, otherwise to a tenth of its unit."""
    value, unit = float(count), 0
    while value >= _STEP and unit < len(_SIZES) - 1:
        value, unit = value / _STEP, unit + 1
    return f"{value:.1f} {_SIZES[unit]}" if unit else f"{count} B"


def counted(count: int, noun: str) -> str:
    """Return `1 run`, `2 runs`, `1,234 runs`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
