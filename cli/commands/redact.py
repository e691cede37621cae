"""`runlore redact`: take a secret out of a run that recorded it by mistake."""

from collections.abc import Iterator, Sequence

import click

from runlore.cli import phrases
from runlore.cli.arguments import RUN_ID
from runlore.cli.errors import Failed
from runlore.cli.options import verb
from runlore.cli.session import Session
from runlore.projections.secret_views import RedactView


@verb(
    "redact",
    "runlore redact k3f9x2ab --value-from -          # asks for the value; says what it would change",
    "pass show ci/token | runlore redact k3f9x2ab --value-from - --yes",
    "runlore redact k3f9x2ab --value-from old.txt --why 'typed by mistake' --yes",
)
@RUN_ID
@click.option(
    "--value-from",
    "files",
    metavar="FILE",
    multiple=True,
    required=True,
    type=click.Path(),
    help="Read the value from FILE, `-` for standard input; may be repeated.",
)
@click.option("--why", metavar="TEXT", default="", help="Why, for the record.")
@click.option("--yes", is_flag=True, help="Do it.")
@click.option("--dry-run", is_flag=True, help="Only say what would be changed, and exit with 0.")
def redact(
    session: Session, *, run_id: str, files: tuple[str, ...], why: str, yes: bool, dry_run: bool
) -> None:
    """Take a secret out of everything that a run recorded.

    It is looked for in all its encodings, in the journal, the transcript, the recipe and what else
    belongs to the run. Lines of the journal keep their length and their hash, and the journal says that
    they were redacted, so the history can still be verified. What is not ours to rewrite is named.

    Without --yes nothing is changed, and the exit code is 1 if there is something to redact. Replace the
    secret where it is used all the same: copies elsewhere are out of reach.
    """
    if yes and dry_run:
        raise click.UsageError("--yes or --dry-run, not both", click.get_current_context())
    if files.count("-") > 1:
        raise click.UsageError("standard input holds one value", click.get_current_context())
    from runlore.cli.secret_input import read_value  # noqa: PLC0415 - only when there is something to do

    values = [read_value(path) for path in files]
    (wanted,) = session.some([run_id], destructive=True)
    view = session.registry.get(wanted).redact(values, why=why, dry_run=not yes)
    session.output.answer(view, lambda: _lines(session, view), [wanted])
    if view.applied or not (view.seqs or view.places):
        return
    session.output.say(
        f"nothing was changed; to do it, the same with --yes: `runlore redact {wanted} --yes …`"
    )
    if not dry_run:
        raise Failed(1)


def _lines(session: Session, view: RedactView) -> Iterator[str]:
    text = session.output.text
    if not (view.seqs or view.places):
        yield f"run {view.run_id}: the value is nowhere in what can be rewritten"
    done = "redacted" if view.applied else "would redact"
    if view.seqs:
        yield f"{done} {phrases.counted(len(view.seqs), 'line')} of the journal: seq {_listed(view.seqs)}"
    for place in view.places:
        yield f"{done} {phrases.counted(place.count, 'place')} in {text(place.path)} ({place.kind})"
    for rest in view.still_there:
        yield f"still there: {text(rest.path)} ({rest.why})"
    if view.applied or view.still_there or view.seqs or view.places:
        yield f"out of reach: {'; '.join(view.out_of_reach)}"
        yield "replace the secret where it is used"


def _listed(seqs: Sequence[int]) -> str:
    """Return the first few numbers, and how many more there are."""
    shown = ", ".join(map(str, seqs[:20]))
    return shown if len(seqs) <= 20 else f"{shown} and {len(seqs) - 20:,} more"  # noqa: PLR2004 - "few"
