"""`runlore info`: show which registry is used, and what it is on."""

from collections.abc import Iterator

from runlore.cli import phrases
from runlore.cli.options import verb
from runlore.cli.session import Session
from runlore.projections.about_views import InfoView
from runlore.projections.subscription_views import SubscriptionView
from runlore.runtimes.about import info_view

_SOURCES = {
    "option": "given by --root",
    "environment": "given by RUNLORE_ROOT",
    "project": "of this folder's project",
    "user": "your own",
}


@verb("info", "runlore info", "runlore info --json", "cd $(runlore info --fields root)")
def info(session: Session) -> None:
    """Show which registry is used and why, what it is on, and how many runs it has. Writes nothing."""
    view = info_view(session.found)
    session.output.answer(view, lambda: _lines(session, view), [view.root])


def _lines(session: Session, view: InfoView) -> Iterator[str]:
    counts = ", ".join(f"{count:,} {status.replace('_', ' ')}" for status, count in view.counts.items())
    created = f"{phrases.absolute(view.created_at)}" if view.created_at else ""
    told = {
        "root": f"{view.root} ({_SOURCES[view.source]})",
        "registry": f"{view.registry_id}, format {view.format}, created {created}"
        if view.registry_id
        else "none yet",
        "runs": phrases.counted(view.runs, "run") + (f": {counts}" if counts else ""),
        "packs": phrases.counted(view.packs, "pack")
        + (f"; {phrases.counted(view.packable, 'more run')} could be packed" if view.packable else ""),
        "durability": view.durability,
        "on": f"{view.file_system or 'an unknown file system'}" + (", of a network" if view.network else ""),
        "writable": "yes" if view.writable else f"no: {view.detail}",
        "runlore": f"{view.version}, Python {view.python}, Linux {view.kernel}, {view.host}",
    }
    if feed := view.feed:
        kept = f", for {', '.join(feed.kept_for)}" if feed.kept_for else ""
        segments = phrases.counted(feed.segments, "segment")
        told["feed"] = f"{segments}, {phrases.size(feed.bytes)}{kept}"
    if view.subscriptions:
        told["subscriptions"] = ", ".join(map(_subscription, view.subscriptions))
    for what, value in told.items():
        yield f"{what:<13}  {session.output.text(value)}"


def _subscription(view: SubscriptionView) -> str:
    """Return a subscription in a few words."""
    if view.problem:
        return f"{view.subscription} (cannot be read: `runlore subscriptions show {view.subscription}`)"
    if view.behind_bytes is None:
        return f"{view.subscription} (to be rewound)"
    behind = "in what was there before" if view.is_in_history else f"{phrases.size(view.behind_bytes)} behind"
    return f"{view.subscription} ({behind})"
