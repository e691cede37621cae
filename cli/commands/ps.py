"""`runlore ps`: list the runs that matter now."""

import click

from runlore.cli import run_list
from runlore.cli.arguments import filters
from runlore.cli.options import verb
from runlore.cli.session import Session


@verb(
    "ps",
    "runlore ps",
    "runlore ps --status failed --since 1d",
    "runlore ps -a --tag env=prod --limit 20",
    "runlore stop $(runlore ps -q --status running --name nightly)",
)
@click.option("-a", "--all", "everything", is_flag=True, help="All runs; so does any of the filters.")
@filters
def ps(session: Session, *, everything: bool, **chosen: object) -> None:
    """List runs, newest first: the live ones and the last five that ended.

    What is shown is how the runs are now: a run whose keeper died shows how it ended, though nobody
    has written that down yet.
    """
    run_list.answer(session, chosen, everything=everything)
