"""`runlore note`: leave a note on a run."""

import sys

import click

from runlore.cli.arguments import RUN_ID
from runlore.cli.options import verb
from runlore.cli.session import Session


@verb("note", "runlore note latest looks good, keep it", "git log -1 --format=%B | runlore note latest -")
@RUN_ID
@click.argument("words", metavar="TEXT...", nargs=-1, required=True)
def note(session: Session, *, run_id: str, words: tuple[str, ...]) -> None:
    """Leave a note on a run, for people; `history` shows it.

    TEXT may be several words; a single `-` takes the note from standard input.
    """
    text = sys.stdin.read() if words == ("-",) else " ".join(words)
    run = session.registry.get(run_id)
    run.note(text.strip())
    session.output.answer(run.view(), lambda: [f"{run.short_id}  noted"], [run.id])
