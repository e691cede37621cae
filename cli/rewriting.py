r"""Lines that are written over again by `\r`, as progress bars are, on a terminal: the last version stays.

While such a line goes on it is drawn over, cut to one row; when it ends it is shown whole, and how many
versions came before is said behind it, so that nothing can hide there. Pure.
"""

import re
from collections.abc import Callable
from typing import Final

from runlore.cli import cells

_BACK: Final = "\r\x1b[K"
_COLOUR: Final = re.compile(r"\x1b\[[0-9;:]*m")
_LONGEST: Final = 1 << 14
"""Characters of a version; a longer one is shown as it comes and can not be written over."""


class Row:
    """What one source has written since its last newline, as it stands on a terminal.

    shown: makes text printable. remark: how many earlier versions there were, as it is said.
    """

    def __init__(self, shown: Callable[[str], str], remark: Callable[[int], str]) -> None:
        self._shown, self._remark = shown, remark
        self._text = ""
        """Since the last CR; kept only while the line may have to be drawn again."""
        self._cells = self._earlier = 0
        self._begun = self._spilled = False

    @property
    def begun(self) -> bool:
        """Something of the line stands there."""
        return self._begun or self._earlier > 0

    @property
    def rewritten(self) -> bool:
        """The line was written over."""
        return self._earlier > 0

    def feed(self, text: str, head: str, columns: int) -> str:
        """Return what is to be written for more of the line; only its end may be a newline.

        head: what stands before each line. columns: of the terminal, now.
        """
        ends = text.endswith("\n")
        first, *later = text.removesuffix("\n").split("\r")
        if later:
            self._text, self._earlier = later[-1], self._earlier + len(later)
            self._spilled = False
        else:
            self._text += first
        written = self._drawn(first, head, columns, whole=ends)
        if ends:
            written += self._end()
        return written

    def end(self, head: str, columns: int) -> str:
        """Return what brings the line to its end, newline included, though none came."""
        written = self._drawn("", head, columns, whole=True) if self._earlier else ""
        return written + self._end()

    def _drawn(self, more: str, head: str, columns: int, *, whole: bool) -> str:
        if not self._earlier or self._spilled:  # nothing was written over: it only grows
            self._text = ""
            return self._grown(more, head)
        back = ""
        if self._begun:
            back = _BACK if self._cells <= columns else "\n"
        room = columns - 1 - cells.width(_COLOUR.sub("", head))
        self._begun = True
        if whole or len(self._text) > _LONGEST:
            body = self._shown(self._text)
            self._spilled = not whole
            self._text = ""
        else:
            plain = _COLOUR.sub("", self._shown(_COLOUR.sub("", self._text)))
            body = cells.cut(plain, max(room, 1), ellipsis=">")
        self._cells = cells.width(_COLOUR.sub("", head + body))
        return back + head + body

    def _grown(self, more: str, head: str) -> str:
        before = "" if self._begun else head
        body = self._shown(more)
        self._begun = True
        self._cells += cells.width(_COLOUR.sub("", before + body))
        return before + body

    def _end(self) -> str:
        remark = f" {self._remark(self._earlier)}" if self._earlier else ""
        self._restart()
        return remark + "\n"

    def _restart(self) -> None:
        self._text = ""
        self._cells = self._earlier = 0
        self._begun = self._spilled = False
