"""`runlore restore`: bring removed runs back from the trash."""

from typing import TYPE_CHECKING

import click

from runlore.cli.arguments import SOME_RUNS
from runlore.cli.labelling import label
from runlore.cli.options import verb
from runlore.cli.session import Session

if TYPE_CHECKING:
    from runlore.projections.run_view import RunView
    from runlore.runtimes.run import Run


@verb("restore", "runlore restore k3f9x2ab", "runlore restore k3f9x2ab --reason 'it is cited'")
@SOME_RUNS
@click.option("--reason", metavar="TEXT", default="", help="Why; it goes on record.")
def restore(session: Session, *, run_ids: tuple[str, ...], reason: str) -> None:
    """Bring removed runs back from the trash, with everything they had.

    No rule removes them again; `runlore rm` can.

    Exits with 5 if the bytes of one are gone for good, 3 if one is not in the trash.
    """

    def act(run: "Run") -> None:
        run.restore(reason)

    def line(view: "RunView") -> str:
        return f"{view.short_id}  restored"

    label(session, session.some(run_ids, destructive=True), act, line, dry_run=False)
