"""Output of a command as lines for people: escaped, timed, and never torn between two streams."""

from typing import TYPE_CHECKING, Final

from runlore.journal.values import RunId, Stream
from runlore.projections.printable import printable_body
from runlore.projections.views import LineRecord
from runlore.runtimes.transcript_lines import Line

if TYPE_CHECKING:
    from runlore.cli.output import Output

_RESET: Final = "\x1b[0m"
_BATCH: Final = 1 << 16
"""Bytes written at once where nobody waits for each line."""


class Lines:
    """Writes lines as they come; a line that comes in pieces stays one line."""

    def __init__(self, output: "Output", *, timestamps: bool, raw: bool, live: bool) -> None:
        self._output, self._timestamps, self._raw, self._live = output, timestamps, raw, live
        self._open: Stream | None = None
        self.any = False
        """Something was written."""

    def show(self, line: Line) -> None:
        """Write a line, or a piece of one."""
        self.any = True
        if self._raw:
            self._output.put(line.data)
            self._hand_over()
        elif line.lost:
            self._end()
            self._put(f"[{line.lost:,} bytes of {line.stream} are missing here]\n")
        else:
            self._show_text(line)

    def finish(self) -> None:
        """End the last line, so that the next prompt begins on its own."""
        if not self._raw:
            self._end()
        self._output.flush()

    def _show_text(self, line: Line) -> None:
        if self._open not in {None, line.stream}:
            self._end()
        text = line.data.decode("utf-8", "surrogateescape")
        ends = text.endswith("\n")
        begins = self._open is None
        stamp = f"{line.at:%Y-%m-%dT%H:%M:%S}.{line.at.microsecond // 1000:03}Z " if begins else ""
        self._put((stamp if self._timestamps else "") + self._shown(text.removesuffix("\n")) + "\n" * ends)
        self._open = None if ends else line.stream

    def _shown(self, text: str) -> str:
        """Return a line without anything that a terminal obeys, but for colours if those are wanted."""
        if self._output.color != "always" or "\x1b[" not in text:
            return printable_body(text.removesuffix("\r"))
        import re  # noqa: PLC0415 - only for coloured output

        parts = re.split(r"(\x1b\[[0-9;:]*m)", text.removesuffix("\r"))
        return (
            "".join(part if place % 2 else printable_body(part) for place, part in enumerate(parts)) + _RESET
        )

    def _end(self) -> None:
        if self._open is not None:
            self._put("\n")
            self._open = None

    def _put(self, text: str) -> None:
        self._output.put_text(text)
        self._hand_over()

    def _hand_over(self) -> None:
        if self._live or self._output.pending > _BATCH:
            self._output.flush()


def line_record(run_id: RunId, line: Line) -> LineRecord:
    """Return a line as it stands in a stream of JSON; bytes that are no UTF-8 as visible escapes."""
    text = line.data.decode("utf-8", "backslashreplace")
    return LineRecord(
        run_id=run_id,
        stream=line.stream,
        at=line.at,
        text=text.removesuffix("\n"),
        newline=text.endswith("\n"),
        lost=line.lost,
    )
