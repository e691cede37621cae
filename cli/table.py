"""Tables that fit the terminal: least important columns go first, then wide cells are cut. Pure."""

from __future__ import annotations

from runlore.cli import cells

TYPE_CHECKING = False  # type checkers take it for True; importing it from typing costs 3 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Final

    Style = Callable[[str], str]

GAP: Final = 2
EMPTY: Final = "-"
_LEAST: Final = 8
"""A column that may shrink keeps this many cells before another column is left out instead."""
KEPT: Final = 9
"""The importance of a column that is never left out."""


class Column:
    """What a column is called and what happens to it when the terminal is narrow.

    keep: importance; the column with the smallest is left out first, KEPT stays for ever.
    """

    def __init__(self, title: str, keep: int = KEPT, *, right: bool = False, shrinks: bool = False) -> None:
        self.title, self.keep, self.right, self.shrinks = title, keep, right, shrinks


class Cell:
    """Printable text, and how it is coloured once it has its width."""

    def __init__(self, text: str, style: Style | None = None) -> None:
        self.text, self.style = text, style


def render(
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell]],
    *,
    limit: int | None,
    ellipsis: str = cells.ELLIPSIS,
    header: Style | None = None,
) -> list[str]:
    """Return the lines of a table, title line first, none wider than `limit` cells (None: no limit).

    An empty cell shows as "-"; the last column is not padded.
    """
    titles = [Cell(column.title, header) for column in columns]
    table = [titles, *([_filled(cell) for cell in row] for row in rows)]
    natural = [max(cells.width(row[place].text) for row in table) for place in range(len(columns))]
    shown = list(range(len(columns)))
    if limit is not None:
        shown = _fitting(columns, natural, limit)
    widths = _shrunk(columns, natural, shown, limit)
    return [_line(columns, row, widths, ellipsis) for row in table]


def _filled(cell: Cell) -> Cell:
    return cell if cell.text else Cell(EMPTY)


def _fitting(columns: Sequence[Column], natural: Sequence[int], limit: int) -> list[int]:
    """Return the places of the columns that stay, leaving out the least important until they fit."""
    shown = list(range(len(columns)))
    while len(shown) > 1:
        least = sum(
            min(natural[place], max(_LEAST, len(columns[place].title)))
            if columns[place].shrinks
            else natural[place]
            for place in shown
        )
        droppable = [place for place in shown if columns[place].keep < KEPT]
        if least + GAP * (len(shown) - 1) <= limit or not droppable:
            break
        shown.remove(min(droppable, key=lambda place: (columns[place].keep, -place)))
    return shown


def _shrunk(
    columns: Sequence[Column], natural: Sequence[int], shown: Sequence[int], limit: int | None
) -> dict[int, int]:
    """Return the width of each column that stays; the widest shrinking columns give way first."""
    if limit is None:
        return {place: natural[place] for place in shown}
    widths = {place: min(natural[place], max(limit, 1)) for place in shown}
    excess = sum(widths.values()) + GAP * (len(shown) - 1) - limit
    shrinking = [place for place in shown if columns[place].shrinks] or list(shown)
    while excess > 0:
        widest = max(shrinking, key=lambda place: widths[place])
        if widths[widest] <= 1:
            break
        widths[widest] -= 1
        excess -= 1
    return widths


def _line(columns: Sequence[Column], row: Sequence[Cell], widths: dict[int, int], ellipsis: str) -> str:
    parts: list[str] = []
    last = max(widths)
    for place, wide in widths.items():
        cell = row[place]
        text = cells.cut(cell.text, wide, ellipsis=ellipsis)
        right = columns[place].right
        padding = wide - cells.width(text) if right or place != last else 0
        styled = cell.style(text) if cell.style else text
        parts.append(" " * padding + styled if right else styled + " " * padding)
    return (" " * GAP).join(parts)
