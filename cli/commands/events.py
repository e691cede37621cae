"""`runlore events`: show the events of runs, and follow them."""

from datetime import UTC
from typing import TYPE_CHECKING

import click

from runlore.cli import cells, standard
from runlore.cli.arguments import RUN_IDS, event_filters
from runlore.cli.following import Following
from runlore.cli.options import verb
from runlore.cli.session import Session
from runlore.journal import ids
from runlore.journal.errors import RunloreError
from runlore.journal.events import tag_of
from runlore.journal.scan import Record
from runlore.projections import shell
from runlore.projections.printable import printable
from runlore.projections.stream_records import ControlRecord, event_record
from runlore.projections.timeline import describe

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runlore.watcher.steps import Told
    from runlore.watcher.stream import Records


@verb(
    "events",
    "runlore events latest",
    "runlore events -f",
    "runlore events -f --json k3f9x2ab",
    "runlore events -n 20 -f k3f9x2ab",
    "runlore events -f --type 'run.*' --tag env=prod",
    "runlore events --type run.stop_requested --since 1d nightly",
)
@RUN_IDS
@click.option("-f", "--follow", is_flag=True, help="Go on as events come; with IDs, until those runs ended.")
@click.option(
    "-n", "last", type=click.IntRange(min=0), metavar="N", help="Only the last N of each run that is named."
)
@click.option("--after-cursor", "after", metavar="CURSOR", help="Only what follows it; --json tells cursors.")
@event_filters
@click.option("--since", metavar="WHEN", help="Only from then on: 10m (ago), 2026-11-20, or a full time.")
@click.option("--until", metavar="WHEN", help="Only what happened before then.")
def events(
    session: Session,
    *,
    run_ids: tuple[str, ...],
    follow: bool,
    last: int | None,
    after: str | None,
    types: tuple[str, ...],
    status: tuple[str, ...],
    name: str | None,
    tags: tuple[str, ...],
    since: str | None,
    until: str | None,
) -> None:
    """Show the events of runs, or of all, each run's in the order of its journal.

    -n gives the last records of each run named, of the types and times asked for. -f goes on with what
    happens, new runs included; without an ID it begins there, unless --since or a cursor says otherwise.

    --json gives one object a line: `ready` first, then records, and `end` last,
    which says why the stream ended and, as `ready` does, the cursor to resume from. `rewound` says that
    records may come again. Ctrl-C ends the following and never a run.
    """
    from runlore import live  # noqa: PLC0415 - watches the feed, which completion need not know

    registry = session.registry
    wanted = live.wanted_of(
        registry, types=types, status=status, name=name, tags=tags, since=since, until=until
    )
    subscription = live.open_stream(
        registry,
        wanted,
        runs=session.some(run_ids) if run_ids else None,
        after=after,
        history=bool(run_ids) or since is not None or not follow,
        last=last,
        follow=follow,
        ends=True,
    )
    with subscription as records:
        _control(session, "ready", records)

        def left() -> str:
            _control(session, "end", records, "interrupted")
            return f"no longer followed; nothing was stopped. Go on: {_again(session, records)}"

        with Following(session, left) as following:
            try:
                _show_all(session, records.items(following.whole()), records, several=len(run_ids) != 1)
            except RunloreError as error:
                _control(session, "end", records, str(error))
                raise
        _control(session, "end", records, records.reason)


def _show_all(
    session: Session, items: "Iterable[Record | Told | None]", records: "Records", *, several: bool
) -> None:
    output, noticed = session.output, False
    for item in items:
        if item is None:
            output.flush()
            standard.require_reader()
            if records.notice and not noticed:
                noticed = True
                output.say(records.notice)
        elif isinstance(item, Record):
            _show(session, item, several=several)
        else:
            _tell(session, records, item)


def _control(session: Session, kind: str, records: "Records", reason: str | None = None) -> None:
    record = ControlRecord(type=kind, cursor=records.cursor, reason=reason)  # type: ignore[arg-type]  # one of its own
    session.output.control(record)


def _tell(session: Session, records: "Records", told: "Told") -> None:
    _control(session, told.type, records, told.reason)
    if not session.output.json:
        again = "; records may come again" if told.type == "rewound" else ""
        session.output.say(f"{told.reason}{again}")


def _again(session: Session, records: "Records") -> str:
    return shell.join(["runlore", *session.next_page(records.cursor)])


def _show(session: Session, record: Record, *, several: bool) -> None:
    output = session.output
    if output.json:
        output.put(output.encoded(event_record(record)))
    elif output.fields:
        output.rows(event_record(record))
    else:
        output.line(_line(session, record, several=several))
    output.flush(live=False)


def _line(session: Session, record: Record, *, several: bool) -> str:
    at, output = record.event.at.astimezone(UTC), session.output
    when = f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03}Z"
    run = f"{ids.short(record.run_id)}  " if several else ""
    text = f"{when}  {run}{record.seq:>3}  {tag_of(record.event):<20}  {describe(record.event)}"
    shown = printable(text)
    return shown if output.width is None else cells.cut(shown, output.width, ellipsis=output.ellipsis)
