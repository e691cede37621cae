"""`runlore unpause`: let paused runs go on."""

import click

from runlore.cli.arguments import SOME_RUNS
from runlore.cli.intervening import intervene
from runlore.cli.options import verb
from runlore.cli.session import Session


@verb(
    "unpause",
    "runlore unpause nightly",
)
@SOME_RUNS
@click.option("--reason", metavar="TEXT", default="", help="Why; it goes on record.")
def unpause(session: Session, *, run_ids: tuple[str, ...], reason: str) -> None:
    """Let all processes of runs go on that are stopped (SIGCONT), whoever stopped them."""
    intervene(session, run_ids, "SIGCONT", lambda run: run.unpause(reason))
