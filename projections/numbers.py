"""Read numbers as people type them: `3`, `-1.5`, `2e6`. Pure."""

import re
from typing import Final

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)


def number(text: str) -> int | float | None:
    """Return the number that a text is; None if it is none, or has more digits than any field."""
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else None


def whole(text: str) -> int | None:
    """Return the whole number that a text is; None if it is none, or has more digits than any field."""
    return int(text) if _WHOLE.fullmatch(text) else None
