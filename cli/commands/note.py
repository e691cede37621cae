"""`runlore note`: leave a note on a run, or on many."""

import sys
from typing import TYPE_CHECKING

import click

from runlore.cli.arguments import ONE_RUN
from runlore.cli.labelling import label
from runlore.cli.meant import DRY_RUN, WHERE, meant, no_id
from runlore.cli.options import verb
from runlore.cli.session import Session
from runlore.journal.errors import BadInput

if TYPE_CHECKING:
    from runlore.projections.run_view import RunView
    from runlore.runtimes.run import Run


@verb(
    "note",
    "runlore note latest looks good, keep it",
    "git log -1 --format=%B | runlore note latest -",
    'runlore note --filter "tags.batch = 7" the disk was full that night',
)
@ONE_RUN
@click.argument("words", metavar="TEXT...", nargs=-1)
@WHERE
@DRY_RUN
def note(
    session: Session, *, run_id: str | None, words: tuple[str, ...], where: str | None, dry_run: bool
) -> None:
    """Leave a note on a run, for people; `history` shows it.

    TEXT may be several words; a single `-` takes the note from standard input.

    With --filter there is no ID: all runs that match are meant, and each is tried.
    """
    ids = [run_id] if run_id is not None else []
    if where is not None:  # then the first word is no ID
        ids, words = [], (*ids, *words)
        no_id(session, words, "another word first")
    if not words:
        missing = "TEXT..." if ids or where is not None else "ID"
        raise click.UsageError(f"Missing argument '{missing}'.", click.get_current_context())
    chosen = meant(session, ids, where)
    text = _text(words) if not dry_run else ""

    def act(run: "Run") -> None:
        run.note(text)

    def line(view: "RunView") -> str:
        return f"{view.short_id}  noted"

    if where is not None or dry_run:
        label(session, chosen, act, line, dry_run=dry_run)
        return
    run = session.registry.get(chosen[0])
    act(run)
    session.output.answer(run.view(), lambda: [line(run.view())], [run.id])


def _text(words: tuple[str, ...]) -> str:
    """Return the note, which is read only when it is known on what it goes."""
    text = (sys.stdin.read() if words == ("-",) else " ".join(words)).strip()
    if not text:
        raise BadInput("an empty note")
    return text
