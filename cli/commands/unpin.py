"""`runlore unpin`: take the pins of runs away."""

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


@verb("unpin", "runlore unpin k3f9x2ab --reason 'the paper is out'", 'runlore unpin --filter "age > 365d"')
@RUN_IDS
@WHERE
@click.option("--reason", metavar="TEXT", default="", help="Why; it goes on record.")
@DRY_RUN
def unpin(
    session: Session, *, run_ids: tuple[str, ...], where: str | None, reason: str, dry_run: bool
) -> None:
    """Take the pins of runs away; the rules in `config.toml` count for them again.

    One that is not pinned stays as it is. `runlore retention ID` tells what keeps a run besides.
    """

    def act(run: "Run") -> None:
        run.unpin(reason)

    def line(view: "RunView") -> str:
        return f"{view.short_id}  not pinned"

    label(session, meant(session, run_ids, where), act, line, dry_run=dry_run)
