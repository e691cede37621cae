"""`runlore trash`: list the removed runs that can come back, and empty the trash."""

from collections.abc import Iterator

import click

from runlore.cli import phrases
from runlore.cli.arguments import complete_run
from runlore.cli.meant import DRY_RUN
from runlore.cli.options import verb
from runlore.cli.session import Session
from runlore.journal.ids import short
from runlore.projections.retention_views import TrashedView, TrashView

_STATES = {
    "whole": "",
    "going": "its removal was cut short: `runlore trash empty` goes on with it",
    "coming_back": "its return was cut short: `runlore restore` goes on with it",
    "not_moved": "its removal was cut short: `runlore prune --apply` goes on with it",
    "without_journal": "its journal is gone, so whose it was cannot be told",
}


@verb("trash", "runlore trash", "runlore trash empty --dry-run", "runlore trash empty k3f9x2ab")
@click.argument("what", metavar="[ls|empty]", type=click.Choice(["ls", "empty"]), default="ls")
@click.argument("run_ids", metavar="[ID]...", nargs=-1, shell_complete=complete_run)
@DRY_RUN
def trash(session: Session, *, what: str, run_ids: tuple[str, ...], dry_run: bool) -> None:
    """List the removed runs whose bytes are still there; with empty, remove those for good.

    `trash empty` empties all of it, or only the runs given. What is emptied cannot come back; the journal
    stays, and tells what was removed.
    """
    registry = session.registry
    if what == "ls":
        if run_ids or dry_run:
            raise click.UsageError("`runlore trash ls` lists all of it", click.get_current_context())
        view = registry.trash()
    else:
        chosen = session.some(run_ids, destructive=True) if run_ids else None
        view = registry.empty_trash(chosen, dry_run=dry_run)
    session.output.answer(view, lambda: _lines(session, view), [each.run_id for each in view.items])
    if not view.items:
        left = registry.trash().items if what == "empty" else []
        session.output.say(
            "nothing of it can be emptied; see `runlore trash`" if left else "the trash is empty"
        )


def _lines(session: Session, view: TrashView) -> Iterator[str]:
    for each in view.items:
        yield _line(session, each, emptied=view.emptied)
    if view.items:
        what = "freed" if view.emptied else "would be freed" if view.dry_run else "in the trash"
        yield f"{phrases.counted(len(view.items), 'run')}, {phrases.size(view.bytes)} {what}"


def _line(session: Session, each: TrashedView, *, emptied: bool) -> str:
    name = session.output.text(each.name or "-")
    when = phrases.moment(each.removed_at, session.now, utc=session.utc)
    rule = session.output.text(each.rule or "-")
    until = f"until {phrases.absolute(each.until)}" if each.until and each.state == "whole" else ""
    state = "emptied" if emptied else _STATES[each.state] or until
    return (
        f"{short(each.run_id)}  {name}  {phrases.size(each.bytes)}  removed {when} ({rule})  {state}".rstrip()
    )
