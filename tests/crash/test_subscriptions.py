"""A consumer of a named subscription that dies anywhere, and machines that lose power under it."""

import errno
import os
from contextlib import suppress
from functools import lru_cache
from typing import Final

import pytest

from runlore.journal import machine
from runlore.journal.errors import RunloreError
from runlore.journal.feed import Feed
from runlore.journal.layout import Layout
from runlore.journal.reader import read
from runlore.journal.values import RunId
from runlore.journal.writer import Writer
from runlore.watcher.syncing import Syncing
from tests import proof
from tests.crash.enumeration import Found, PowerCuts
from tests.crash.recovery import LAYOUT, ROOT
from tests.doubles.crash_states import Image
from tests.doubles.drafts import LIFE, new_run_id, noted, progressed, queued
from tests.doubles.failer import How, Killed, failing
from tests.doubles.file_system import File, FileSystem
from tests.doubles.simulated import SimulatedDisk
from tests.watcher.consumers import Heard, Known, create, drained, write_registry

MOST: Final = 400 if proof.SIZE == "full" else 25
"""States of one moment that are looked at in full."""
STRIDE: Final = 1 if proof.SIZE == "full" else 7
"""Of the states, each so manieth comes up."""
ENDED, LIVE, OTHER = new_run_id(1), new_run_id(2), new_run_id(3)


@lru_cache(maxsize=1)
def world() -> Image:
    """A registry with runs that have ended and that go on, and a subscription from their beginning."""
    disk = SimulatedDisk(FileSystem.holding({}, frozenset({ROOT})))
    write_registry(disk, LAYOUT)
    feed = Feed(disk, LAYOUT)
    feed.begin()
    for run_id in (ENDED, LIVE):
        writer = Writer.create(disk, LAYOUT, run_id, queued(run_id), feed=feed)
        for step in LIFE if run_id is ENDED else LIFE[:2]:
            writer.append(step())
        writer.close()
    feed.close()
    create(disk, LAYOUT)
    return everything_on(disk.system)


def everything_on(system: FileSystem) -> Image:
    """What processes see, as it lies on the disk after everything was synced."""
    found = list(system.walk())
    files = {path: bytes(node.seen) for path, node in found if isinstance(node, File)}
    return Image(files, frozenset(path for path, node in found if not isinstance(node, File)))


def all_records(disk: SimulatedDisk, layout: Layout = LAYOUT) -> set[Known]:
    """Every record of every journal."""
    names = [name.removesuffix(".jsonl") for name in disk.listdir(layout.journals)]
    return {
        (record.run_id, record.seq, record.head)
        for name in names
        if not name.startswith(".")
        for record in read(disk, layout, name)  # type: ignore[arg-type]  # a run id
    }


@pytest.mark.parametrize(
    ("how", "number"),
    [("kill", 0), ("interrupt", 0), ("once", errno.EIO), ("for ever", errno.ENOSPC)],
    ids=["killed", "interrupted", "an error once", "a full disk"],
)
def test_a_consumer_that_ends_at_any_system_call(how: How, number: int) -> None:
    """Whoever consumes next gets what was not acked, from there on and nothing else.

    What the disk refuses comes out as an error of ours, if it comes out at all.
    """
    everything = drained(SimulatedDisk(world().boot()), LAYOUT).records
    disk, counting = failing(SimulatedDisk(world().boot()), None, number, how)
    Heard().consume(disk, LAYOUT, every=2)
    points = 0
    for at in range(1, counting.count + 1):
        process = SimulatedDisk(world().boot())
        disk, failer = failing(process, at, number, how)
        heard = Heard()
        with suppress(Killed, KeyboardInterrupt, RunloreError):
            heard.consume(disk, LAYOUT, every=2)
        failer.repair()
        process.die()
        again = drained(process.other(), LAYOUT)

        assert again.records in (everything[heard.acked :], everything[heard.acking :]), (at, failer.failed)
        assert again.told == []
        points += bool(failer.failed)
    assert len(everything) == 9
    assert points > 60
    proof.record(
        f"named subscription ended at every call: {how} {errno.errorcode.get(number, '')}".rstrip(),
        "nothing skipped, nothing acked comes again",
        {"calls": points},
    )


def sync_journal(disk: SimulatedDisk, run_id: RunId) -> None:
    """Put a journal on the disk as it is."""
    fd = disk.open(LAYOUT.journal(run_id), os.O_RDONLY)
    disk.fdatasync(fd)
    disk.close(fd)
    disk.sync_dir(LAYOUT.journals)


class Cuts(PowerCuts):
    """A machine with the world on its disk, on which a consumer and a writer are at work."""

    def begin(self, *, lies: bool = False) -> "Cuts":
        """Bring it up, and check what comes up after each cut; lies: what is to be synced is not."""
        self.heard, self.lies, self.lost = Heard(), lies, 0
        self.check = self._come_up
        self.boot(world())
        return self

    def work(self) -> None:
        """Append what is not synced and what is, while a consumer takes and acks every other record."""
        disk = self.process()
        feed = Feed(disk, LAYOUT)
        writer = Writer(disk, LAYOUT, LIVE, owner=True, feed=feed)
        writer.append(progressed())
        created = Writer.create(disk, LAYOUT, OTHER, queued(OTHER, durability="process"), feed=feed)
        self.heard.consume(self.process(), LAYOUT, every=2)
        if self.lies:  # else its journal is lost as a whole, like one that was removed
            sync_journal(disk, OTHER)
        writer.append(noted())
        created.append(noted())
        self.heard.consume(self.process(), LAYOUT, every=1 if self.lies else 3)
        for each in (writer, created):
            each.close()
        feed.close()

    def _come_up(self, image: Image) -> list[str]:
        if self.states % STRIDE:
            return []
        disk = SimulatedDisk(image.boot())
        there = all_records(disk)
        lost = [each for each in self.heard.records if each not in there]
        if lost and not self.lies:
            return [f"handed over, and not on the disk: {lost}"]
        again = drained(disk, LAYOUT)
        acked = set(self.heard.records[: self.heard.acking])
        left = {run_id for run_id, _, _ in there}  # a journal that is gone was removed, for all one can see
        ahead = [each for each in self.heard.records[: self.heard.acked] if each in lost and each[0] in left]
        self.lost += bool(ahead)
        if ahead and not again.told:
            return [f"acked and lost, and nothing was said: {ahead}"]
        missing = there - acked - set(again.records)
        return [f"neither acked nor handed over again: {missing}"] if missing else []


def come_up_elsewhere(cuts: Cuts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every machine come up in another boot, as after real power cuts."""
    boot, come_up = machine.boot_id(), cuts.check

    def elsewhere(image: Image) -> list[str]:
        monkeypatch.setattr(machine, "boot_id", lambda: "another")
        try:
            return come_up(image)
        finally:
            monkeypatch.setattr(machine, "boot_id", lambda: boot)

    cuts.check = elsewhere


@pytest.mark.parametrize("same_boot", [True, False], ids=["same boot", "another boot"])
def test_power_that_fails_under_a_consumer(monkeypatch: pytest.MonkeyPatch, *, same_boot: bool) -> None:
    """What was handed over is on the disk, and what was not acked comes again, whatever the cut has left."""
    cuts = Cuts(most=MOST).begin()
    if not same_boot:
        come_up_elsewhere(cuts, monkeypatch)
    cuts.work()

    assert cuts.broken == []
    assert cuts.states > 100
    proof.record(
        f"named subscription and power cuts: {'same' if same_boot else 'another'} boot",
        "what was handed over is durable, what was not acked comes again",
        {"states": cuts.states // STRIDE},
    )


def test_a_sync_that_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the sync in front of each record some cut takes what was handed over: the proof would see."""
    monkeypatch.setattr(Syncing, "__call__", lambda *_: None)
    cuts = Cuts(most=MOST, stop_at_first=True).begin()
    with pytest.raises(Found):
        cuts.work()

    assert any("not on the disk" in each for each in cuts.broken)


@pytest.mark.parametrize("same_boot", [True, False], ids=["same boot", "another boot"])
def test_a_disk_that_lies(monkeypatch: pytest.MonkeyPatch, *, same_boot: bool) -> None:
    """A position that is ahead of what the cut has left is noticed, and the consumer is told."""
    monkeypatch.setattr(Syncing, "__call__", lambda *_: None)
    cuts = Cuts(most=MOST).begin(lies=True)
    if not same_boot:
        come_up_elsewhere(cuts, monkeypatch)
    cuts.work()

    assert cuts.broken == []
    assert cuts.lost
    proof.record(
        f"named subscription ahead of a lost tail: {'same' if same_boot else 'another'} boot",
        "a position ahead of what is left is noticed and told, and what is left comes",
        {"states": cuts.states // STRIDE, "with something lost": cuts.lost},
    )
