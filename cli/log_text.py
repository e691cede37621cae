"""Output of commands for people: escaped, timed, named, and never torn between two sources."""

import codecs
import os
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final

from runlore.cli.rewriting import Row
from runlore.journal.values import RunId, Stream
from runlore.projections.printable import printable_body
from runlore.projections.stream_records import LineRecord
from runlore.runtimes.transcript_lines import Line

if TYPE_CHECKING:
    from runlore.cli.output import Output

_RESET: Final = "\x1b[0m"
_WIDEST: Final = 10_000
Source = tuple[RunId, Stream]


class LogText:
    """Writes pieces of output as they come; what comes in pieces stays one line.

    names: what stands before each line of a run; none where only one run is shown.
    """

    def __init__(
        self,
        output: "Output",
        *,
        timestamps: bool,
        raw: bool,
        live: bool,
        names: Mapping[RunId, str] | None = None,
    ) -> None:
        self._output, self._timestamps, self._raw, self._live = output, timestamps, raw, live
        self._names = names or {}
        self._decoders: dict[Source, codecs.IncrementalDecoder] = {}
        self._returns: set[Source] = set()
        """Sources whose last character was a CR: what it means depends on the next one."""
        self._rows: dict[Source, Row] = {}
        self._rewrites = os.isatty(1) and not output.is_dumb
        """There is a terminal on which a line can be written over."""
        self._open: Source | None = None
        self._head = ""
        self._stamped: datetime | None = None
        self._text = ""
        self.any = False
        """Something was written."""
        self.hidden = False
        """Of some line only the last version was shown."""

    def show(self, run_id: RunId, stream: Stream, at: datetime, data: bytes, lost: int) -> None:
        """Write a piece; with timestamps or names it holds no newline but at its end."""
        self.any = True
        source = (run_id, stream)
        if self._raw:
            self._output.put(data)
            if lost:
                self._output.say(f"{lost:,} bytes of {stream} are missing here")
        else:
            self._show_text(source, at, self._decoded(source, data))
            if lost:
                self._end()
                self._output.put_text(f"{self._line_head(source, at)}[{_missing(lost, stream)}]\n")
        self._output.flush(live=self._live)

    def finish(self) -> None:
        """End the last line, so that the next prompt begins on its own."""
        if not self._raw:
            for source in list(self._decoders):
                if rest := self._decoded(source, b"", final=True):
                    self._write(source, self._stamped, rest)
        self._end()
        self._output.flush()

    def _decoded(self, source: Source, data: bytes, *, final: bool = False) -> str:
        """Return the text in a piece; half a character, and a CR at its end, wait for what follows."""
        decoder = self._decoders.get(source)
        if decoder is None:
            decoder = self._decoders[source] = _decoder()
        text = decoder.decode(data, final=final)
        if source in self._returns and (text or final):
            self._returns.discard(source)
            text = "\r" + text
        if text.endswith("\r") and not final:
            self._returns.add(source)
            text = text[:-1]
        return text

    def _show_text(self, source: Source, at: datetime, text: str) -> None:
        if text:
            self._write(source, at, text.replace("\r\n", "\n"))  # how other systems end lines

    def _write(self, source: Source, at: datetime | None, text: str) -> None:
        if self._open not in {None, source}:
            self._end()
        if self._open is None:
            self._head = self._line_head(source, at)
        if self._rewrites:
            self._write_on_terminal(source, text)
        else:
            self._output.put_text((self._head if self._open is None else "") + self._shown(text))
        self._open = None if text.endswith("\n") else source

    def _write_on_terminal(self, source: Source, text: str) -> None:
        """Write text in which a line may be written over; most of it is not, and goes out at once."""
        row = self._rows.get(source)
        if row is None:
            row = self._rows[source] = Row(self._shown, self._remark)
        if "\r" not in text and not row.begun and not self._head:
            whole = text.rfind("\n") + 1
            self._output.put_text(self._shown(text[:whole]))
            text = text[whole:]
        for line in _lines(text):
            self._output.put_text(row.feed(line, self._head, self._columns()))
            self.hidden = self.hidden or row.rewritten

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(1).columns or _WIDEST
        except OSError:
            return _WIDEST

    def _remark(self, count: int) -> str:
        self.hidden = True
        return self._output.tint("dim")(f"[{count:,} earlier version{'s' if count > 1 else ''}]")

    def _line_head(self, source: Source, at: datetime | None) -> str:
        """Return what stands before a line: whose it is, and when it came."""
        stamp = self._stamp(at) if self._timestamps and at is not None else ""
        return self._names.get(source[0], "") + stamp

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
        if self._output.color != "always" or "\x1b[" not in text:
            return printable_body(text)
        return "\n".join(map(_coloured, text.split("\n")))

    def _end(self) -> None:
        if self._open is not None:
            row = self._rows.get(self._open)
            self._output.put_text(row.end(self._head, self._columns()) if row is not None else "\n")
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


def _missing(lost: int, stream: Stream) -> str:
    return f"{lost:,} bytes of {stream} are missing here"


def _lines(text: str) -> list[str]:
    """Return the lines of a text, newlines included; only a newline ends one."""
    *whole, rest = text.split("\n")
    return [f"{line}\n" for line in whole] + ([rest] if rest else [])


def _coloured(line: str) -> str:
    """Return a line with its colours (SGR) and nothing else a terminal obeys; they end with the line."""
    import re  # noqa: PLC0415 - only for coloured output

    parts = re.split(r"(\x1b\[[0-9;:]*m)", line)
    shown = "".join(part if place % 2 else printable_body(part) for place, part in enumerate(parts))
    return shown + _RESET if len(parts) > 1 else shown


def _decoder() -> codecs.IncrementalDecoder:
    """Return what decodes UTF-8 in pieces: a character cut between two of them is not torn."""
    return codecs.getincrementaldecoder("utf-8")("surrogateescape")
