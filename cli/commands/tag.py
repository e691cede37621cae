"""`runlore tag`: set or remove tags of a run."""

import click

from runlore.cli import run_text
from runlore.cli.arguments import RUN_ID
from runlore.cli.options import verb
from runlore.cli.session import Session
from runlore.projections import labels


@verb("tag", "runlore tag k3f9x2ab env=prod reviewed", "runlore tag nightly env-")
@RUN_ID
@click.argument("words", metavar="K[=V]|K-...", nargs=-1, required=True)
def tag(session: Session, *, run_id: str, words: tuple[str, ...]) -> None:
    """Set tags of a run (K=V, or K alone), and remove others (K-).

    Prints the tags it has then. Works on runs that have ended, too; who did it and when is kept.
    """
    removed = tuple(word[:-1] for word in words if word.endswith("-") and "=" not in word)
    wanted = labels.tags(word for word in words if not word.endswith("-") or "=" in word)
    run = session.registry.get(run_id)
    run.tag(wanted, remove=removed)
    view = run.view()
    session.output.answer(view, lambda: [f"{view.short_id}  {run_text.tags(view) or '-'}"], [run.id])
