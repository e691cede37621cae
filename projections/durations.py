"""Read and write lengths of time: `90`, `1h30m`, `1.5h`, `2d`. Pure."""

from typing import Final

from runlore.journal.errors import BadInput

UNITS: Final = {"w": 604_800.0, "d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
"""Seconds of each unit, the longest first: that is their order in a text, too."""
LONGEST_S: Final = 10_000 * 86_400.0
"""About 27 years: far beyond any use, far below where arithmetic with times ends."""
_NUMBER: Final = frozenset("0123456789.")
_HOW: Final = "write seconds (90) or numbers with units (500ms, 5s, 1h30m, 2d, 1w)"


def parse(text: str, *, zero: bool = False) -> float:
    """Return the seconds that `text` means; a bare number is seconds.

    Raises:
        BadInput: it is no duration, negative, absurdly long, or zero where that means nothing.
    """
    seconds = _sum(text.strip())
    if seconds is None:
        raise BadInput(f"{text[:40]!a} is not a duration; {_HOW}")
    if seconds > LONGEST_S:
        raise BadInput(f"{text[:40]!a} is too long a duration; at most {spelled(LONGEST_S)}")
    if not seconds and not zero:
        raise BadInput(f"{text[:40]!a} is no time at all; {_HOW}")
    return seconds


def spelled(seconds: float) -> str:
    """Return a duration so that `parse` gives it back: `1h30m`, `1.5s`, `0s`."""
    if seconds != int(seconds):
        return f"{seconds:.9f}".rstrip("0") + "s"
    rest, words = int(seconds), ""
    for unit in ("d", "h", "m", "s"):
        count, rest = divmod(rest, int(UNITS[unit]))
        words += f"{count}{unit}" if count else ""
    return words or "0s"


def _sum(text: str) -> float | None:
    """Return the seconds of numbers with falling units, or of a number alone; None if it is neither."""
    seconds, left = 0.0, list(UNITS)
    rest = text
    while rest:
        digits = _leading(rest, letters=False)
        rest = rest[len(digits) :]
        unit = _leading(rest, letters=True)
        rest = rest[len(unit) :]
        if not unit and digits == text:
            unit = "s"
        if unit not in left or digits.count(".") > 1 or not digits.strip("."):
            return None
        del left[: left.index(unit) + 1]
        seconds += float(digits) * UNITS[unit]
    return seconds if text else None


def _leading(text: str, *, letters: bool) -> str:
    """Return the beginning of `text` that is a number, or that is none."""
    for length, character in enumerate(text):
        if (character in _NUMBER) == letters:
            return text[:length]
    return text
