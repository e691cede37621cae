"""`runlore heads`: print what names each history, to be kept where nobody who edits journals can reach."""

from collections.abc import Iterator
from typing import Final

import click

from runlore.cli import phrases
from runlore.cli.arguments import RUN_IDS
from runlore.cli.errors import Failed
from runlore.cli.options import verb
from runlore.cli.session import Session
from runlore.journal.anchors import format_anchors
from runlore.journal.audit import audit, registry_id, save_anchors
from runlore.journal.disk import REAL
from runlore.journal.values import RunId, Seq
from runlore.projections.integrity_views import HeadsView, HeadView

DAMAGED: Final = 65


@verb(
    "heads",
    "runlore heads -o heads.txt",
    "runlore heads | ssh elsewhere 'cat >> heads.txt'",
    "runlore verify --heads heads.txt",
)
@RUN_IDS
@click.option("-o", "--output", "path", metavar="FILE", type=click.Path(), help="Replace FILE, whole.")
def heads(session: Session, *, run_ids: tuple[str, ...], path: str | None) -> None:
    """Print `run_id seq head` for each journal; without an ID, for all of them.

    A head names a run's whole history up to that record. Whoever changes or cuts the history later
    cannot make it contain the same head again: keep the heads elsewhere, and `verify --heads` tells.

    Exits with 65 if a journal is damaged; it is named on stderr and left out.
    """
    layout, wanted = session.reading(), session.journals(run_ids)
    items = list(_heads(session, wanted))
    view = HeadsView(as_of=session.now, registry_id=registry_id(REAL, layout), items=items)
    lines = format_anchors(items)
    if path is None or path == "-":
        session.output.answer(view, lines.splitlines, [each.run_id for each in items])
    else:
        save_anchors(REAL, path, session.output.encoded(view) if session.output.json else lines.encode())
        session.output.say(f"{phrases.counted(len(items), 'head')} written to {path}")
    if len(items) < len(wanted):
        raise Failed(DAMAGED)


def _heads(session: Session, wanted: list[RunId]) -> Iterator[HeadView]:
    """Yield the head of each journal that is sound; name the others."""
    progress = session.output.progress("read", len(wanted), "journal")
    for each in progress.over(audit(REAL, session.reading(), wanted, {})):
        if each.journal_head is None or each.findings:
            session.output.warn(
                f"run {each.run_id} is damaged and left out; see `runlore verify {each.run_id}`"
            )
        else:
            yield HeadView(
                run_id=each.run_id,
                seq=Seq(each.records),
                journal_head=each.journal_head,
                sealed=each.sealed,
            )
