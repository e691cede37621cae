"""The columns of a list of runs, for the whole command and for the one that loads nothing. Pure."""

from __future__ import annotations

from runlore.cli.table import Cell, Column

TYPE_CHECKING = False  # type checkers take it for True; importing it from typing costs 3 ms
if TYPE_CHECKING:
    from collections.abc import Sequence

_COLUMNS = (
    Column("ID"),
    Column("NAME", 7, shrinks=True),
    Column("STATUS"),
    Column("PROGRESS", 6, shrinks=True),
    Column("STARTED", 5),
    Column("TOOK", 4, right=True),
    Column("TAGS", 3, shrinks=True),
    Column("COMMAND", 6, shrinks=True),
)
_MAY_BE_EMPTY = frozenset({"NAME", "PROGRESS", "TAGS"})


def in_use(rows: Sequence[Sequence[Cell]]) -> tuple[list[Column], list[list[Cell]]]:
    """Return columns and rows without a column that is empty for all runs."""
    used = [
        place
        for place, column in enumerate(_COLUMNS)
        if column.title not in _MAY_BE_EMPTY or any(row[place].text for row in rows)
    ]
    return [_COLUMNS[place] for place in used], [[row[place] for place in used] for row in rows]
