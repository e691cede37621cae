"""A registry in which everything happens at once, and streams over it that are resumed again and again.

Everything is drawn: appends to live and to ended runs, writers that die between a record and its
announcement or in the middle of a line, repairs, packing, and the loss of the feed, while a stream reads
a few records, is dropped, and begins again at its cursor. Nothing here waits: time is a number.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from runlore.journal.disk import REAL
from runlore.journal.errors import RunloreError
from runlore.journal.events import JournalRepaired
from runlore.journal.feed import Feed
from runlore.journal.reader import JournalReader
from runlore.journal.repair import repair
from runlore.journal.root import open_for_writing
from runlore.journal.scan import Record
from runlore.journal.values import RunId
from runlore.journal.writer import Writer
from runlore.runtimes.packing import Packing
from runlore.watcher.cursor import decode
from runlore.watcher.follower import Follower
from runlore.watcher.steps import Told
from tests.doubles.drafts import LIFE, Draft, new_run_id, noted, progressed, queued
from tests.journal.announcing import SMALL, Bent, as_disk

REGISTRY: Final = "0123456789abcdef"


class Mute(Feed):
    """The feed of a writer that dies before its last announcement: intents come through."""

    def announce(self, *arguments: object, intent: bool = False, **options: object) -> None:
        """Announce only what comes before the append."""
        if intent:
            super().announce(*arguments, intent=intent, **options)  # type: ignore[arg-type]


class World:
    """The registry."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.disk = Bent()
        self.layout = open_for_writing(REAL, str(folder))
        self.feed = Feed(as_disk(self.disk), self.layout)
        self.writers: dict[RunId, Writer] = {}
        self.lives: dict[RunId, int] = {}

    def close(self) -> None:
        """Let go of everything."""
        for writer in self.writers.values():
            writer.close()
        self.feed.close()
        shutil.rmtree(self.folder)

    def any_run(self, number: int) -> RunId | None:
        """One of the runs."""
        ids = list(self.writers)
        return ids[number % len(ids)] if ids else None

    def create(self, number: int) -> None:
        """A run begins."""
        del number
        run_id = new_run_id(len(self.writers) + 1)
        draft = queued(run_id, durability="process")
        disk = as_disk(self.disk)
        self.writers[run_id] = Writer.create(disk, self.layout, run_id, draft, feed=self.feed)
        self.lives[run_id] = 0

    def note(self, number: int) -> None:
        """Somebody leaves a note, on a live run or an ended one."""
        self._append(number, noted())

    def many(self, number: int) -> None:
        """A run gets so many notes that a small segment of the feed is full."""
        for _ in range(SMALL // 60):
            self._append(number, noted())

    def progress(self, number: int) -> None:
        """A live run gets on, or an ended one gets a note."""
        run_id = self.any_run(number)
        ended = run_id is not None and self.lives[run_id] >= len(LIFE)
        self._append(number, noted() if ended else progressed())

    def live(self, number: int) -> None:
        """A run takes the next step of its life."""
        run_id = self.any_run(number)
        if run_id is not None and self.lives[run_id] < len(LIFE):
            self._append(number, LIFE[self.lives[run_id]]())
            self.lives[run_id] += 1

    def die_unannounced(self, number: int) -> None:
        """A writer is killed between its record and its announcement."""
        run_id = self.any_run(number)
        if run_id is None:
            return
        ended = self.lives[run_id] >= len(LIFE)
        draft = noted("last words") if ended or number % 3 else LIFE[self.lives[run_id]]()
        self.lives[run_id] += not (ended or number % 3)
        mute = Mute(as_disk(self.disk), self.layout)
        self._as_another(run_id, lambda writer: writer.append(draft), mute)
        mute.close()

    def tear(self, number: int) -> None:
        """A writer is killed in the middle of a line."""
        run_id = self.any_run(number)
        if run_id is not None:
            with Path(self.layout.journal(run_id)).open("ab") as file:
                file.write(b'{"type":"run.noted","seq":')

    def cut(self, number: int) -> None:
        """A journal is damaged, and repaired at the cost of its last records."""
        run_id = self.any_run(number)
        if run_id is None:
            return
        path = Path(self.layout.journal(run_id))
        if not path.exists():
            return  # it is packed
        data = path.read_bytes()
        lines = data.splitlines(keepends=True)
        if len(lines) < 3:
            return
        keep = 1 + number % (len(lines) - 1)
        place = sum(map(len, lines[:keep])) + 2
        fd = os.open(path, os.O_WRONLY)
        os.pwrite(fd, b"\x00", place)
        os.close(fd)
        try:
            repair(as_disk(self.disk), self.layout, run_id)
        except RunloreError:
            return
        status = [b"run.booting", b"run.started", b"run.collecting", b"run.succeeded"]
        left = b"".join(lines[:keep])
        if b"run.queued" in lines[0]:  # else its life is packed
            self.lives[run_id] = sum(name in left for name in status)

    def pack(self, number: int) -> None:
        """Journals of runs that ended are packed; sometimes the index of a pack is lost."""
        Packing(as_disk(self.disk), self.layout, older_than_s=0).apply()
        if number % 3 == 0:
            for index in Path(self.layout.packs).glob("*.idx"):
                index.unlink()

    def lose_feed(self, number: int) -> None:
        """Somebody deletes the feed, or a part of it, or its folder."""
        folder = Path(self.layout.feed)
        if not folder.exists():
            return
        if number % 3 == 0:
            shutil.rmtree(folder)
            return
        for path in sorted(folder.iterdir()):
            path.unlink()
            if number % 3 == 1:
                break

    def wait(self, number: int) -> None:
        """Time passes, so that journals are looked at."""
        del number
        self.disk.time += 1000.0

    def _append(self, number: int, draft: Draft) -> None:
        run_id = self.any_run(number)
        if run_id is None:
            return
        if number % 5 == 0:
            self._as_another(run_id, lambda writer: writer.append(draft), self.feed)
            return
        try:
            self.writers[run_id].append(draft)
        except RunloreError:
            self._renew(run_id)

    def _as_another(self, run_id: RunId, action: Callable[[Writer], object], feed: Feed) -> None:
        """Append as a process of its own does."""
        other = Writer(as_disk(self.disk), self.layout, run_id, owner=True, feed=feed)
        try:
            action(other)
        except RunloreError:
            return
        finally:
            other.close()

    def _renew(self, run_id: RunId) -> None:
        self.writers[run_id].close()
        disk = as_disk(self.disk)
        self.writers[run_id] = Writer(disk, self.layout, run_id, owner=True, feed=self.feed)

    def records(self, run_id: RunId) -> list[Record]:
        """What is in a journal now."""
        with JournalReader(REAL, self.layout, run_id) as reader:
            return reader.read_available()


class Stream:
    """A subscriber that is dropped and resumed, and checks all it gets."""

    def __init__(self, world: World, *, history: bool) -> None:
        self.world = world
        self.seen: dict[RunId, tuple[int, str]] = {}
        self.may_repeat: set[RunId] = set()
        self.counts = {"records": 0, "resumed": 0, "rewound": 0, "lagged": 0}
        self.follower = self._new()
        self.follower.begin(history=history)
        if not history:
            for run_id in world.writers:
                if records := world.records(run_id):
                    self.seen[run_id] = (records[-1].seq, records[-1].head)

    def _new(self) -> Follower:
        return Follower(as_disk(self.world.disk), self.world.layout, REGISTRY)

    def resume(self, number: int) -> None:
        """Drop it and begin again at the cursor."""
        del number
        cursor = self.follower.cursor
        self.follower.close()
        self.follower = self._new()
        self.follower.begin(decode(cursor, REGISTRY))
        self.counts["resumed"] += 1

    def read(self, most: int) -> bool:
        """Take some records, each checked; say whether there was nothing any more."""
        idle = 0
        for _ in range(most):
            item = self.follower.take()
            while item is None:
                if not self.follower.pull():
                    idle += 1
                    if idle > 1:
                        return True
                item = self.follower.take()
            self._check(item)
        return False

    def _check(self, item: Record | Told) -> None:
        if isinstance(item, Told):
            self.counts[item.type] += 1
            if item.type == "rewound":
                named = {run_id for run_id in self.world.writers if run_id in item.reason}
                self.may_repeat |= named or set(self.world.writers)
            return
        self.counts["records"] += 1
        seq, _head = self.seen.get(item.run_id, (0, ""))
        if item.seq != seq + 1:
            again = item.seq == 1 or isinstance(item.event, JournalRepaired)
            assert (item.run_id in self.may_repeat, again) == (True, True), (item.run_id, seq, item.seq)
            self.may_repeat.discard(item.run_id)
        self.seen[item.run_id] = (item.seq, item.head)

    def finish(self) -> None:
        """Read everything, after what was torn has healed; nothing is missing."""
        for _ in range(4):
            self.world.wait(0)
            while not self.read(1000):
                pass
        for run_id in self.world.writers:
            records = self.world.records(run_id)
            if records:
                assert self.seen.get(run_id) == (records[-1].seq, records[-1].head), run_id
