"""A list of runs: the answer of `ps` and `ls`."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, cast

from runlore.cli import phrases, run_text
from runlore.cli.run_columns import in_use
from runlore.cli.run_tree import branches
from runlore.cli.table import Cell, render
from runlore.journal.errors import NoRegistry
from runlore.projections import filters, shell
from runlore.projections.list_views import PsView

if TYPE_CHECKING:
    from runlore.cli.session import Session
    from runlore.projections.run_view import RunView


def answer(session: "Session", chosen: Mapping[str, object], *, everything: bool) -> None:
    """Answer with the runs that match what was chosen; by default with the live and the last ended ones."""
    asked, tree = asked_for(chosen), bool(chosen.get("tree"))
    try:
        registry = session.registry
    except NoRegistry:
        filters.parse(now=session.now, **asked)  # type: ignore[arg-type]  # a wrong word is one here, too
        show(session, PsView(as_of=session.now, items=[], counts={}))
        session.output.say(none_yet(session))
        return
    recent = is_recent(asked, everything=everything)
    view = registry.recent(**asked) if recent else registry.page(**asked)  # type: ignore[arg-type]
    show(session, view, tree=tree)
    for remark in remarks(session, view, filtered=not recent and bool(asked)):
        session.output.say(remark)


def asked_for(chosen: Mapping[str, object]) -> dict[str, object]:
    """Return the filters that were given, as `Registry.page` takes them."""
    asked = {name: value for name, value in chosen.items() if name != "tree" and value not in (None, ())}
    if "status" in asked:
        asked["status"] = [
            part for word in cast("tuple[str, ...]", asked["status"]) for part in word.split(",")
        ]
    return asked


def is_recent(asked: Mapping[str, object], *, everything: bool) -> bool:
    """Say whether the runs that matter now are meant: nothing was asked for, but perhaps an order."""
    return not everything and asked.keys() <= {"sort"}


def show(session: "Session", view: PsView, *, tree: bool = False) -> None:
    """Write the list in the form that was asked for."""
    lines = partial(table, session, view.items, tree=tree)
    session.output.answer(view, lines, [each.run_id for each in view.items])


def none_yet(session: "Session") -> str:
    """Return what is said where there is no registry yet."""
    return f"no runs in {session.found.path}: no registry there yet; `runlore run CMD…` makes one"


def table(session: "Session", items: Sequence["RunView"], *, tree: bool = False) -> Iterator[str]:
    """Yield the table; a column that is empty for all runs is left out. tree: children under parents."""
    if not items:
        return
    output = session.output
    placed = branches(items, drawn=output.is_fine) if tree else [("", view) for view in items]
    columns, shown = in_use([_row(session, view, branch) for branch, view in placed])
    yield from render(
        columns,
        shown,
        limit=output.width,
        ellipsis=output.ellipsis,
        header=output.tint("bold"),
    )


def _row(session: "Session", view: "RunView", branch: str) -> list[Cell]:
    color, text = run_text.tint(view), session.output.text
    return [
        Cell(branch + view.short_id),
        Cell(text(view.name or "")),
        Cell(run_text.outcome(view), session.output.tint(color) if color else None),
        Cell(text(_progress(session, view))),
        Cell(phrases.moment(view.started_at or view.created_at, session.now, utc=session.utc)),
        Cell(phrases.took(view.duration_s)),
        Cell(text(run_text.tags(view))),
        Cell(text(view.command or "")),
    ]


def _progress(session: "Session", view: "RunView") -> str:
    """Return how far a run is that goes on; what one that ended said last is for `show`."""
    return "" if view.ended_at else run_text.progress(view, plain=not session.output.is_fine)


def remarks(session: "Session", view: PsView, *, filtered: bool) -> Iterator[str]:
    """Yield what the list does not show, and how to see it."""
    total = sum(view.counts.values())
    if view.damaged:
        yield f"{phrases.counted(view.damaged, 'run')} with a damaged journal; see `runlore verify`"
    if not view.items:
        yield f"no run matches in {session.found.path}" if filtered else f"no runs in {session.found.path}"
    elif view.truncated:
        more = shell.join(["runlore", *session.next_page(view.next or "")]) if filtered else "runlore ls"
        yield f"{len(view.items):,} of {phrases.counted(total, 'run')}; more: `{more}`"
