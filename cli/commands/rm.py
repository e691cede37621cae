"""`runlore rm`: remove the outputs of runs."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import click

from runlore.cli import phrases
from runlore.cli.arguments import RUN_IDS
from runlore.cli.errors import Failed
from runlore.cli.meant import DRY_RUN, WHERE, meant
from runlore.cli.options import verb
from runlore.cli.refusals import refused
from runlore.cli.session import Session
from runlore.cli.stopped_owners import StoppedOwners
from runlore.journal.errors import RunloreError
from runlore.journal.ids import short
from runlore.journal.values import RunId
from runlore.projections.retention_views import Done, RemovedRunView, RemoveView
from runlore.runtimes.removing import removable, remove
from runlore.runtimes.waiting import Waiting

_TOLD: Final[Mapping[Done | None, str]] = {
    "moved": "moved to the trash",
    "freed": "removed for good",
    None: "would be removed",
}
_BEFORE: Final[Mapping[Done | None, str]] = {
    "moved": "is in the trash already",
    "freed": "was removed for good before",
}


@verb(
    "rm",
    "runlore rm k3f9x2ab",
    "runlore rm k3f9x2ab --now",
    "runlore rm nightly --force",
    "runlore rm --filter \"name ~ 'scratch' and age > 7d\" --dry-run",
)
@RUN_IDS
@WHERE
@click.option("--force", is_flag=True, help="Stop it first, if it goes on.")
@click.option("--now", is_flag=True, help="Past the trash: the bytes are free at once, and cannot come back.")
@click.option("--reason", metavar="TEXT", default="", help="Why; it goes on record.")
@DRY_RUN
def rm(
    session: Session,
    *,
    run_ids: tuple[str, ...],
    where: str | None,
    force: bool,
    now: bool,
    reason: str,
    dry_run: bool,
) -> None:
    """Remove the outputs of runs, whatever the rules say; `runlore restore` brings them back from the trash.

    The journal stays: `show` tells when and by whom a run was removed. What is pinned, promoted or in doubt
    stays, with --force too. A name that several runs have means none of them.

    Exits with 5 if something keeps a run; the others are removed.
    """
    registry = session.registry
    chosen = meant(session, run_ids, where) if where is not None else _named(session, run_ids)

    def watch(waiting: Waiting) -> Callable[[], None]:
        return StoppedOwners(session, waiting).look

    items: list[RemovedRunView] = []
    failed: list[RemovedRunView] = []
    for run_id in chosen:
        try:
            if dry_run:
                items.append(removable(registry, run_id, force=force))
            else:
                items.append(remove(registry, run_id, force=force, now=now, why=reason, watch=watch))
        except RunloreError as error:
            failed.append(_refused(session, run_id, error))
    answer = RemoveView(items=[*items, *failed], dry_run=dry_run)
    session.output.answer(answer, lambda: _lines(session, items), [each.run_id for each in items])
    if failed:
        raise Failed(failed[0].exit_code)


def _named(session: Session, run_ids: tuple[str, ...]) -> list[RunId]:
    if not run_ids:
        raise click.UsageError("which runs? give IDs, or --filter", click.get_current_context())
    return session.some(run_ids, destructive=True)


def _refused(session: Session, run_id: RunId, error: RunloreError) -> RemovedRunView:
    told = refused(session, run_id, error)
    return RemovedRunView(
        run_id=run_id, name=None, files=0, bytes=0, done=None, exit_code=told.exit_code, text=told.text
    )


def _lines(session: Session, items: list[RemovedRunView]) -> Iterator[str]:
    for each in items:
        name = session.output.text(each.name or "-")
        what = (_BEFORE if each.already else _TOLD).get(each.done, "")
        size = f"{phrases.counted(each.files, 'file')}, {phrases.size(each.bytes)}"
        yield f"{short(each.run_id)}  {name}  {what}: {size}"
