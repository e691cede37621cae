"""Which runs a verb for several of them means: IDs, or everything that matches an expression."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import click

from runlore.journal import ids
from runlore.journal.errors import NotFound, RunloreError

if TYPE_CHECKING:
    from runlore.cli.session import Session
    from runlore.journal.values import RunId

WHERE: Final = click.option(
    "--filter", "where", metavar="EXPR", help="All runs that match now, e.g. \"name ~ 'train'\"."
)
DRY_RUN: Final = click.option("--dry-run", is_flag=True, help="Show which runs are meant; change nothing.")


def meant(
    session: "Session", run_ids: Sequence[str], where: str | None, *, live: bool = False
) -> "list[RunId]":
    """Return the runs that match, newest first; without an expression those that the IDs mean.

    live: only those that have not ended, if an expression chooses them.

    Raises:
        NotFound: none does.
    """
    if where is None:
        if not run_ids:
            raise click.UsageError("which runs? give IDs, or --filter", click.get_current_context())
        return session.some(run_ids, destructive=live, live=live)
    if run_ids:
        raise click.UsageError("either IDs or --filter", click.get_current_context())
    found = [view.run_id for view in session.registry.runs(where) if not (live and view.ended_at)]
    if not found:
        what = "no run that goes on matches" if live else "no run matches"
        raise NotFound(f"{what} {where!a} in {session.found.path}; `runlore ls` lists them all")
    return found


def no_id(session: "Session", words: Sequence[str], instead: str) -> None:
    """Refuse what looks like an ID beside an expression: it would be taken for something else.

    words: what stands where an ID might.
    instead: how to write it if it is none, `{}` standing for the word.

    Raises:
        UsageError: the first word is an id, a short id or the name of a run, `latest` or `key:K`.
    """
    word = words[0] if words else ""
    run_id = _named(session, word) if word else None
    if run_id is not None:
        raise click.UsageError(
            f"{word!a} means run {run_id}: either an ID or --filter; if it is no ID, "
            f"write {instead.format(word)}",
            click.get_current_context(),
        )


def _named(session: "Session", word: str) -> "RunId | None":
    """Return the run a word stands for; the beginning of a short id, which many words are, is not enough."""
    try:
        run_id = session.registry.resolve(word)
        whole = word.strip().lower()
        known = whole in {run_id, ids.short(run_id), "latest"} or ":" in whole
        return run_id if known or session.registry.view(run_id).name == word.strip() else None
    except RunloreError:
        return None
