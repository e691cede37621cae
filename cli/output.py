"""What goes to standard output: a view for a program, or lines for a person; never both.

stdout is data, stderr is talk. Nothing here decides what is said, only how it gets out: as JSON, as
picked fields, as ids, or as text that fits the terminal and holds no byte that could control it.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final

from runlore.cli import errors, looks, standard
from runlore.cli.cells import ELLIPSIS
from runlore.projections.printable import printable

if TYPE_CHECKING:
    from runlore.cli.looks import Color
    from runlore.cli.outcomes import Tint
    from runlore.cli.progress import Progress
    from runlore.projections.stream_records import ControlRecord
    from runlore.projections.submit_views import SubmitEnd

_BATCH: Final = 1 << 16
"""Bytes written at once where nobody waits for each line."""


class Output:
    """Standard output and standard error of one command."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.json = False
        self.fields: tuple[str, ...] = ()
        self.quiet = False
        self.no_trunc = False
        self.color: Color = "auto"
        self.encoding = standard.encoding()
        self.below: Callable[[], None] = _nothing
        """Wipes what stands below the output on a terminal; called before anything is written."""
        self.until_writable: Callable[[], None] | None = None
        """Waits for who reads standard output, for somebody who has something else to do meanwhile."""
        self._pending: list[bytes | memoryview] = []
        self.pending = 0
        """Bytes that were not handed over yet."""

    # -- data

    @property
    def is_for_programs(self) -> bool:
        """Standard output is to hold an answer and nothing beside it."""
        return self.json or bool(self.fields)

    def answer(self, view: object, lines: Callable[[], Iterable[str]], ids: Iterable[str] = ()) -> None:
        """Write a view once: as JSON, as the fields asked for, as ids only, or as the lines for people."""
        if self.json:
            self.put(self.encoded(view))
        elif self.fields:
            self.rows(view)
        elif self.quiet:
            for run_id in ids:
                self.line(run_id)
        else:
            for line in lines():
                self.line(line)
        self.flush()

    def rows(self, view: object) -> None:
        """Write the fields asked for as tab-separated text."""
        from runlore.cli.columns import rows  # noqa: PLC0415 - only for scripts

        for row in rows(view, self.fields):
            self.line(row)

    def record(self, view: object, *, live: bool) -> None:
        """Write one line of a stream of JSON objects; at once, if somebody waits for it."""
        self.put(self.encoded(view))
        self.flush(live=live)

    def control(self, record: "ControlRecord | SubmitEnd") -> None:
        """Write what a stream says about itself, whole whatever fields were asked for; only as JSON."""
        if self.json:
            from runlore.projections.encoding import encode_view  # noqa: PLC0415 - see encoded

            self.put(encode_view(record) + b"\n")
            self.flush()

    def line(self, text: str) -> None:
        """Write a line for people; what is in it was made printable where it was put together."""
        self.put_text(text + "\n")

    def put_text(self, text: str) -> None:
        """Write text for people without ending the line."""
        self.put(text.encode(self.encoding, "backslashreplace"))

    def put(self, data: bytes) -> None:
        """Write bytes as they are; `flush` hands them over."""
        self._pending.append(data)
        self.pending += len(data)

    def flush(self, *, live: bool = True) -> None:
        """Hand everything over; with `live` off, only once there is much of it.

        Raises:
            OutputFailed: standard output does not take it. Whatever `until_writable` does: what is left by
            then is handed over next time.
        """
        if not live and self.pending < _BATCH:
            return
        data, self._pending, self.pending = b"".join(self._pending), [], 0
        if not data:
            return
        self.below()
        if self.until_writable is None:
            standard.write(data)
        else:
            self._flush_in_pieces(data, self.until_writable)

    def _flush_in_pieces(self, data: bytes, until_writable: Callable[[], None]) -> None:
        """Hand over pieces that a reader takes at once, each whole; in front of each may be waited."""
        rest = memoryview(data)
        while rest:
            left: list[bytes | memoryview] = [rest]
            self._pending, self.pending = left, len(rest)
            until_writable()
            piece, rest = rest[: standard.PIECE], rest[standard.PIECE :]
            standard.write(piece)
        self._pending, self.pending = [], 0

    # -- talk

    def say(self, text: str) -> None:
        """Write a line to standard error, unless ids only were asked for."""
        if not self.quiet:
            self.warn(text)

    def say_below(self, text: str) -> None:
        """Say something after Ctrl-C: a terminal has shown `^C` and is not at the beginning of a line."""
        self.below()
        if os.isatty(2) and not self.quiet:
            standard.complain(b"\n")
        self.say(text)

    def warn(self, text: str) -> None:
        """Write a line to standard error."""
        self.flush()
        self.below()
        errors.say(text)

    def progress(self, done: str, total: int, noun: str) -> "Progress":
        """Return what tells on a terminal how far long work is: `verified 120 of 4,000 journals`."""
        from runlore.cli.progress import Progress  # noqa: PLC0415 - few commands take long

        return Progress(done, total, noun, shown=not self.quiet)

    # -- form

    def text(self, text: str) -> str:
        """Return somebody else's text as it may stand inside a line for people, in the cells it will take."""
        shown = printable(text)
        return shown if shown.isascii() else self._shown(shown)

    def _shown(self, text: str) -> str:
        """Return text with an escape for each character that the encoding of standard output has not."""
        return text.encode(self.encoding, "backslashreplace").decode(self.encoding)

    @property
    def ellipsis(self) -> str:
        """What stands for text left out, in an encoding that may not have the sign for it."""
        try:
            ELLIPSIS.encode(self.encoding)
        except (UnicodeError, LookupError):
            return "..."
        return ELLIPSIS

    @property
    def width(self) -> int | None:
        """Cells of a line: COLUMNS if it is a sensible number, else the terminal's; None for a pipe."""
        if self.no_trunc:
            return None
        return looks.width(self._environ)

    def tint(self, color: "Tint") -> Callable[[str], str]:
        """Return what colours a text, or leaves it alone where nobody wants colours."""
        if not looks.has_colors(self._environ, self.color):
            return str
        return lambda text: looks.tinted(text, color)

    @property
    def is_fine(self) -> bool:
        """There are signs beyond ASCII to draw with."""
        return self.ellipsis == ELLIPSIS

    @property
    def is_dumb(self) -> bool:
        """The terminal obeys no escapes."""
        return looks.is_dumb(self._environ)

    def encoded(self, view: object) -> bytes:
        """Return a view as a line of JSON, with only the fields asked for."""
        from runlore.projections.encoding import encode_view  # noqa: PLC0415 - people need no JSON

        if self.fields:
            from runlore.projections.fields import pick  # noqa: PLC0415 - only for scripts

            view = pick(view, self.fields)
        return encode_view(view) + b"\n"


def _nothing() -> None:
    """Do nothing."""
