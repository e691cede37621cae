"""Consumers of a named subscription, in a registry in which everything happens at once.

Each takes some records, acks some of them or none, in any order, and leaves; or it dies, which moves
nothing. Everything that is handed out is held against what was acked before.
"""

from contextlib import suppress
from typing import Final

from runlore.journal.errors import JournalIO
from runlore.journal.reader import read
from runlore.journal.scan import Record
from runlore.watcher.durable import DurableRecords
from runlore.watcher.steps import Told
from tests.journal.announcing import as_disk
from tests.properties.stream_world import World
from tests.watcher.consumers import Known, create, known, subscription

MOST: Final = 7
"""Records that are out at once, at most."""


class Consumers:
    """All who consume the subscription, one after the other."""

    def __init__(self, world: World, *, at: str) -> None:
        self.world, self.disk = world, as_disk(world.disk)
        create(self.disk, world.layout, at=at)
        self.passed_over = set() if at == "start" else self._there()
        """What was there before the subscription was."""
        self.acked: set[Known] = set()
        self.may_repeat: set[Known] = set()
        """What comes again because a consumer was told so, and has acked something since."""
        self.counts = {"consumers": 0, "died": 0, "records": 0, "acks": 0, "again": 0, "rewound": 0}

    def consume(self, number: int, *, dies: bool = False) -> None:
        """Somebody takes up to `number` records, and acks some of them."""
        self.counts["died" if dies else "consumers"] += 1
        with subscription(self.disk, self.world.layout, most=MOST) as records:
            self._take(records, number)
            if dies:
                _die(records)

    def die(self, number: int) -> None:
        """The same, and it is killed."""
        self.consume(number, dies=True)

    def drain(self) -> None:
        """Somebody takes and acks whatever comes, until nothing does."""
        with subscription(self.disk, self.world.layout) as records:
            self._take(records, 10**6, ack_all=True)

    def finish(self) -> None:
        """Nothing of what is there was neither acked nor passed over at the beginning."""
        for _ in range(3):
            self.world.wait(0)
            self.drain()
        missing = self._there() - self.acked - self.passed_over
        assert not missing, sorted(missing)

    def _take(self, records: DurableRecords, number: int, *, ack_all: bool = False) -> None:
        out: list[Record] = []
        told: set[Known] = set()
        for turn in range(number):
            item = records.next_now()
            if item is None and (records.reason or not records.is_full):
                break
            if isinstance(item, Told):
                self.counts["rewound"] += item.type == "rewound"
                if item.type == "rewound":
                    told |= self._meant(item)
            elif item is not None:
                self._check(item, told)
                out.append(item)
            if out and (records.is_full or ((turn + number) % 3 == 0 and not ack_all)):
                self._ack(records, out, turn % len(out))
                self.may_repeat |= told
        if ack_all and out:
            self._ack(records, out, len(out) - 1)
            self.may_repeat |= told
        if records.reason == "caught_up" and not out:
            self.may_repeat.clear()

    def _meant(self, told: Told) -> set[Known]:
        """Return what of all that was acked may come again, by what the stream says."""
        named = {run_id for run_id in self.world.writers if run_id in told.reason}
        return {each for each in self.acked if not named or each[0] in named}

    def _check(self, record: Record, told: set[Known]) -> None:
        self.counts["records"] += 1
        if known(record) in self.acked:
            self.counts["again"] += 1
            assert known(record) in told | self.may_repeat, (record.run_id, record.seq)

    def _ack(self, records: DurableRecords, out: list[Record], last: int) -> None:
        """Ack the one at that place, and twice or out of order some that are acked then."""
        self.counts["acks"] += 1
        before = records.position.count
        for record in (out[last], out[0], out[last]):
            records.ack(record)
        through = last + 1
        assert records.position.count - before == through
        self.acked.update(known(record) for record in out[:through])
        del out[:through]

    def _there(self) -> set[Known]:
        found: set[Known] = set()
        for run_id in self.world.writers:
            with suppress(JournalIO):
                found.update(known(record) for record in read(self.disk, self.world.layout, run_id))
        return found


def _die(records: DurableRecords) -> None:
    """Let nothing be written any more: the process is gone."""
    standing = records._durable._standing
    standing.move = _nothing  # type: ignore[method-assign]


def _nothing(*_: object, **__: object) -> None:
    """Do nothing."""
