"""`runlore events`: show the events of runs, and follow them."""

from datetime import UTC, datetime

import click
import msgspec

from runlore.cli import cells, cursor
from runlore.cli.arguments import SOME_RUNS
from runlore.cli.event_stream import EventStream
from runlore.cli.following import Following
from runlore.cli.options import verb
from runlore.cli.session import Session
from runlore.journal import ids
from runlore.journal.events import tag_of
from runlore.journal.scan import Record
from runlore.projections import filters
from runlore.projections.printable import printable
from runlore.projections.timeline import describe
from runlore.projections.views import ControlRecord, event_record


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which records are shown."""

    types: frozenset[str]
    since: datetime | None
    until: datetime | None

    def __contains__(self, record: Record) -> bool:
        at = record.event.at
        return (
            (not self.types or tag_of(record.event) in self.types)
            and (self.since is None or at >= self.since)
            and (self.until is None or at < self.until)
        )


@verb(
    "events",
    "runlore events latest",
    "runlore events -f --json k3f9x2ab",
    "runlore events --type run.stop_requested --since 1d nightly",
)
@SOME_RUNS
@click.option("-f", "--follow", is_flag=True, help="Go on as events come, until the runs have ended.")
@click.option("--after-cursor", "after", metavar="CURSOR", help="Only what follows it; --json tells cursors.")
@click.option("--type", "types", metavar="TYPE", multiple=True, help="Only such events, e.g. run.failed.")
@click.option("--since", metavar="WHEN", help="Only from then on: 10m (ago), 2026-11-20, or a full time.")
@click.option("--until", metavar="WHEN", help="Only what happened before then.")
def events(
    session: Session,
    *,
    run_ids: tuple[str, ...],
    follow: bool,
    after: str | None,
    types: tuple[str, ...],
    since: str | None,
    until: str | None,
) -> None:
    """Show the events of runs, each run's in the order of its journal.

    --json gives one object a line: `ready` first, then records, and `end` last, which says why the stream
    ended and, as `ready` does, the cursor to resume from. Ctrl-C ends the following and never a run.
    """
    wanted = Wanted(
        types=frozenset(part for word in types for part in word.split(",")),
        since=filters.when(since, session.now) if since is not None else None,
        until=filters.when(until, session.now) if until is not None else None,
    )
    chosen = session.some(run_ids)
    stream = EventStream(session.registry, chosen, cursor.decode(after) if after is not None else {})
    session.output.control(ControlRecord(type="ready", cursor=stream.cursor))
    with Following(session, "no longer followed; nothing was stopped"):
        for item in stream.read(follow=follow):
            if wanted.until is not None and follow and datetime.now(UTC) >= wanted.until:
                break
            _show(session, item, wanted, several=len(chosen) > 1)
    reason = "ended" if follow else "caught_up"
    session.output.control(ControlRecord(type="end", cursor=stream.cursor, reason=reason))


def _show(session: Session, item: Record | ControlRecord | None, wanted: Wanted, *, several: bool) -> None:
    output = session.output
    if item is None:
        output.flush()
    elif isinstance(item, ControlRecord):
        output.control(item)
        if not output.json:
            output.say(f"{item.reason}; it is shown from its beginning")
    elif item in wanted:
        if output.json:
            output.record(event_record(item), live=False)
        elif output.fields:
            output.rows(event_record(item))
        else:
            output.line(_line(session, item, several=several))
        output.flush(live=False)


def _line(session: Session, record: Record, *, several: bool) -> str:
    at, output = record.event.at.astimezone(UTC), session.output
    when = f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03}Z"
    run = f"{ids.short(record.run_id)}  " if several else ""
    text = f"{when}  {run}{record.seq:>3}  {tag_of(record.event):<20}  {describe(record.event)}"
    shown = printable(text)
    return shown if output.width is None else cells.cut(shown, output.width, ellipsis=output.ellipsis)
