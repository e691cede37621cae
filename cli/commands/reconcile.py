"""`runlore reconcile`: write down how runs ended whose keeper is gone."""

from collections.abc import Iterator, Sequence

import click

from runlore.cli import phrases
from runlore.cli.arguments import RUN_IDS
from runlore.cli.options import verb
from runlore.cli.session import Session
from runlore.projections.counts import counted
from runlore.projections.reconcile_views import ReconciledView, ReconcileView


@verb("reconcile", "runlore reconcile --dry-run", "runlore reconcile", "runlore reconcile k3f9x2ab")
@RUN_IDS
@click.option("--dry-run", is_flag=True, help="Show what would be written; write nothing.")
def reconcile(session: Session, *, run_ids: tuple[str, ...], dry_run: bool) -> None:
    """Write down how runs ended whose keeper is gone; without an ID, all of them.

    `ps` and `show` tell how such runs ended already, as provisional; this puts it into their journals,
    with what it rests on. A run whose command still lives is given a keeper, and is named.
    """
    wanted = session.some(run_ids) if run_ids else None
    items = session.registry.reconcile(wanted, dry_run=dry_run)
    view = ReconcileView(items=items, counts=counted(item.status for item in items), dry_run=dry_run)
    session.output.answer(view, lambda: _lines(session, items), [item.run_id for item in items])
    if not items:
        session.output.say("nothing to reconcile")


def _lines(session: Session, items: Sequence[ReconciledView]) -> Iterator[str]:
    for item in items:
        reason = f" ({item.reason.replace('_', ' ')})" if item.reason else ""
        yield f"{item.run_id}  {item.status}{reason}  {session.output.text(item.detail)}"
    written = sum(item.written for item in items)
    if written:
        yield f"{phrases.counted(written, 'run')} written down"
