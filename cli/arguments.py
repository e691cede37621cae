"""How commands name runs on the command line, and how a shell completes them."""

from collections.abc import Callable
from functools import reduce
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from runlore.cli.session import Session

if TYPE_CHECKING:
    from click import Context, Parameter
    from click.shell_completion import CompletionItem

F = TypeVar("F", bound=Callable[..., Any])
_OFFERED: Final = 50


def complete_run(ctx: "Context", _parameter: "Parameter", incomplete: str) -> "list[CompletionItem]":
    """Return the runs that begin so, newest first; nothing if there is no registry."""
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - only for completion

    from runlore.journal.errors import RunloreError  # noqa: PLC0415 - only for completion
    from runlore.projections.printable import printable  # noqa: PLC0415 - only for completion

    session = ctx.find_object(Session)
    try:
        found = session.registry.page(limit=_OFFERED).items if session else []
    except RunloreError:
        return []
    words = [(view.run_id if "-" in incomplete else view.short_id, view) for view in found]
    return [
        CompletionItem(word, help=printable(f"{view.status} {view.command or ''}")[:60])
        for word, view in words
        if word.startswith(incomplete.lower())
    ]


def complete_sort(_ctx: "Context", _parameter: "Parameter", incomplete: str) -> "list[CompletionItem]":
    """Return the fields that begin like the last one of the list so far."""
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - only for completion

    from runlore.projections.run_fields import fields  # noqa: PLC0415 - only for completion

    before, comma, last = incomplete.rpartition(",")
    name = last.removeprefix("-")
    kept = f"{before}{comma}{'-' * (name != last)}"
    return [CompletionItem(kept + each.path) for each in fields().values() if each.path.startswith(name)]


def complete_status(_ctx: "Context", _parameter: "Parameter", incomplete: str) -> "list[CompletionItem]":
    """Return the statuses that begin so."""
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - only for completion

    from runlore.projections.filters import STATUSES  # noqa: PLC0415 - only for completion

    return [CompletionItem(status) for status in STATUSES if status.startswith(incomplete)]


def complete_subscription(ctx: "Context", _parameter: "Parameter", incomplete: str) -> "list[CompletionItem]":
    """Return the subscriptions that begin so; nothing if there is no registry."""
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - only for completion

    from runlore.journal import positions  # noqa: PLC0415 - only for completion
    from runlore.journal.disk import REAL  # noqa: PLC0415 - only for completion
    from runlore.journal.errors import RunloreError  # noqa: PLC0415 - only for completion

    session = ctx.find_object(Session)
    try:
        names = positions.names(REAL, session.reading()) if session else []
    except RunloreError:
        return []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


RUN_ID: Final = click.argument("run_id", metavar="ID", shell_complete=complete_run)
ONE_RUN: Final = click.argument("run_id", metavar="[ID]", required=False, shell_complete=complete_run)
RUN_IDS: Final = click.argument("run_ids", metavar="[ID]...", nargs=-1, shell_complete=complete_run)
SOME_RUNS: Final = click.argument(
    "run_ids", metavar="ID...", nargs=-1, required=True, shell_complete=complete_run
)
TREE: Final = click.option(
    "--tree", is_flag=True, help="Draw runs under the run that began them; tables only."
)

_FILTERS: Final[tuple[Callable[[Any], Any], ...]] = (
    click.option(
        "--status",
        metavar="STATUS",
        multiple=True,
        shell_complete=complete_status,
        help="Only runs of this status; may be repeated.",
    ),
    click.option("--name", metavar="NAME", help="Only runs of this name."),
    click.option(
        "--tag", "tags", metavar="K[=V]", multiple=True, help="Only runs with this tag; repeated: all."
    ),
    click.option("--filter", "where", metavar="EXPR", help='Only what matches, e.g. "exit_code = 3".'),
    click.option("--since", metavar="WHEN", help="Created since then: 2h (ago), 2026-11-20, or a full time."),
    click.option("--until", metavar="WHEN", help="Created before then."),
    click.option("--limit", metavar="N", type=int, help="At most so many: the first of the list."),
    click.option(
        "--sort",
        metavar="FIELD,…",
        multiple=True,
        shell_complete=complete_sort,
        help="By fields of a filter; descending with -: --sort=-duration_s,name.",
    ),
    click.option("--after-cursor", "after", metavar="CURSOR", help="The next page, as the one before says."),
)


_EVENT_FILTERS: Final[tuple[Callable[[Any], Any], ...]] = (
    click.option(
        "--type", "types", metavar="TYPE", multiple=True, help="Only such events: run.failed, or 'run.*'."
    ),
    click.option(
        "--status",
        metavar="STATUS",
        multiple=True,
        shell_complete=complete_status,
        help="Only of runs that were so then; may be repeated.",
    ),
    click.option("--name", metavar="NAME", help="Only of runs of this name."),
    click.option("--tag", "tags", metavar="K[=V]", multiple=True, help="Only of runs with this tag."),
)


def event_filters(function: F) -> F:
    """Return the command with the options that choose events."""
    return reduce(lambda decorated, option: option(decorated), reversed(_EVENT_FILTERS), function)


def filters(function: F) -> F:
    """Return the command with the options that choose runs."""
    return reduce(lambda decorated, option: option(decorated), reversed(_FILTERS), function)
