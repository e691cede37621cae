"""`runlore ls`: list all runs."""

from runlore.cli import run_list
from runlore.cli.arguments import TREE, filters
from runlore.cli.options import verb
from runlore.cli.session import Session


@verb(
    "ls",
    "runlore ls",
    "runlore ls --status failed,timed_out",
    "runlore ls --sort=name,-created_at",
    "runlore ls --fields run_id,exit_code",
)
@TREE
@filters
def ls(session: Session, **chosen: object) -> None:
    """List all runs, newest first or as --sort says; the same as `ps --all`."""
    run_list.answer(session, chosen, everything=True)
