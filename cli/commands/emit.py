"""`runlore emit`: say from inside a run how it is getting on."""

import click
from click import Context, Parameter
from click.shell_completion import CompletionItem

from runlore.cli.emitting import KINDS, Spoken, speak
from runlore.cli.options import verb
from runlore.cli.session import Session
from runlore.journal.events import tag_of
from runlore.projections.emit_view import EmitView


def _kinds(_context: Context, _parameter: Parameter, word: str) -> list[CompletionItem]:
    """Return what can be said."""
    return [CompletionItem(kind) for kind in KINDS if kind.startswith(word)]


@verb(
    "emit",
    "runlore emit ready",
    "runlore emit progress 40% loading --step 2/5 --metric rows=1200",
    """runlore emit result '{"accuracy": 0.93}'""",
    "runlore emit preview available http://127.0.0.1:8000/ --lease 30m",
    "runlore emit checkpoint epoch-3 ckpt/3.pt",
    "runlore emit artifact loss.html --kind report",
    "runlore emit note the third shard was empty",
)
@click.argument("what", metavar="WHAT", shell_complete=_kinds)
@click.argument("values", metavar="[VALUE]...", nargs=-1)
@click.option("--step", metavar="TEXT", multiple=True, help="progress: which step it is at.")
@click.option("--metric", metavar="NAME=NUMBER", multiple=True, help="progress: a figure; may be repeated.")
@click.option("--lease", metavar="TIME", multiple=True, help="preview: how long it may be used from now on.")
@click.option("--detail", metavar="TEXT", multiple=True, help="preview: what else there is to say.")
@click.option("--sha256", metavar="DIGEST", multiple=True, help="checkpoint: the digest of its bytes.")
@click.option("--kind", metavar="WORD", multiple=True, help="artifact: its role, such as report.")
def emit(session: Session, *, what: str, values: tuple[str, ...], **options: tuple[str, ...]) -> None:
    """Say from inside a run how it is getting on; the run is the one that started this process.

    \b
    ready                             it is ready: --await-ready waits for that
    progress FRACTION [MESSAGE...]    how far it is: 0.4, 40%, 2/5, or - if nobody knows
    result JSON                       its own result, at most 64 KiB; - takes standard input
    preview STATE [URL]               starting, available, released, expired or failed
    checkpoint NAME PATH              something was saved to resume from
    artifact PATH                     a file or folder to be collected when the run has ended
    note TEXT...                      a note for people; - takes standard input

    Of progress and result the last one counts; a result is shown once the run has ended. Exit code 0
    means that it is on the disk. Nothing is printed, because it would end up in the run's own output.

    Exits with 3 outside a run, and with 5 if the run has ended.
    """  # noqa: D301 - click's mark of lines that are not to be wrapped
    given = {f"--{name}": value for name, value in options.items() if value}
    record = speak(Spoken(what, values, given), session.environ, session.root)
    view = EmitView(run_id=record.run_id, seq=record.seq, type=tag_of(record.event))
    session.output.answer(view, list)
