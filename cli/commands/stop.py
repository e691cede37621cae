"""`runlore stop`: stop runs, and wait until they are over."""

from collections.abc import Iterable, Iterator, Sequence

import click
import msgspec

from runlore.cli import phrases, run_text
from runlore.cli.arguments import RUN_IDS
from runlore.cli.errors import Failed
from runlore.cli.following import Following
from runlore.cli.meant import DRY_RUN, WHERE, meant
from runlore.cli.options import verb
from runlore.cli.refusals import refused
from runlore.cli.session import Session
from runlore.cli.stopped_owners import StoppedOwners
from runlore.journal.errors import AlreadyEnded, RunloreError
from runlore.journal.values import RunId
from runlore.projections import durations
from runlore.projections.acting_views import RefusedView, StoppedView, StopView
from runlore.projections.run_view import RunView
from runlore.runtimes.waiting import wait_over, waiting_for


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """How to stop."""

    reason: str
    force: bool
    grace_s: float | None


@verb(
    "stop",
    "runlore stop k3f9x2ab",
    "runlore stop nightly --grace 1m --reason 'disk is needed'",
    "runlore stop k3f9x2ab --force",
    'runlore stop --filter "tags.batch = 7" --dry-run',
)
@RUN_IDS
@WHERE
@click.option("--grace", metavar="TIME", help="How long it may take to end by itself; 10s if not given.")
@click.option("--force", is_flag=True, help="Kill it at once.")
@click.option("--reason", metavar="TEXT", default="", help="Why; it goes on record.")
@DRY_RUN
def stop(
    session: Session,
    *,
    run_ids: tuple[str, ...],
    where: str | None,
    grace: str | None,
    force: bool,
    reason: str,
    dry_run: bool,
) -> None:
    """Stop runs, and wait until they are over.

    Everything the run started is sent TERM, and KILL after the grace. A stop that was requested before
    keeps its time and reason. A name means the live run of that name; if several are, none is stopped.

    With --filter, all runs that match and have not ended are meant; if one of them ends by itself
    meanwhile, that is said.

    Exits with 5 if a run had ended before, 3 if there is none.
    """
    order = Order(
        reason=reason, force=force, grace_s=durations.parse(grace, zero=True) if grace is not None else None
    )
    wanted = meant(session, run_ids, where, live=True)
    if dry_run:
        failed = _answer(session, wanted, {}, [], dry_run=True)
    else:
        asked, failed = _ask(session, wanted, order)
        _wait(session, asked)
        failed = _answer(session, list(asked), asked, failed, dry_run=False)
        session.registry.reconcile_in_passing()
    if failed:
        raise Failed(failed[0].exit_code)


def _ask(
    session: Session, wanted: Sequence[RunId], order: Order
) -> tuple[dict[RunId, bool], list[RefusedView]]:
    """Return for whom the request now stands (True: it is the first one), and why others refused it."""
    asked: dict[RunId, bool] = {}
    failed: list[RefusedView] = []
    for run_id in wanted:
        try:
            asked[run_id] = _ask_one(session, run_id, order)
        except RunloreError as error:
            failed.append(refused(session, run_id, error))
    return asked, failed


def _wait(session: Session, asked: Iterable[RunId]) -> None:
    """Return when these runs are over, and that is written down."""
    with (
        Following(session, "not waited for any longer; the request to stop stands"),
        waiting_for(session.registry, asked) as waiting,
    ):
        wait_over(waiting, looked=StoppedOwners(session, waiting).look)
        for run_id in waiting.decided:
            session.registry.settle(run_id)


def _ask_one(session: Session, run_id: RunId, order: Order) -> bool:
    """Say whether this request is the first one; one that was granted before counts as one."""
    try:
        request = session.registry.get(run_id).stop(order.reason, force=order.force, grace=order.grace_s)
    except AlreadyEnded:
        if session.registry.view(run_id).status == "cancelled":
            return False
        raise
    if not request.first:
        why = f": {request.reason}" if request.reason else ""
        when = phrases.moment(request.at, session.now, utc=session.utc)
        session.output.say(f"run {run_id} was asked to stop already, {when}{why}")
    return request.first


def _answer(
    session: Session,
    run_ids: Sequence[RunId],
    asked: dict[RunId, bool],
    failed: list[RefusedView],
    *,
    dry_run: bool,
) -> list[RefusedView]:
    """Answer with the runs as they are now, and return those that failed, of which some may be new."""
    failed, views = list(failed), list[RunView]()
    for run_id in run_ids:
        try:
            views.append(session.registry.view(run_id))
        except RunloreError as error:
            failed.append(refused(session, run_id, error))
    items = [
        StoppedView(
            run_id=view.run_id,
            status=view.status or "queued",
            first=asked.get(view.run_id, view.stop is None),
            at=view.stop.at if view.stop else None,
            reason=view.stop.reason if view.stop else "",
            by=view.stop.by if view.stop else None,
        )
        for view in views
    ]
    answer = StopView(items=items, dry_run=dry_run, refused=failed)
    session.output.answer(
        answer, lambda: _lines(session, views, dry_run=dry_run), [item.run_id for item in items]
    )
    return failed


def _lines(session: Session, views: Sequence[RunView], *, dry_run: bool) -> Iterator[str]:
    for view in views:
        what = session.output.text(view.name or view.command or "")
        if dry_run:
            verb_ = "has ended" if view.ended_at else "would be stopped"
            yield f"{view.short_id}  {run_text.outcome(view)}  {verb_}: {what}"
        else:
            yield f"{view.short_id}  {run_text.outcome(view)}  {phrases.took(view.duration_s)}"
