"""Consumers of a named subscription on a disk of the test's choice, with no feed that is watched."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from runlore.journal import positions
from runlore.journal.disk import Disk, write_whole
from runlore.journal.feed import Feed
from runlore.journal.layout import FOLDERS, Layout
from runlore.journal.machine import actor
from runlore.journal.position import Choice, Position
from runlore.journal.scan import Record
from runlore.watcher.durable import Consumption, DurableSubscription
from runlore.watcher.standing import place
from runlore.watcher.steps import Told
from runlore.watcher.wanted import Wanted, parse_types

NAME = "mail"
Known = tuple[str, int, str]


def known(record: Record) -> Known:
    """What tells a record from every other."""
    return record.run_id, record.seq, record.head


def create(disk: Disk, layout: Layout, *, at: str = "start", choice: Choice | None = None) -> Position:
    """Make the subscription."""
    cursor, told = place(disk, layout, at=at)
    now = disk.now()
    position = Position(
        name=NAME, created_at=now, choice=choice or Choice(), cursor=cursor, feed=told.position, at=now
    )
    positions.store(disk, layout, position)
    return position


def subscription(disk: Disk, layout: Layout, *, most: int = 1000) -> DurableSubscription:
    """The subscription, to be entered; its stream ends when everything there is came out."""
    consumption = Consumption(name=NAME, by=actor("test"), max_unacked=most, follow=False)

    def wanted(choice: Choice) -> Wanted:
        feed = Feed(disk, layout)
        with suppress(OSError):
            feed.begin()
        feed.close()
        return Wanted(types=parse_types(choice.types))

    return DurableSubscription(disk, layout, consumption, lambda: None, wanted)


@dataclass
class Heard:
    """What a consumer got, and which of it is acked."""

    records: list[Known] = field(default_factory=list[Known])
    acked: int = 0
    """So many of them, for certain."""
    acking: int = 0
    """So many at most: an ack was under way when its process died."""
    told: list[str] = field(default_factory=list[str])

    def consume(self, disk: Disk, layout: Layout, *, every: int, most: int = 10**9) -> "Heard":
        """Take records, acking every so many of them, until there are no more; return this."""
        with subscription(disk, layout) as records:
            while len(self.records) < most:
                item = records.next_item()
                if item is None:
                    break
                if isinstance(item, Told):
                    self.told.append(item.type)
                    continue
                self.records.append(known(item))
                if len(self.records) % every == 0:
                    self.acking = len(self.records)
                    records.ack()
                    self.acked = self.acking
        return self


def drained(disk: Disk, layout: Layout) -> Heard:
    """Everything that comes to a consumer who acks all of it."""
    return Heard().consume(disk, layout, every=1)


def write_registry(disk: Disk, layout: Layout, made: Iterable[str] = FOLDERS) -> None:
    """Make the file that says which registry it is, and the folders."""
    for name in made:
        disk.mkdir(f"{layout.root}/{name}")
    at = disk.now().isoformat()
    text = f'{{"format":1,"registry_id":"0123456789abcdef","created":"{at}"}}\n'
    write_whole(disk, layout.registry_file, text.encode())
