"""A user's own patterns, which only RE2 may run: it takes linear time for every pattern and text. Pure."""

import re
from collections.abc import Sequence
from typing import Final

from runlore.journal.engines import Compiled, has_re2, re2_pattern
from runlore.journal.errors import BadInput
from runlore.journal.secret_text import REDACTED

_MARK: Final = REDACTED.encode()
_LINE_ENDS: Final = re.compile(rb"([\r\n]+)")


class Patterns:
    """Patterns that are redacted wherever they match within one line; immutable.

    Raises:
        BadInput: RE2 is not installed, or a pattern is none.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns: Final = tuple(map(_compiled, patterns))

    def cleaned(self, line: bytes) -> bytes:
        """Return the line without what matches; doing it again changes nothing more."""
        while (cleaner := self._once(line)) != line:
            line = cleaner
        return line

    def cleaned_lines(self, text: bytes) -> bytes:
        """Return several lines, each of them cleaned."""
        return b"".join(self.cleaned(part) for part in _LINE_ENDS.split(text))

    def _once(self, line: bytes) -> bytes:
        marks = _marks(line)
        spans = [span for pattern in self._patterns for span in _spans(pattern, line, marks)]
        if not spans:
            return line
        parts: list[bytes] = []
        done = 0
        for start, end in sorted(spans):
            if start > done or not parts:
                parts += (line[done:start], _MARK)
            done = max(done, end)
        return b"".join([*parts, line[done:]])


def _compiled(pattern: str) -> Compiled:
    if not has_re2():
        raise BadInput(
            f"pattern {pattern!r}: only RE2 may run patterns of your own, and it is not installed; "
            "pip install 'runlore[redact]'"
        )
    try:
        compiled = re2_pattern(pattern.encode(), utf8=True)
    except ValueError as error:
        raise BadInput(f"pattern {pattern!r} is no regular expression of RE2: {error}; correct it") from None
    if compiled is None:
        raise BadInput(f"pattern {pattern!r} is too large for RE2; make it smaller")
    return compiled


def _marks(line: bytes) -> list[tuple[int, int]]:
    marks: list[tuple[int, int]] = []
    at = line.find(_MARK)
    while at >= 0:
        marks.append((at, at + len(_MARK)))
        at = line.find(_MARK, at + len(_MARK))
    return marks


def _spans(pattern: Compiled, line: bytes, marks: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return what matches between the marks; text that is redacted already is no text."""
    begin, spans = 0, list[tuple[int, int]]()
    for start, end in (*marks, (len(line), len(line))):
        for found in pattern.finditer(line, begin, start):
            if found.start() < found.end():
                spans.append((found.start(), found.end()))
        begin = end
    return spans
