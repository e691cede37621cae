"""The loop of `runlore hold`: lines in, lines out, and signals that must not make the record lie."""

import os
import signal
from typing import TYPE_CHECKING, Final

from runlore.cli import standard
from runlore.cli.errors import Failed, Interrupted
from runlore.cli.heard import Heard
from runlore.cli.lines import LONGEST, Lines
from runlore.cli.ready import readable
from runlore.cli.standard import OutputFailed
from runlore.journal.errors import BadInput, BadSettings, RunloreError
from runlore.journal.values import Reason
from runlore.projections import hold as wire
from runlore.projections.encoding import encode_view
from runlore.runtimes.hold import Hold

if TYPE_CHECKING:
    from runlore.cli.session import Session
    from runlore.runtimes.registry import Registry

_PIECE: Final = 1 << 16
_LOOK_S: Final = 0.25


class Holder:
    """Holds one run for whoever writes to standard input."""

    def __init__(self, session: "Session", registry: "Registry") -> None:
        self._output, self._hold, self._secrets = session.output, Hold(registry), registry.secrets
        self._lines, self._count = Lines(), 0
        self._interrupted = False
        self._terminal = os.isatty(0)

    def hold(self) -> None:
        """Return once the run has ended well.

        Raises:
            Failed: it ended otherwise, or never began. Interrupted: a signal ended this process.
        """
        with Heard() as heard:
            while not self._is_over():
                ready = readable(0, heard.fd, within_s=_LOOK_S)
                for number in heard.take():
                    self._note(number)
                if 0 in ready and not self._is_over():
                    self._read()
                if not self._is_over() and (stop := self._hold.look()) is not None:
                    self._say(stop)
        ended = self._hold.ended
        if ended is None or ended.status != "succeeded":
            raise Failed(1)

    def _is_over(self) -> bool:
        return self._hold.ended is not None

    def _read(self) -> None:
        piece = os.read(0, _PIECE)
        for line in self._lines.feed(piece) if piece else self._lines.finish():
            if not self._is_over():
                self._take(line)
        if not piece and not self._is_over():
            self._run_out()

    def _take(self, line: bytes | None) -> None:
        """Obey one line, and answer it."""
        self._count += 1
        if line is not None and not line.strip():
            return
        try:
            if line is None:
                raise BadInput(f"a line of more than {LONGEST:,} bytes")
            answer = self._hold.obey(self._count, wire.decode(line))
        except RunloreError as error:
            told = self._cleaned(error)
            self._say(wire.Refused(line=self._count, code=error.exit_code, message=told))
            if not self._hold.begun:
                self._output.warn(f"error: {told}")
                raise Failed(error.exit_code) from error
            return
        self._say(answer)

    def _cleaned(self, error: RunloreError) -> str:
        """Return what the error says, which may quote the message, without secrets."""
        try:
            return self._secrets.found.quoted(str(error))
        except BadSettings as refused:
            return str(refused)

    def _run_out(self) -> None:
        """End the run: there is nobody left to speak for it."""
        if not self._hold.begun:
            raise BadInput('nothing was held: the first line is {"type":"begin","name":…}')
        if self._interrupted:
            self._end(Reason(code="cancelled", text="Ctrl-C"))
        else:
            self._end()

    def _note(self, number: signal.Signals) -> None:
        """Take a signal for what it means: Ctrl-C reaches the program too, which may have something to say.

        Only a signal that is meant for us ends the run from here.
        """
        if number != signal.SIGTERM and not self._terminal:
            self._interrupted = True
            return
        if number == signal.SIGINT:
            self._end(Reason(code="cancelled", text="Ctrl-C"))
        else:
            self._end(Reason(code="owner_lost", text=f"its holder was ended by {number.name}"))
        raise Interrupted(number)

    def _end(self, why: Reason | None = None) -> None:
        ended = self._hold.end(self._count, why) if why is not None else self._hold.end(self._count)
        if ended is not None:
            self._say(ended)

    def _say(self, answer: wire.Answer) -> None:
        """Write an answer; a program that reads none may still have something to say."""
        try:
            standard.write(encode_view(answer) + b"\n")
        except OutputFailed as failure:
            self._output.say(f"answers are read no more: {failure}")
