"""`runlore show`: show one run."""

from collections.abc import Iterator
from typing import Final

import click

from runlore.cli import cells, run_text
from runlore.cli.arguments import ONE_RUN
from runlore.cli.errors import Failed
from runlore.cli.options import verb
from runlore.cli.session import Session
from runlore.projections.printable import printable
from runlore.projections.run_view import RunView

DAMAGED: Final = 65
LONGEST: Final = 2000
"""Cells of a value on a terminal; an argument can have a hundred thousand."""


@verb(
    "show",
    "runlore show",
    "runlore show latest:failed",
    "runlore show nightly --json",
    "runlore show k3f9x2ab --fields status,exit_code",
    "runlore show nightly --at 10m        # as it was ten minutes ago",
    "runlore show nightly --at 120        # as it was behind its record 120",
)
@ONE_RUN
@click.option("--at", metavar="SEQ|WHEN", help="As its journal told it then: 120, 10m (ago), a full time.")
def show(session: Session, *, run_id: str | None, at: str | None) -> None:
    """Show one run as it is now, or was; without an ID the only live one, else the latest.

    ID is a full run id, its last eight characters or the beginning of those, a name (the latest run of
    that name), latest, latest:failed, or key:K. A damaged journal is shown up to its damage, with 65.

    --at takes the seq of a record, or a time. What the journal had told by then is shown, and a verdict
    counts from the time of its evidence on; health is of now alone.
    """
    view = session.registry.view(session.one(run_id), at=at)
    if at is not None and view.problem is None:
        session.output.say(f"as its journal told it at seq {view.seq}; without --at: as it is now")
    session.output.answer(view, lambda: _lines(session, view), [view.run_id])
    if view.problem is not None:
        session.output.warn(
            f"run {view.run_id} is shown up to its damage; see `runlore verify {view.run_id}`"
        )
        raise Failed(DAMAGED)


def _lines(session: Session, view: RunView) -> Iterator[str]:
    output, color = session.output, run_text.tint(view)
    known = [
        (what, value)
        for what, value in run_text.details(view, session.now, utc=session.utc, plain=not output.is_fine)
        if value
    ]
    wide = max(len(what) for what, _ in known)
    for what, value in known:
        text = printable(value)
        if output.width is not None:  # the terminal wraps lines, so that they can be copied whole
            text = cells.cut(text, LONGEST, ellipsis=f"{output.ellipsis} (--no-trunc shows all)")
        tint = output.tint(color) if what == "status" and color else str
        yield f"{output.tint('dim')(what.ljust(wide))}  {tint(text)}"
