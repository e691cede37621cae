"""`runlore prune`: remove what the rules in `config.toml` remove."""

from collections.abc import Iterator, Mapping
from typing import Final

import click

from runlore.cli import phrases
from runlore.cli.errors import Failed
from runlore.cli.options import verb
from runlore.cli.session import Session
from runlore.journal.ids import short
from runlore.projections import filters, sizes
from runlore.projections.retention_views import PrunedView, PruneView
from runlore.runtimes.pruning import Pruning

IO_ERROR = 74

_TRASHED: Final[Mapping[str, tuple[str, str]]] = {
    "whole": ("to be emptied", "emptied"),
    "going": ("to be emptied, which was cut short", "emptied"),
    "not_moved": ("to be moved to the trash, which was cut short", "moved to the trash"),
    "coming_back": ("to be brought back, which was cut short", "brought back"),
    "without_journal": ("stays: its journal is gone", "stays: its journal is gone"),
}
"""What becomes of something in the trash by its state, in a dry run and when it is done."""


@verb(
    "prune",
    "runlore prune",
    "runlore prune --apply",
    "runlore prune --free 20G --apply",
    "runlore prune --as-of 2026-11-01",
)
@click.option("--apply", is_flag=True, help="Remove; without it nothing is changed.")
@click.option("--now", is_flag=True, help="Past the trash: the bytes are free at once, and cannot come back.")
@click.option(
    "--free", metavar="SIZE", help="Only as much as frees so much, the oldest first; implies --now."
)
@click.option("--as-of", metavar="WHEN", help="What the rules would have removed then: 7d (ago), 2026-11-01.")
def prune(session: Session, *, apply: bool, now: bool, free: str | None, as_of: str | None) -> None:
    """Show what the rules in config.toml remove, and why each other run stays; remove it with --apply.

    What is removed goes to the trash, and `runlore restore` brings it back; what was there for long enough is
    emptied. The journal stays: `show` tells when a run was removed, and by which rule. Live, pinned and
    promoted runs, and those in doubt, are never removed. A removal that was cut short is gone on with.

    Exits with 74 if the disk refused some of it; the next `prune --apply` goes on there.
    """
    if apply and as_of is not None:
        raise click.UsageError(
            "--as-of tells what would have been removed then; --apply removes what may go now",
            click.get_current_context(),
        )
    wanted = sizes.parse(free) if free is not None else None
    then = filters.when(as_of, session.now) if as_of is not None else None
    progress = session.output.progress("removed", 0, "run")
    pruning = Pruning(session.registry, tell=progress.at)
    if apply:
        with progress:
            view = pruning.apply(at_once=now, free=wanted)
    else:
        view = pruning.plan(at_once=now, free=wanted, as_of=then)
    gone = [each.run_id for each in view.items if not each.keep]
    session.output.answer(view, lambda: _lines(session, view), gone)
    _say(session, view)
    for failure in pruning.failures:
        session.output.warn(f"error: {failure}")
    if pruning.failures:
        raise Failed(IO_ERROR)


def _say(session: Session, view: PruneView) -> None:
    """Say what to do next."""
    moving = any(each.state != "without_journal" for each in view.trash)
    if view.remove or moving or view.journals or view.halves:
        if view.dry_run:
            session.output.say("nothing was changed; `runlore prune --apply` removes it")
    elif not view.has_rules:
        session.output.say(
            "no rule removes a run: see [retention] in `runlore config check`; `runlore rm ID` needs none"
        )


def _lines(session: Session, view: PruneView) -> Iterator[str]:
    for each in view.items:
        yield _line(session, each)
    for trashed in view.trash:
        would, did = _TRASHED[trashed.state]
        what = would if view.dry_run else did
        yield f"trash   {short(trashed.run_id)}  {phrases.size(trashed.bytes)}  {what}"
    for tomb in view.journals:
        yield f"journal {short(tomb.run_id)}  {phrases.size(tomb.bytes)}  past the age of journals"
    for why, count in view.journals_kept.items():
        yield f"stays: {phrases.counted(count, 'journal')} of removed runs ({why})"
    if view.removed_since:
        removed = phrases.counted(view.removed_since, "run")
        yield f"left out: {removed} of then whose outputs were removed since"
    if view.halves:
        copies = "1 half copy" if view.halves == 1 else f"{view.halves:,} half copies"
        yield f"{copies} among the evidence, left by a crash"
    verb_ = "would be " if view.dry_run else ""
    yield (
        f"{phrases.counted(view.remove, 'run')} to remove, {view.keep} to keep; "
        f"{verb_}moved to the trash: {phrases.size(view.moved_bytes)}, {verb_}freed: "
        f"{phrases.size(view.freed_bytes)}"
    )
    if view.wanted_bytes is not None and view.freed_bytes < view.wanted_bytes:
        short_of = phrases.size(view.wanted_bytes - view.freed_bytes)
        yield f"{short_of} less than asked for: the rules allow no more"


def _line(session: Session, each: PrunedView) -> str:
    what = "keep  " if each.keep else "remove"
    name = session.output.text(each.name or "-")
    size = phrases.size(each.bytes)
    return f"{what}  {short(each.run_id)}  {size}  {name}  {session.output.text(each.reason)}"
