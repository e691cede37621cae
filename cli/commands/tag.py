"""`runlore tag`: set or remove tags of a run, or of many."""

from typing import TYPE_CHECKING

import click

from runlore.cli import run_text
from runlore.cli.arguments import ONE_RUN
from runlore.cli.labelling import label
from runlore.cli.meant import DRY_RUN, WHERE, meant, no_id
from runlore.cli.options import verb
from runlore.cli.session import Session
from runlore.projections import labels

if TYPE_CHECKING:
    from runlore.projections.run_view import RunView
    from runlore.runtimes.run import Run


@verb(
    "tag",
    "runlore tag k3f9x2ab env=prod reviewed",
    "runlore tag nightly env-",
    "runlore tag --filter \"name ~ 'train' and age > 30d\" old --dry-run",
)
@ONE_RUN
@click.argument("words", metavar="K[=V]|K-...", nargs=-1)
@WHERE
@DRY_RUN
def tag(
    session: Session, *, run_id: str | None, words: tuple[str, ...], where: str | None, dry_run: bool
) -> None:
    """Set tags of a run (K=V, or K alone), and remove others (K-).

    Prints the tags it has then. Works on runs that have ended, too; who did it and when is kept.

    With --filter there is no ID: all runs that match are meant, and each is tried.
    """
    ids = [run_id] if run_id is not None else []
    if where is not None:  # then the first word is no ID
        ids, words = [], (*ids, *words)
        no_id(session, words, "{}= to set a tag")
    if not words:
        missing = "K[=V]|K-..." if ids or where is not None else "ID"
        raise click.UsageError(f"Missing argument '{missing}'.", click.get_current_context())
    removed = tuple(word[:-1] for word in words if word.endswith("-") and "=" not in word)
    wanted = labels.tags(word for word in words if not word.endswith("-") or "=" in word)

    def act(run: "Run") -> None:
        run.tag(wanted, remove=removed)

    def line(view: "RunView") -> str:
        return f"{view.short_id}  {run_text.tags(view) or '-'}"

    chosen = meant(session, ids, where)
    if where is not None or dry_run:
        label(session, chosen, act, line, dry_run=dry_run)
        return
    run = session.registry.get(chosen[0])
    act(run)
    view = run.view()
    session.output.answer(view, lambda: [line(view)], [run.id])
