"""`runlore index`: say how the index is, prove it, make it anew."""

from collections.abc import Iterable, Iterator
from typing import Final, Literal

import click

from runlore.cli import phrases
from runlore.cli.errors import Failed
from runlore.cli.options import verb
from runlore.cli.session import Session
from runlore.journal.disk import REAL
from runlore.journal.values import RunId
from runlore.projections.index.care import condition, differences, rebuild
from runlore.projections.index_views import IndexFindingView, IndexView
from runlore.runtimes.index_jobs import MOST, Jobs

Action = Literal["info", "verify", "rebuild"]
DAMAGED: Final = 65
_STATES: Final = {
    "ready": "ready",
    "missing": "missing; the next listing makes it",
    "older": "an older release's; the next listing makes it anew",
    "newer": "a newer release's, which is left alone; listings fold all journals",
    "damaged": "damaged; the next listing makes it anew",
    "not_here": "not kept here, because the root is not yours alone; listings fold all journals",
}


@verb("index", "runlore index info", "runlore index verify", "runlore index rebuild")
@click.argument("action", type=click.Choice(["info", "verify", "rebuild"]))
@click.option(
    "--jobs",
    type=click.IntRange(1, MOST),
    metavar="N",
    help="Rebuild in N processes; by default as many as there are processors, where that pays.",
)
def index(session: Session, *, action: Action, jobs: int | None) -> None:
    """Look after the index that listings use: `info` about it, `verify` it, or `rebuild` it.

    The index is derived: listings bring it up to date, or make it, in passing, and do without it where
    they have to. `verify` folds every journal and compares; it exits with 65 if a row is wrong. `rebuild`
    makes it anew beside the old one, which stays in use until the new one is whole; Ctrl-C stops that.
    """
    layout = session.reading()
    found: list[IndexFindingView] = []
    if jobs is not None and action != "rebuild":
        raise click.UsageError(f"--jobs is for `runlore index rebuild`, not for `{action}`")
    if action == "rebuild":
        rebuild(REAL, layout, lambda runs: _told(session, "indexed", runs), Jobs(jobs or 0))
    elif action == "verify":
        found = [
            IndexFindingView(run_id=each.run_id, detail=each.detail)
            for each in differences(REAL, layout, lambda runs: _told(session, "compared", runs))
        ]
    known = condition(REAL, layout)
    view = IndexView(
        action=action,
        state=known.state,
        settled=known.settled,
        unsettled=known.unsettled,
        bytes=known.size,
        items=found,
    )
    session.output.answer(view, lambda: _lines(view), [each.run_id for each in found])
    if found:
        raise Failed(DAMAGED)


def _told(session: Session, done: str, runs: Iterable[RunId]) -> Iterator[RunId]:
    """Yield the runs, and tell on a terminal how many there were by now."""
    every = list(runs)
    yield from session.output.progress(done, len(every), "journal").over(every)


def _lines(view: IndexView) -> Iterator[str]:
    for each in view.items:
        yield f"{each.run_id}  {each.detail}"
    if view.action == "verify":
        yield f"{phrases.counted(len(view.items), 'row')} wrong" if view.items else "every row is right"
    yield f"index: {_STATES[view.state]}"
    if view.state == "ready":
        yield (
            f"{phrases.counted(view.settled, 'run')} found by it, {view.unsettled:,} folded at each read, "
            f"{phrases.size(view.bytes)}"
        )
