"""Lines drawn over in place: what a terminal shows, and what stays of what stood there before."""

import re

from hypothesis import given
from hypothesis import strategies as st

from runlore.cli.frames import fitted, redrawn

COLUMNS, ROWS = 12, 6
LINES = st.lists(st.text("ab", max_size=30), max_size=8)


class Screen:
    """A terminal that wraps, scrolls, and knows the three escapes that are used."""

    def __init__(self, columns: int, rows: int) -> None:
        self.columns, self.rows = columns, rows
        self.lines, self.row, self.column = [""], 0, 0

    def write(self, text: str) -> "Screen":
        for part in re.split(r"(\x1b\[\d*[ABK]|\r|\n)", text):
            if part.endswith("A") and part.startswith("\x1b"):
                top = max(0, len(self.lines) - self.rows)
                self.row = max(top, self.row - int(part[2:-1]))
            elif part == "\x1b[K":
                self.lines[self.row] = self.lines[self.row][: self.column]
            elif part == "\x1b[1B":
                self.row += 1
            elif part == "\r":
                self.column = 0
            elif part == "\n":
                self._down()
            else:
                for letter in part:
                    self._put(letter)
        return self

    def _put(self, letter: str) -> None:
        if self.column == self.columns:
            self._down()
        line = self.lines[self.row]
        self.lines[self.row] = line[: self.column] + letter + line[self.column + 1 :]
        self.column += 1

    def _down(self) -> None:
        self.row, self.column = self.row + 1, 0
        if self.row == len(self.lines):
            self.lines.append("")


def shown(*frames: list[str]) -> list[str]:
    """Return what stands on the screen after these frames, and a prompt."""
    screen, before = Screen(COLUMNS, ROWS).write("before\n"), list[str]()
    for frame in frames:
        lines = fitted(frame, COLUMNS, ROWS)
        screen.write(redrawn(before, lines, COLUMNS, ROWS))
        before = lines
    lines = screen.write("$").lines
    while not lines[-1]:
        lines.pop()
    return lines


def test_a_frame_takes_the_place_of_the_one_before() -> None:
    """Longer or shorter; what was on the screen before stays."""
    assert shown(["one", "two", "three"], ["1"]) == ["before", "1", "$"]
    assert shown(["one"], ["1", "2"], []) == ["before", "$"]


def test_what_does_not_fit_is_counted() -> None:
    """One row stays free for the cursor, and wrapped lines take as many as they take."""
    assert fitted(["a"] * 5, COLUMNS, ROWS) == ["a"] * 5
    assert fitted(["a"] * 9, 20, ROWS) == [*["a"] * 4, "and 5 more lines"]
    assert fitted(["a" * 25, "b" * 13, "c"], 20, 4) == ["a" * 25, "and 2 more lines"]


def test_colours_take_no_cells() -> None:
    """A coloured line that fits is not taken for one that wraps."""
    line = f"\x1b[31m{'a' * COLUMNS}\x1b[0m"

    assert redrawn([line], [], COLUMNS, ROWS).startswith("\x1b[1A")


@given(st.lists(LINES, min_size=1, max_size=4))
def test_whatever_was_shown_only_the_last_frame_stays(frames: list[list[str]]) -> None:
    """Frames of any lines, wrapped ones included, leave nothing of each other behind."""
    assert shown(*frames) == shown(frames[-1])
