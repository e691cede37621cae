"""`runlore pin`: keep runs until they are unpinned."""

from typing import TYPE_CHECKING

import click

from runlore.cli.arguments import RUN_IDS
from runlore.cli.labelling import label
from runlore.cli.meant import DRY_RUN, WHERE, meant
from runlore.cli.options import verb
from runlore.cli.session import Session

if TYPE_CHECKING:
    from runlore.projections.run_view import RunView
    from runlore.runtimes.run import Run


@verb(
    "pin",
    "runlore pin k3f9x2ab --reason 'the paper cites it'",
    'runlore pin --filter "tags.release = v2" --dry-run',
)
@RUN_IDS
@WHERE
@click.option("--reason", metavar="TEXT", default="", help="Why; it goes on record.")
@DRY_RUN
def pin(session: Session, *, run_ids: tuple[str, ...], where: str | None, reason: str, dry_run: bool) -> None:
    """Keep runs until they are unpinned, whatever rules there are and whoever names them to `rm`.

    Works on runs that go on and on runs that have ended; who did it, when and why is kept. One that is
    pinned already stays as it is.

    Exits with 5 if a run is removed, or in the trash: `runlore restore` comes first.
    """

    def act(run: "Run") -> None:
        run.pin(reason)

    def line(view: "RunView") -> str:
        return f"{view.short_id}  pinned"

    label(session, meant(session, run_ids, where), act, line, dry_run=dry_run)
