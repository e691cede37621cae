"""`runlore logs`: show what the commands of runs wrote."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from runlore.cli import run_names, standard
from runlore.cli.arguments import RUN_IDS
from runlore.cli.errors import Failed
from runlore.cli.following import Following
from runlore.cli.log_text import LogText, line_record
from runlore.cli.log_window import Chunks
from runlore.cli.options import verb
from runlore.cli.progress_line import ProgressLine
from runlore.cli.session import Session
from runlore.journal import ids
from runlore.journal.values import RunId, Stream
from runlore.projections import filters
from runlore.projections.stream_records import ControlRecord
from runlore.runtimes.folding import RunFold
from runlore.runtimes.transcript_tails import Tails, Window

if TYPE_CHECKING:
    from runlore.journal.errors import NotFound


@verb(
    "logs",
    "runlore logs",
    "runlore logs -f nightly",
    "runlore logs -f -n 10 api worker",
    "runlore logs -n 20 latest:failed",
    "runlore logs --since 10m -t --stream stderr k3f9x2ab",
    "runlore logs --raw --stream stdout k3f9x2ab > out.txt",
)
@RUN_IDS
@click.option("-f", "--follow", is_flag=True, help="Go on as output comes, until the runs have ended.")
@click.option("-n", "--last", metavar="N", type=int, help="Only the last N lines of each run.")
@click.option("--since", metavar="WHEN", help="Only from then on: 10m (ago), 2026-11-20, or a full time.")
@click.option("--until", metavar="WHEN", help="Only what came before then; -f ends there.")
@click.option("-t", "--timestamps", is_flag=True, help="Each line with the time it came, in UTC.")
@click.option("--stream", type=click.Choice(["stdout", "stderr"]), help="Only this one; otherwise both.")
@click.option("--raw", is_flag=True, help="The bytes as they were; a terminal will obey what is in them.")
def logs(
    session: Session,
    *,
    run_ids: tuple[str, ...],
    follow: bool,
    last: int | None,
    since: str | None,
    until: str | None,
    timestamps: bool,
    stream: Stream | None,
    raw: bool,
) -> None:
    """Show what the commands of runs wrote; without an ID the only live one, else the latest.

    Both streams, in the order they were read. Of several runs each line begins with the run's name, and
    they are in the order of time. Whatever could control a terminal is shown as an escape, but for
    colours with --color=always. A line that was written over, as progress bars are, is drawn over on a
    terminal; a pipe gets it all. Ctrl-C ends the following and never a run.
    """
    if raw and timestamps:
        raise click.UsageError("--raw and -t exclude each other", click.get_current_context())
    if last is not None and (last < 0 or since is not None):
        raise click.UsageError("-n is a number of lines, and excludes --since", click.get_current_context())
    begin = filters.when(since, session.now) if since is not None else None
    end = filters.when(until, session.now) if until is not None else None
    wanted = session.some_or_one(run_ids)
    if raw and len(wanted) > 1:
        raise click.UsageError(
            "--raw takes one run: nothing would tell two apart", click.get_current_context()
        )
    window = Window(stream=stream, last=last, since=begin, until=end, follow=follow)
    log = _Log(session, wanted, window, timestamps=timestamps, raw=raw)
    with Following(session, _goes_on(wanted)):
        shown = log.show()
    session.output.control(ControlRecord(type="end", reason=log.why_it_ended()))
    if not shown and not log.missing:
        of = f"run {wanted[0]}" if len(wanted) == 1 else f"{len(wanted)} runs"
        session.output.say(f"nothing to show of {of}" + ("" if log.all_ended() else " so far"))
    if log.missing:
        raise Failed(log.missing[0].exit_code)


class _Log:
    """Shows the output of runs as it was asked for."""

    def __init__(
        self, session: Session, run_ids: Sequence[RunId], window: Window, *, timestamps: bool, raw: bool
    ) -> None:
        self._session, self._run_ids, self._window = session, run_ids, window
        self._timestamps, self._raw = timestamps, raw
        self._ended: set[RunId] = set()
        self._lossy: dict[RunId, None] = {}
        self.missing: list[NotFound] = []
        """Why runs have no output to show; it was said."""

    def show(self) -> bool:
        """Write the output, and say whether there was any."""
        several = len(self._run_ids) > 1
        if self._session.output.json or several or self._timestamps or self._window.last is not None:
            return self._show_lines(several=several)
        return self._show_chunks()

    def all_ended(self) -> bool:
        """Say whether all of the runs were over when they were last looked at."""
        return self._ended.issuperset(self._run_ids)

    def why_it_ended(self) -> str:
        """Return the reason that the stream gives for its end."""
        if self.all_ended():
            return "ended"
        return "until" if self._window.follow and self._window.until is not None else "caught_up"

    def _show_chunks(self) -> bool:
        """Write one run's output for people as it was read; by lines only where lines matter."""
        (run_id,) = self._run_ids
        text, below = self._text(), self._below()
        with Chunks(self._session.registry, run_id, self._window) as chunks:
            try:
                for chunk in chunks.read(lambda: _look(below)):
                    text.show(run_id, chunk.stream, chunk.at, chunk.data, chunk.lost)
                    self._note_loss(run_id, chunk.lost)
                    below.wrote(chunk.data)
            finally:
                below.wipe()
        self._finish(text, chunks)
        return text.any

    def _show_lines(self, *, several: bool) -> bool:
        output = self._session.output
        text, below = self._text(named=several), self._below()
        whole = several and not output.json and not os.isatty(1)
        tails = Tails(self._session.registry, self._run_ids, self._window, whole=whole)
        output.control(ControlRecord(type="ready"))  # now it stands where it begins
        some = False
        try:
            for item in tails.read():
                if item is None:
                    standard.require_reader()
                    self._tell_missing(tails)
                    below.look()
                    continue
                run_id, line = item
                some = True
                self._note_loss(run_id, line.lost)
                if output.json:
                    output.record(line_record(run_id, line), live=self._window.follow)
                else:
                    text.show(run_id, line.stream, line.at, line.data, line.lost)
                    below.wrote(line.data)
            self._tell_missing(tails)
        finally:
            below.wipe()
            tails.close()
        self._finish(text, tails)
        return some

    def _tell_missing(self, tails: Tails) -> None:
        """Say of which runs there is no output; of one alone that is the whole answer.

        Raises:
            NotFound: the only run has no transcript.
        """
        for error in list(tails.missing.values())[len(self.missing) :]:
            if len(self._run_ids) == 1:
                raise error
            self.missing.append(error)
            self._session.output.warn(f"error: {error}")

    def _text(self, *, named: bool = False) -> LogText:
        session = self._session
        views = [session.registry.view(run_id) for run_id in self._run_ids] if named else []
        return LogText(
            session.output,
            timestamps=self._timestamps,
            raw=self._raw,
            live=self._window.follow,
            names=run_names.prefixes(session.output, views),
        )

    def _below(self) -> ProgressLine:
        """Return what shows the progress of a run that is followed alone."""
        registry = self._session.registry
        alone = len(self._run_ids) == 1
        folded = RunFold(registry.disk, registry.layout, self._run_ids[0]) if alone else None
        return ProgressLine(self._session.output, folded)

    def _finish(self, text: LogText, source: Chunks | Tails) -> None:
        """End the last line, and say what was not shown."""
        text.finish()
        self._ended = source.ended
        for run_id in source.shrunk:
            self._session.output.warn(f"the transcript of run {run_id} was cut while it was read")
        for run_id in self._lossy:
            self._say_why(run_id)
        if text.hidden and not self._window.follow:
            which = " ".join(map(ids.short, self._run_ids))
            self._session.output.say(
                f"lines that were written over: `runlore logs {which} | cat` shows it all"
            )

    def _note_loss(self, run_id: RunId, lost: int) -> None:
        if lost:
            self._lossy[run_id] = None

    def _say_why(self, run_id: RunId) -> None:
        """Say why output is missing, where it was not kept for the sake of secrets."""
        known = self._session.registry.view(run_id).secrets
        if known is not None and not known.output_kept:
            from runlore.cli.run_text import DROPPED  # noqa: PLC0415 - rare

            self._session.output.say(f"output of run {run_id} was counted and not kept: {DROPPED}")


def _look(below: ProgressLine) -> None:
    """Do what is due while more is awaited."""
    standard.require_reader()
    below.look()


def _goes_on(run_ids: Sequence[RunId]) -> str:
    """Return what is said after Ctrl-C."""
    again = f"`runlore logs -f {' '.join(map(ids.short, run_ids))}` follows"
    if len(run_ids) == 1:
        return f"run {run_ids[0]} goes on; {again} it again"
    return f"{len(run_ids)} runs go on; {again} them again"
