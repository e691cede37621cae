"""Output of a command for people: escaped, timed, and never torn between two streams."""

import codecs
from datetime import datetime
from typing import TYPE_CHECKING, Final

from runlore.journal.values import RunId, Stream
from runlore.projections.printable import printable_body
from runlore.projections.views import LineRecord
from runlore.runtimes.transcript_lines import Line

if TYPE_CHECKING:
    from runlore.cli.output import Output

_RESET: Final = "\x1b[0m"


class LogText:
    """Writes pieces of output as they come; what comes in pieces stays one line."""

    def __init__(self, output: "Output", *, timestamps: bool, raw: bool, live: bool) -> None:
        self._output, self._timestamps, self._raw, self._live = output, timestamps, raw, live
        self._decoders = {name: _decoder() for name in ("stdout", "stderr")}
        self._open: Stream | None = None
        self._stamped: datetime | None = None
        self._text = ""
        self.any = False
        """Something was written."""

    def show(self, stream: Stream, at: datetime, data: bytes, lost: int) -> None:
        """Write a piece of one stream; with timestamps it holds no newline but at its end."""
        self.any = True
        if self._raw:
            self._output.put(data)
            if lost:
                self._output.say(f"{lost:,} bytes of {stream} are missing here")
        else:
            self._show_text(stream, at, self._decoders[stream].decode(data))
            if lost:
                self._end()
                self._output.put_text(f"[{lost:,} bytes of {stream} are missing here]\n")
        self._output.flush(live=self._live)

    def finish(self) -> None:
        """End the last line, so that the next prompt begins on its own."""
        for stream, decoder in self._decoders.items():
            if not self._raw and (rest := decoder.decode(b"", final=True)):
                self._output.put_text(printable_body(rest))
                self._open = "stdout" if stream == "stdout" else "stderr"
        self._end()
        self._output.flush()

    def _show_text(self, stream: Stream, at: datetime, text: str) -> None:
        if not text:
            return
        if self._open not in {None, stream}:
            self._end()
        if self._timestamps and self._open is None:
            self._output.put_text(self._stamp(at))
        self._output.put_text(self._shown(text))
        self._open = None if text.endswith("\n") else stream

    def _stamp(self, at: datetime) -> str:
        """Return the time that stands before a line; the lines of one chunk share theirs."""
        if at is not self._stamped:
            self._stamped = at
            self._text = f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z "
        return self._text

    def _shown(self, text: str) -> str:
        """Return text without anything that a terminal obeys, but for colours if those are wanted."""
        if text.replace("\n", "").isprintable():
            return text
        body = text.replace("\r\n", "\n")  # how other systems end lines; nothing is overwritten by it
        if self._output.color != "always" or "\x1b[" not in body:
            return printable_body(body)
        return "\n".join(map(_coloured, body.split("\n")))

    def _end(self) -> None:
        if self._open is not None:
            self._output.put_text("\n")
            self._open = None


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


def _coloured(line: str) -> str:
    """Return a line with its colours (SGR) and nothing else a terminal obeys; they end with the line."""
    import re  # noqa: PLC0415 - only for coloured output

    parts = re.split(r"(\x1b\[[0-9;:]*m)", line)
    shown = "".join(part if place % 2 else printable_body(part) for place, part in enumerate(parts))
    return shown + _RESET if len(parts) > 1 else shown


def _decoder() -> codecs.IncrementalDecoder:
    """Return what decodes UTF-8 in pieces: a character cut between two of them is not torn."""
    return codecs.getincrementaldecoder("utf-8")("surrogateescape")
