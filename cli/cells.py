"""How many cells of a terminal a text takes, and how to cut it there. Pure.

Wide East Asian characters and emoji take two cells, combining marks none (Unicode annex 11). Terminals
disagree about emoji sequences; nothing here depends on them but the alignment of a row.
"""

from __future__ import annotations

TYPE_CHECKING = False  # type checkers take it for True; importing it from typing costs 3 ms
if TYPE_CHECKING:
    from typing import Final

ELLIPSIS: Final = "…"
_JOINERS: Final = frozenset("\u200b\u200c\u200d\u2060\ufe0e\ufe0f")


def width(text: str) -> int:
    """Return the number of cells that `text` takes; it has been made printable before."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def cut(text: str, limit: int, *, ellipsis: str = ELLIPSIS) -> str:
    """Return `text` if it fits `limit` cells, else its beginning and an ellipsis, never wider."""
    if width(text) <= limit:
        return text
    room = limit - len(ellipsis)
    if room <= 0:
        return ellipsis[: max(limit, 0)]
    kept = 0
    for position, letter in enumerate(text):
        kept += _cells(letter)
        if kept > room:
            return text[:position].rstrip() + ellipsis
    return text


def pad(text: str, cells: int, *, right: bool = False) -> str:
    """Return `text` with spaces up to `cells`; behind it, or before it if `right` (for numbers)."""
    space = " " * (cells - width(text))
    return space + text if right else text + space


def _cells(letter: str) -> int:
    if letter < "\u0300":
        return 1
    import unicodedata  # noqa: PLC0415 - a C module of half a MiB; most output is ASCII

    if letter in _JOINERS or unicodedata.category(letter) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(letter) in {"W", "F"} else 1
