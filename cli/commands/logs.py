"""`runlore logs`: show what a run's command wrote."""

import click

from runlore.cli.arguments import ONE_RUN
from runlore.cli.following import Following
from runlore.cli.log_text import LogText, line_record
from runlore.cli.log_window import Window, chunks, lines
from runlore.cli.options import verb
from runlore.cli.progress_line import ProgressLine
from runlore.cli.session import Session
from runlore.journal.values import Stream
from runlore.projections import filters
from runlore.projections.views import ControlRecord
from runlore.runtimes.folding import RunFold
from runlore.runtimes.run import Run


@verb(
    "logs",
    "runlore logs",
    "runlore logs -f nightly",
    "runlore logs -n 20 latest:failed",
    "runlore logs --since 10m -t --stream stderr k3f9x2ab",
    "runlore logs --raw --stream stdout k3f9x2ab > out.txt",
)
@ONE_RUN
@click.option("-f", "--follow", is_flag=True, help="Go on as output comes, until the run has ended.")
@click.option("-n", "--last", metavar="N", type=int, help="Only the last N lines.")
@click.option("--since", metavar="WHEN", help="Only from then on: 10m (ago), 2026-11-20, or a full time.")
@click.option("--until", metavar="WHEN", help="Only what came before then.")
@click.option("-t", "--timestamps", is_flag=True, help="Each line with the time it came, in UTC.")
@click.option("--stream", type=click.Choice(["stdout", "stderr"]), help="Only this one; otherwise both.")
@click.option("--raw", is_flag=True, help="The bytes as they were; a terminal will obey what is in them.")
def logs(
    session: Session,
    *,
    run_id: str | None,
    follow: bool,
    last: int | None,
    since: str | None,
    until: str | None,
    timestamps: bool,
    stream: Stream | None,
    raw: bool,
) -> None:
    """Show what a run's command wrote; without an ID the only live one, else the latest.

    Both streams, in the order they were read. Whatever could control a terminal is shown as an escape,
    but for colours with --color=always. Ctrl-C ends the following and never the run.
    """
    if raw and timestamps:
        raise click.UsageError("--raw and -t exclude each other", click.get_current_context())
    if last is not None and (last < 0 or since is not None):
        raise click.UsageError("-n is a number of lines, and excludes --since", click.get_current_context())
    begin = filters.when(since, session.now) if since is not None else None
    end = filters.when(until, session.now) if until is not None else None
    run = session.registry.get(session.one(run_id))
    window = Window(stream=stream, last=last, since=begin, until=end, follow=follow)
    session.output.control(ControlRecord(type="ready"))
    with Following(session, f"run {run.id} goes on; `runlore logs -f {run.short_id}` follows it again"):
        if session.output.json:
            for line in lines(run, window, lambda: None):
                session.output.record(line_record(run.id, line), live=follow)
            shown = True
        else:
            shown = _show(session, run, window, timestamps=timestamps, raw=raw)
    over = run.has_ended()
    session.output.control(ControlRecord(type="end", reason="ended" if over else "caught_up"))
    if not shown:
        session.output.say(f"nothing to show of run {run.id}" + ("" if over else " so far"))


def _show(session: Session, run: Run, window: Window, *, timestamps: bool, raw: bool) -> bool:
    """Write the output for people, and say whether there was any; by lines only where lines matter."""
    below = ProgressLine(session.output, RunFold(run.registry.disk, run.registry.layout, run.id))
    text = LogText(session.output, timestamps=timestamps, raw=raw, live=window.follow)
    pieces = lines if timestamps or window.last is not None else chunks
    try:
        for piece in pieces(run, window, below.look):
            text.show(piece.stream, piece.at, piece.data, piece.lost)
            below.wrote(piece.data)
    finally:
        below.wipe()
    text.finish()
    return text.any
