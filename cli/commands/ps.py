"""`runlore ps`: list the runs that matter now."""

import click

from runlore.cli import run_list
from runlore.cli.arguments import TREE, filters
from runlore.cli.options import verb
from runlore.cli.session import Session


@verb(
    "ps",
    "runlore ps",
    "runlore ps --status failed --since 1d",
    "runlore ps -a --tag env=prod --limit 20",
    "runlore ps -a --sort=-duration_s --limit 3",
    "runlore ps --tree",
    "runlore ps --watch",
    "runlore ps --watch --json --status failed",
    "runlore stop $(runlore ps -q --status running --name nightly)",
)
@click.option(
    "-a", "--all", "everything", is_flag=True, help="All runs; so does any of the filters, and --limit."
)
@click.option("--watch", is_flag=True, help="Go on showing them, as they are, until Ctrl-C.")
@TREE
@filters
def ps(session: Session, *, everything: bool, watch: bool, **chosen: object) -> None:
    """List runs, newest first or as --sort says: the live ones and the last five that ended.

    What is shown is how the runs are now: a run whose keeper died shows how it ended, though nobody
    has written that down yet.

    --watch draws the list in place on a terminal; a pipe gets it again when something changed, with
    --json as a stream. Ctrl-C ends the watching, with 0, and never a run.
    """
    if watch:
        from runlore.cli.run_watch import RunWatch  # noqa: PLC0415 - few stay

        RunWatch(session, chosen, everything=everything).show()
        return
    run_list.answer(session, chosen, everything=everything)
