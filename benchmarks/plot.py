"""Draw a table's figures over the number of runs, as SVG; both axes are logarithmic. Pure."""

import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from benchmarks.model import CaseResult, TableResult

_WIDTH, _HEIGHT = 760, 380
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 250, 30, 50
_COLORS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000", "#7f7f7f")
"""Told apart by those too who do not see red or green (Okabe and Ito)."""
_DASHES: Final = ("", "6 3", "2 3")
_ROW: Final = 18

Point = tuple[float, float]


def points(table: TableResult) -> dict[str, list[CaseResult]]:
    """Return the cases that are points of the table's lines, by line, from left to right."""
    found: dict[str, list[CaseResult]] = {}
    for case in sorted(table.cases, key=lambda each: each.at or 0.0):
        if case.at and case.value.median > 0:
            found.setdefault(case.line, []).append(case)
    return found


def is_drawn(table: TableResult) -> bool:
    """Say whether the table has a plot: it wants one, and some line has more than one point."""
    return bool(table.across) and any(len(line) > 1 for line in points(table).values())


def svg(table: TableResult) -> str:
    """Return the plot of a table that has one."""
    lines = points(table)
    cases = [case for line in lines.values() for case in line]
    across = _Axis([case.at or 0.0 for case in cases], _LEFT, _WIDTH - _RIGHT)
    up = _Axis([case.value.median for case in cases], _HEIGHT - _BOTTOM, _TOP)
    title = escape(f"{table.title}: {table.unit} over {table.across}")
    space = f'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
    parts = [
        f'<svg {space} role="img" font-family="sans-serif" font-size="12">',
        f"<title>{title}</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        *_grid(table, across, up),
    ]
    for number, (name, line) in enumerate(lines.items()):
        places = [(across.place(case.at or 0.0), up.place(case.value.median)) for case in line]
        parts += _line(number, name, places)
    return "\n".join([*parts, "</svg>"]) + "\n"


class _Axis:
    """Whole powers of ten around some values, and where a value lies between two ends."""

    def __init__(self, values: Sequence[float], begin: float, end: float) -> None:
        self._low = math.floor(math.log10(min(values)) + 1e-9)
        self._high = max(self._low + 1, math.ceil(math.log10(max(values)) - 1e-9))
        self._begin, self._end = begin, end

    def place(self, value: float) -> float:
        share = (math.log10(value) - self._low) / (self._high - self._low)
        return round(self._begin + share * (self._end - self._begin), 1)

    def marks(self) -> Iterator[tuple[float, str]]:
        """Yield where each power of ten lies, and how it is written."""
        for power in range(self._low, self._high + 1):
            yield self.place(10.0**power), f"{10.0**power:,.{max(0, -power)}f}"


def _grid(table: TableResult, across: _Axis, up: _Axis) -> Iterator[str]:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    for x, text in across.marks():
        yield f'<line x1="{x}" y1="{_TOP}" x2="{x}" y2="{bottom}" stroke="#dddddd"/>'
        yield f'<text x="{x}" y="{bottom + 17}" text-anchor="middle">{text}</text>'
    for y, text in up.marks():
        yield f'<line x1="{_LEFT}" y1="{y}" x2="{right}" y2="{y}" stroke="#dddddd"/>'
        yield f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{text}</text>'
    middle = (_LEFT + right) / 2
    yield f'<text x="{middle}" y="{_HEIGHT - 12}" text-anchor="middle">{escape(table.across)}</text>'
    yield f'<text x="8" y="{_TOP - 12}">{escape(table.unit)}</text>'


def _line(number: int, name: str, places: Sequence[Point]) -> Iterator[str]:
    color = _COLORS[number % len(_COLORS)]
    dashes = _DASHES[number // len(_COLORS) % len(_DASHES)]
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    path = " ".join(f"{x},{y}" for x, y in places)
    yield f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"{dashed}/>'
    for x, y in places:
        yield f'<circle cx="{x}" cy="{y}" r="3" fill="{color}"/>'
    x, y = _WIDTH - _RIGHT + 16, _TOP + number * _ROW
    yield f'<line x1="{x}" y1="{y}" x2="{x + 22}" y2="{y}" stroke="{color}" stroke-width="2"{dashed}/>'
    yield f'<text x="{x + 28}" y="{y + 4}">{escape(name)}</text>'
