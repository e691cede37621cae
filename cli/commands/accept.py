"""`runlore accept`: accept the outcome of runs."""

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
    "accept",
    "runlore accept k3f9x2ab --reason 'reviewed by two of us'",
    'runlore accept --filter "tags.release = v2" --dry-run',
)
@RUN_IDS
@WHERE
@click.option("--reason", metavar="TEXT", default="", help="Why; it goes on record.")
@DRY_RUN
def accept(
    session: Session, *, run_ids: tuple[str, ...], where: str | None, reason: str, dry_run: bool
) -> None:
    """Accept the outcome of runs that have ended; no rule and no `rm` takes them from then on.

    Who did it, when and why is kept. One that is accepted already stays as it is.

    Exits with 5 if a run goes on, is removed, or is in the trash: `runlore restore` comes first.
    """

    def act(run: "Run") -> None:
        run.accept(reason)

    def line(view: "RunView") -> str:
        return f"{view.short_id}  accepted"

    label(session, meant(session, run_ids, where), act, line, dry_run=dry_run)
