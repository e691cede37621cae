"""How wide and how colourful output may be; cheap to import, for `quick_ps`."""

from __future__ import annotations

import os

TYPE_CHECKING = False  # type checkers take it for True; importing it from typing costs 3 ms
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final, Literal

    from runlore.cli.outcomes import Tint

    Color = Literal["auto", "always", "never"]

NARROWEST: Final = 24
"""Below this many columns we write lines that the terminal wraps."""
_WIDEST: Final = 10_000
SGR: Final[Mapping[Tint, str]] = {
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "magenta": "35",
    "cyan": "36",
    "dim": "2",
    "bold": "1",
}


def width(environ: Mapping[str, str]) -> int | None:
    """Cells of a line: COLUMNS if it is a sensible number, else the terminal's; None for a pipe."""
    asked = environ.get("COLUMNS", "")
    if asked.isascii() and asked.isdigit() and int(asked[:9]) > 0:
        return min(max(int(asked[:9]), NARROWEST), _WIDEST)
    try:
        columns = os.get_terminal_size(1).columns
    except OSError:
        return None
    return max(columns, NARROWEST) if columns > 0 else None


def has_colors(environ: Mapping[str, str], color: Color) -> bool:
    """Say whether standard output is to be coloured."""
    if color != "auto":
        return color == "always"
    return not environ.get("NO_COLOR") and not is_dumb(environ) and os.isatty(1)


def is_dumb(environ: Mapping[str, str]) -> bool:
    """The terminal obeys no escapes."""
    return environ.get("TERM", "") in {"", "dumb"}


def tinted(text: str, color: Tint) -> str:
    """Return a text in a colour."""
    return f"\x1b[{SGR[color]}m{text}\x1b[0m"
