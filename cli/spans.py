"""How long ago and how long, as said to people; cheap to import, for `quick_ps`. Pure."""

from __future__ import annotations

TYPE_CHECKING = False  # type checkers take it for True; importing it from typing costs 3 ms
if TYPE_CHECKING:
    from typing import Final

_AGO: Final = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "m"), (1.0, "s"))


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


def counted(count: int, noun: str) -> str:
    """Return `1 run`, `2 runs`, `1,234 runs`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
