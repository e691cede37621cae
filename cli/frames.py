r"""Lines that are drawn over in place on a terminal, in its own scrollback: nothing has to be restored.

No other screen is entered, no cursor hidden, no mode set: whatever ends the program, the terminal is as
it was, with the last lines on it. Pure.
"""

import re
from collections.abc import Sequence
from typing import Final

from runlore.cli import cells

_COLOUR: Final = re.compile(r"\x1b\[[0-9;:]*m")


def fitted(lines: Sequence[str], columns: int, rows: int) -> list[str]:
    """Return the lines that fit a terminal with one row to spare; what is left out is counted."""
    room, taken = max(rows - 1, 1), 0
    for place, line in enumerate(lines):
        taken += _rows(_width(line), columns)
        if taken > room:
            kept = list(lines[:place])
            while kept and sum(_rows(_width(each), columns) for each in kept) >= room:
                kept.pop()
            return [*kept, cells.cut(f"and {len(lines) - len(kept):,} more lines", columns, ellipsis=">")]
    return list(lines)


def redrawn(before: Sequence[str], lines: Sequence[str], columns: int, rows: int) -> str:
    """Return what takes the place of the lines `before`, which stand above the cursor.

    columns, rows: of the terminal now; it may have been resized, and have wrapped what stands there.
    """
    up = min(sum(_rows(_width(line), columns) for line in before), rows - 1)
    # row by row: a terminal may keep in its scrollback what is erased together from the top of the screen
    start = f"\x1b[{up}A\r" + "\x1b[K\x1b[1B" * up + f"\x1b[{up}A" if up > 0 else ""
    return start + "".join(f"{line}\n" for line in lines)


def _width(line: str) -> int:
    return cells.width(_COLOUR.sub("", line))


def _rows(width: int, columns: int) -> int:
    return max(1, -(-width // max(columns, 1)))
