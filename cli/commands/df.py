"""`runlore df`: tell what takes the disk."""

from collections.abc import Iterator

from runlore.cli import phrases
from runlore.cli.options import verb
from runlore.cli.session import Session
from runlore.journal.ids import short
from runlore.projections.retention_views import DfView
from runlore.runtimes.disk_use import disk_use

_PARTS = (
    ("transcripts", "what commands wrote"),
    ("artifacts", "their outputs"),
    ("other_run_files", "the rest of their folders"),
    ("journals", "what is known about them"),
    ("packs", "the same of old ones"),
    ("blobs", "what fits no line"),
    ("evidence", "promoted outputs, never removed"),
    ("trash", "removed; `runlore trash empty` frees it"),
    ("quarantine", "cut out by repairs"),
    ("derived", "feed and index"),
)


@verb("df", "runlore df", "runlore df --json")
def df(session: Session) -> None:
    """Tell what takes the disk, the ten largest runs, and what frees some of it.

    Bytes of disk, as `du` counts them: what was never written to, or given up, takes none.
    """
    view = disk_use(session.registry)
    session.output.answer(view, lambda: _lines(session, view), [each.run_id for each in view.largest])
    if view.next:
        session.output.say(f"next: `{view.next}`")


def _lines(session: Session, view: DfView) -> Iterator[str]:
    for name, what in _PARTS:
        size = phrases.size(getattr(view, name))
        yield f"{name.replace('_', ' '):<16} {size:>11}  {what}"
    yield f"{'total':<16} {phrases.size(view.total):>11}  {phrases.size(view.free)} free on the disk"
    for each in view.largest:
        name = session.output.text(each.name or "-")
        yield f"{short(each.run_id)}  {phrases.size(each.bytes):>11}  {each.status or 'unreadable'}  {name}"
