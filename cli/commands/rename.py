"""`runlore rename`: give a run another name."""

import click

from runlore.cli.arguments import RUN_ID
from runlore.cli.options import verb
from runlore.cli.session import Session


@verb("rename", "runlore rename k3f9x2ab nightly", "runlore rename k3f9x2ab ''")
@RUN_ID
@click.argument("name")
def rename(session: Session, *, run_id: str, name: str) -> None:
    """Give a run another NAME; an empty one takes its name away.

    Several runs may have the same name: it then means the latest of them.
    """
    run = session.registry.get(run_id)
    run.rename(name)
    view = run.view()
    session.output.answer(
        view, lambda: [f"{view.short_id}  {session.output.text(view.name or '-')}"], [run.id]
    )
