"""`runlore subscribe`: consume a named subscription."""

import click

from runlore.cli.arguments import complete_subscription
from runlore.cli.consuming import consume
from runlore.cli.following import Following
from runlore.cli.options import verb
from runlore.cli.session import Session
from runlore.journal.errors import RunloreError
from runlore.projections.stream_records import ControlRecord
from runlore.watcher.durable import MAX_UNACKED, DurableRecords


@verb(
    "subscribe",
    "runlore subscribe mail",
    "mkfifo acks; runlore subscribe mail <acks | ./deliver >acks",
)
@click.argument("name", metavar="NAME", shell_complete=complete_subscription)
@click.option(
    "--max-unacked",
    metavar="N",
    type=click.IntRange(min=1),
    default=MAX_UNACKED,
    help=f"So many records go out without an ack. Default: {MAX_UNACKED}.",
)
@click.option("--no-follow", is_flag=True, help="End once everything there is was handed over and acked.")
def subscribe(session: Session, *, name: str, max_unacked: int, no_follow: bool) -> None:
    """Hand over the events of a subscription, an object a line, until each was acked on standard input.

    An ack is a line {"ack": "…"} with the `ack` of a record, or the whole record as it came: that record
    and all before it are dealt with. Whatever is not acked comes again, to whoever subscribes next: at
    least once. One consumer at a time; another exits with 5. `runlore subscriptions create` makes one.

    The first line is `ready`, the last `end`, with the reason: `closed` once standard input is at its end.
    """
    from runlore.named import NamedSubscription  # noqa: PLC0415 - watches the feed, which completion need not

    session.output.json = True
    named = NamedSubscription(session.registry, name, max_unacked=max_unacked, follow=not no_follow)
    with named as records:
        _control(session, "ready", records)

        def left() -> str:
            _control(session, "end", records, "interrupted")
            return f"no longer consumed; what is not acked comes again: runlore subscribe {name}"

        with Following(session, left):
            try:
                reason = consume(session, records)
            except RunloreError as error:
                _control(session, "end", records, str(error))
                raise
        _control(session, "end", records, reason)


def _control(session: Session, kind: str, records: DurableRecords, reason: str | None = None) -> None:
    position = records.position.cursor
    record = ControlRecord(type=kind, cursor=position, reason=reason)  # type: ignore[arg-type]  # one of its own
    session.output.control(record)
