"""`runlore subscriptions`: subscriptions that are remembered under a name."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from runlore.cli import phrases
from runlore.cli.arguments import complete_subscription, event_filters
from runlore.cli.options import verb
from runlore.cli.session import Session
from runlore.cli.verb_group import verb_group
from runlore.journal.errors import BadInput
from runlore.journal.position import check_name
from runlore.projections.subscription_views import (
    RemovedSubscriptionView,
    SubscriptionsView,
    SubscriptionView,
)
from runlore.runtimes.subscription_views import subscription_views

if TYPE_CHECKING:
    from runlore.named import NamedSubscription

_NAME = click.argument("name", metavar="NAME", shell_complete=complete_subscription)


@verb(
    "create",
    "runlore subscriptions create mail --type run.failed",
    "runlore subscriptions create audit --from start",
    "runlore subscriptions create nightly --name nightly --type 'run.*' --tag env=prod",
)
@click.argument("subscription", metavar="NAME")
@click.option(
    "--from",
    "begin",
    metavar="start|now",
    type=click.Choice(["start", "now"]),
    help="Everything there is as well, or what happens from now on. Default: now.",
)
@click.option("--after-cursor", "after", metavar="CURSOR", help="What follows a cursor of `events --json`.")
@event_filters
def create(
    session: Session,
    *,
    subscription: str,
    begin: str | None,
    after: str | None,
    types: tuple[str, ...],
    status: tuple[str, ...],
    name: str | None,
    tags: tuple[str, ...],
) -> None:
    """Make a subscription: from now on nothing that it is to give is passed over.

    Exits with 5 if there is one of that name.
    """
    if begin is not None and after is not None:
        raise BadInput("--from and --after-cursor both say where it begins; give one of them")
    check_name(subscription)
    session.see_to_registry()
    made = _named(session, subscription).create(
        begin=after or begin or "now", types=types, status=status, name=name, tags=tags
    )
    _answer(session, made.view())
    session.output.say(f"consume it: runlore subscribe {made.name}")


@verb("ls", "runlore subscriptions ls", "runlore subscriptions ls --json")
def ls(session: Session) -> None:
    """List the subscriptions, how far each has come, and who consumes it."""
    items = subscription_views(session.registry.disk, session.registry.layout)
    session.output.answer(
        SubscriptionsView(items=items),
        lambda: (_line(session, each) for each in items),
        [each.subscription for each in items],
    )


@verb("show", "runlore subscriptions show mail", "runlore subscriptions show mail --fields cursor")
@_NAME
def show(session: Session, *, name: str) -> None:
    """Show one subscription: what it gives, and how far its consumer has come."""
    _answer(session, _named(session, name).view())


@verb("reset", "runlore subscriptions reset mail --to now", "runlore subscriptions reset mail")
@_NAME
@click.option(
    "--to",
    metavar="start|now|CURSOR",
    default="start",
    help="Where the next stream begins. Default: start, so that everything comes again.",
)
def reset(session: Session, *, name: str, to: str) -> None:
    """Let a subscription begin elsewhere. Exits with 5 while somebody consumes it."""
    named = _named(session, name)
    broken = named.view().problem
    view = named.reset(to)
    if broken:
        session.output.warn(f"{broken}. What it was to give is not known any more: now it gives every event")
    _answer(session, view)


@verb("rm", "runlore subscriptions rm mail")
@_NAME
def rm(session: Session, *, name: str) -> None:
    """Forget a subscription. Exits with 5 while somebody consumes it."""
    view = _named(session, name).remove()
    answer = RemovedSubscriptionView(subscription=view.subscription, cursor=view.cursor)
    session.output.answer(answer, lambda: [f"removed {view.subscription}"], [view.subscription])


subscriptions = verb_group(
    "subscriptions",
    """Subscriptions that are remembered under a name: each event is handed over until it is acked.

    `runlore subscribe NAME` consumes one.""",
    create,
    ls,
    show,
    reset,
    rm,
)


def _named(session: Session, name: str) -> "NamedSubscription":
    from runlore.named import NamedSubscription  # noqa: PLC0415 - loads the watcher, which completion need not

    return NamedSubscription(session.registry, name)


def _answer(session: Session, view: SubscriptionView) -> None:
    session.output.answer(view, lambda: _lines(session, view), [view.subscription])


def _lines(session: Session, view: SubscriptionView) -> Iterator[str]:
    text = session.output.text
    told = {
        "name": view.subscription,
        "gives": _gives(view),
        "created": phrases.absolute(view.created_at) if view.created_at else "",
        "position": _stands(view),
        "acked": _acked(view),
        "consumer": _consumer(view),
        "problem": view.problem or "",
    }
    for what, value in told.items():
        if value:
            yield f"{what:<10}  {text(value)}"


def _line(session: Session, view: SubscriptionView) -> str:
    text = session.output.text
    if view.problem:
        return f"{view.subscription}: {text(view.problem)}"
    return text(f"{view.subscription}: {_gives(view)}; {_stands(view)}; {_consumer(view)}")


def _gives(view: SubscriptionView) -> str:
    """Return what it gives, in words."""
    if view.problem:
        return ""
    parts = [
        ", ".join(view.types) or "every event",
        f"of runs that were {' or '.join(view.status)}" if view.status else "",
        f"of runs called {view.name}" if view.name is not None else "",
        f"of runs tagged {' '.join(view.tags)}" if view.tags else "",
    ]
    return " ".join(part for part in parts if part)


def _stands(view: SubscriptionView) -> str:
    if view.problem:
        return ""
    if view.behind_bytes is None:
        return "the feed does not reach back to it, so events may come again"
    if view.is_in_history:
        return "in what was there before"
    return "nothing new" if not view.behind_bytes else f"{phrases.size(view.behind_bytes)} of the feed behind"


def _acked(view: SubscriptionView) -> str:
    if view.acked is None:
        return "" if view.problem else "nothing yet"
    last = f"the last is seq {view.acked.seq} of run {view.acked.run_id}"
    return f"{phrases.counted(view.count, 'event')}; {last}"


def _consumer(view: SubscriptionView) -> str:
    by = view.held_by
    return f"{by.program}, pid {by.pid} on {by.host}" if by else "nobody consumes it now"
