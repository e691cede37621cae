"""Point at the place in a text where it is wrong: the text on one line, `^^^` below it on the next. Pure."""

from typing import Final

from runlore.cli.cells import ELLIPSIS, width
from runlore.projections.printable import printable

_BEFORE: Final = 40
_WHOLE: Final = 72
"""Characters that are shown of a longer text, and of what stands before the place."""


def pointed(text: str, column: int, length: int) -> list[str]:
    """Return two lines: the text around a column, and signs below what is wrong; at least one sign."""
    start = column - 1
    first = max(0, start - _BEFORE)
    last = min(len(text), first + _WHOLE)
    before = (ELLIPSIS if first else "") + printable(text[first:start])
    wrong = printable(text[start : min(start + length, last)])
    after = printable(text[start + length : last]) + (ELLIPSIS if last < len(text) else "")
    return [f"  {before}{wrong}{after}", f"  {' ' * width(before)}{'^' * max(1, width(wrong))}"]
