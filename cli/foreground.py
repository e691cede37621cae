"""A run in the foreground: its output on the terminal, its end as our exit code, Ctrl-C as a wish to stop.

The run does not need this process. What it prints is followed through its transcript; whoever closes
the terminal ends only the following.
"""

import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from runlore.cli import exit_codes, run_text, standard
from runlore.cli.errors import Failed, Interrupted
from runlore.cli.heard import Heard
from runlore.cli.log_window import Chunks
from runlore.cli.progress_line import EVERY_S, ProgressLine
from runlore.cli.ready import readable
from runlore.cli.standard import OutputFailed
from runlore.journal.errors import AlreadyEnded, NotFound, RunloreError
from runlore.journal.values import RunId
from runlore.projections.run_view import RunView
from runlore.runtimes.folding import RunFold
from runlore.runtimes.messages import NotReady, NotStarted
from runlore.runtimes.transcript_tails import Window

if TYPE_CHECKING:
    from runlore.cli.session import Session
    from runlore.runtimes.link import KeeperLink

_LOOK_S: Final = 0.2
"""How often a run is looked at whose keeper does not tell us anything any more."""
_PATIENCE: Final = 3
"""So many Ctrl-C end the following, whatever the run does."""
_FD: Final = {"stdout": 1, "stderr": 2}


class Foreground:
    """Follows one run until it has ended."""

    def __init__(self, session: "Session", run_id: RunId, link: "KeeperLink", heard: Heard) -> None:
        self._session, self._link, self._heard = session, link, heard
        self._registry = session.registry
        self._run = self._registry.get(run_id)
        self._chunks = Chunks(self._registry, run_id, Window(follow=True))
        folded = RunFold(self._registry.disk, self._registry.layout, run_id)
        self._below = ProgressLine(session.output, folded)
        self._asked: list[signal.Signals] = []
        self._lost_output: OutputFailed | None = None
        self._rescued = False

    def follow(self) -> RunView:
        """Return how the run ended, after showing all of its output.

        Raises:
            Interrupted: the terminal is gone, or somebody does not want to wait any longer.
        """
        try:
            while not self._link.closed:
                self._show_news()  # after any word of the keeper's: one word stands for many nudges
                self._below.look()
                pause = EVERY_S if self._below.wanted else None
                ready = readable(self._link.fileno(), self._heard.fd, within_s=pause)
                self._answer()
                if self._link.fileno() in ready:
                    self._link.wait_news(0)
            while not (view := self._run.view()).ended_at or view.status == "collecting_artifacts":
                self._see_to_keeper(view)
                self._show_news()
                self._below.look()
                self._answer(self._heard.within(_LOOK_S))
            self._show_news()
            if self._chunks.shrunk:
                self._session.output.warn(f"the transcript of run {self._run.id} was cut while it was read")
            return view
        finally:
            self._below.wipe()
            self._chunks.close()

    def _see_to_keeper(self, view: RunView) -> None:
        """Give the run a keeper if it lost both of its processes; it is we who act here."""
        if view.health != "unsupervised":
            self._rescued = False
        elif not self._rescued:
            self._rescued = True
            self._run.wait(timeout=0)

    def conclude(self, view: RunView) -> None:
        """Leave as the command itself would have left, and say what may help after a failure."""
        output, code = self._session.output, exit_codes.of_run(view.status, view.exit_code, view.signal)
        started = self._link.wait_started(0) if self._link.ended else None
        if isinstance(started, NotStarted):
            code = started.exit_code
            output.warn(f"error: {started.text}")
        if isinstance(started, NotReady) and code:
            output.warn(f"error: {started.text}")
        if code:
            output.say(f"run {view.run_id} {run_text.outcome(view)}; see `runlore show {view.short_id}`")
        if self._asked and view.status == "cancelled":
            raise Interrupted(self._asked[0])
        if self._lost_output is not None:
            self._leave_without_output(self._lost_output, code)
        if code:
            raise Failed(code)

    # -- output

    def _show_news(self) -> None:
        """Show what the command has written since the last look."""
        with suppress(NotFound):  # of an earlier run, whose output was removed since
            for chunk in self._chunks.news():
                if chunk.data:
                    self._write(chunk.data, _FD[chunk.stream])
                if chunk.lost:
                    self._session.output.warn(f"{chunk.lost:,} bytes of {chunk.stream} could not be kept")

    def _write(self, data: bytes, fd: int) -> None:
        """Write output of the command; what its loss means depends on why."""
        self._below.wipe()
        self._below.wrote(data)
        try:
            standard.write(data, 2 if self._session.output.is_for_programs else fd)
        except OutputFailed as failure:
            if failure.hung_up:
                raise Interrupted(signal.SIGHUP) from failure
            if failure.reader_gone and not self._asked:
                self._ask(signal.SIGPIPE, "its output is read no more")
            elif not failure.reader_gone and fd == 1:  # that nobody hears talk is no failure
                self._session.output.warn(
                    f"{failure}; the run goes on, and `runlore logs {self._run.short_id}` shows it all"
                )
            if failure.reader_gone or fd == 1:
                self._lost_output = self._lost_output or failure

    def _leave_without_output(self, failure: OutputFailed, code: int) -> None:
        if failure.reader_gone:
            raise Interrupted(signal.SIGPIPE)
        raise Failed(code or exit_codes.OURS)

    # -- signals

    def _answer(self, numbers: "list[signal.Signals] | None" = None) -> None:
        for number in self._heard.take() if numbers is None else numbers:
            if number == signal.SIGHUP:
                self._session.output.say(
                    f"run {self._run.id} goes on; `runlore logs -f {self._run.short_id}`"
                )
                raise Interrupted(number)
            if len(self._asked) + 1 >= _PATIENCE:
                self._session.output.say_below(f"left alone; see `runlore show {self._run.short_id}`")
                raise Interrupted(number)
            self._ask(number, "Ctrl-C" if number == signal.SIGINT else number.name)

    def _ask(self, number: signal.Signals, reason: str) -> None:
        """Ask for a stop; the second time, by force."""
        force = bool(self._asked)
        self._asked.append(number)
        try:
            self._run.stop(reason, force=force)
        except AlreadyEnded:
            return
        except RunloreError as error:
            self._session.output.warn(f"error: {error}")
            return
        if force:
            self._session.output.say_below(f"killing run {self._run.id}")
        elif number == signal.SIGINT:
            self._session.output.say_below(f"stopping run {self._run.id}; Ctrl-C again kills it")
        else:
            self._session.output.say(f"stopping run {self._run.id}: {reason}")
