"""`runlore pause`: stop the processes of runs for a while."""

import click

from runlore.cli.arguments import SOME_RUNS
from runlore.cli.intervening import intervene
from runlore.cli.options import verb
from runlore.cli.session import Session


@verb(
    "pause",
    "runlore pause nightly",
    "runlore pause k3f9x2ab --reason 'the night shift needs the GPU'",
)
@SOME_RUNS
@click.option("--reason", metavar="TEXT", default="", help="Why; it goes on record.")
def pause(session: Session, *, run_ids: tuple[str, ...], reason: str) -> None:
    """Stop all processes of runs (SIGSTOP) until `runlore unpause`.

    The run's status does not change; `ps` and `show` tell that it is paused. Its keeper goes on, so
    nothing is lost, `--idle-timeout` stands still, and `runlore stop` ends it as ever; `--timeout` goes
    on. A run that is paused already stays so. Who did it, and why, is noted in the run's journal.
    """
    intervene(session, run_ids, "SIGSTOP", lambda run: run.pause(reason))
