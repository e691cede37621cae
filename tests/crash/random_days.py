"""Days drawn at random: what is done to one journal, in any order, power failing all the while."""

import errno
import random
from contextlib import suppress
from typing import TYPE_CHECKING

from runlore.journal.errors import Conflict, JournalIO, RunloreError
from runlore.journal.feed import Feed
from runlore.journal.writer import Draft, Writer
from tests.crash.enumeration import PowerCuts
from tests.crash.recovery import LAYOUT
from tests.crash.workloads import RUN
from tests.doubles.drafts import LIFE, failed, noted, progressed, queued, stop_requested, tagged

if TYPE_CHECKING:
    from tests.doubles.simulated import SimulatedDisk

SIZES = (0, 0, 0, 30, 400, 450, 900, 3500, 5000)
"""Lengths of texts: most are short, some pass a sector or a page."""


class Day:
    """One owner, one stranger, one journal."""

    def __init__(self, cuts: PowerCuts, seed: int, steps: int) -> None:
        self._cuts, self._rng = cuts, random.Random(seed)
        self._life = list(LIFE)
        self._owning: SimulatedDisk = cuts.process()
        disk = cuts.disk(self._owning)
        feed = Feed(disk, LAYOUT) if seed % 3 == 0 else None
        self._owner = Writer.create(disk, LAYOUT, RUN, queued(RUN), feed=feed)
        cuts.promise(RUN, self._owner.tail.head)
        self._stranger = Writer(cuts.disk(), LAYOUT, RUN)
        for _ in range(steps):
            self._step()
        self._owner.close()
        self._stranger.close()

    def _step(self) -> None:
        what = self._rng.choices(
            (
                self._chat,
                self._label,
                self._live_on,
                self._reopen,
                self._kill,
                self._sync_fails,
                self._disk_full,
            ),
            weights=(6, 5, 2, 1, 1, 1, 1),
        )[0]
        self._cuts.clock.pass_time(self._rng.choice((0.001, 0.05, 0.2)))
        what()

    def _append(self, writer: Writer, draft: Draft, *, durable: bool) -> None:
        with suppress(Conflict):  # it has ended
            self._cuts.append(writer, draft, durable=durable)

    def _chat(self) -> None:
        text = "p" * self._rng.choice(SIZES)
        writer = self._rng.choice((self._owner, self._owner, self._stranger))
        self._append(writer, progressed(text), durable=False)
        if self._rng.random() < 0.2:
            writer.sync()
            self._cuts.promise(RUN, writer.tail.head)

    def _label(self) -> None:
        draft = self._rng.choice((noted("n" * self._rng.choice(SIZES)), tagged(), stop_requested()))
        self._append(self._rng.choice((self._owner, self._stranger)), draft, durable=True)

    def _live_on(self) -> None:
        if self._life:
            draft = self._life.pop(0)()
            if self._rng.random() < 0.2:
                draft, self._life = failed(), []
            self._append(self._owner, draft, durable=True)

    def _reopen(self) -> None:
        self._stranger.close()
        self._stranger = Writer(self._cuts.disk(), LAYOUT, RUN)

    def _kill(self) -> None:
        self._owning.die()
        self._owning = self._cuts.process()
        self._owner = Writer(self._cuts.disk(self._owning), LAYOUT, RUN, owner=True)

    def _sync_fails(self) -> None:
        self._owning.fails.append(OSError(errno.EIO, "Input/output error"))
        self._append(self._owner, noted("on a bad disk"), durable=True)

    def _disk_full(self) -> None:
        self._cuts.system.room = self._rng.choice((0, 4096, 8192))
        with suppress(JournalIO):
            self._append(self._owner, noted("n" * 9000), durable=True)
        self._cuts.system.room = None


def random_day(cuts: PowerCuts, seed: int, steps: int = 14) -> None:
    """Live through the day that `seed` draws."""
    with suppress(RunloreError):
        Day(cuts, seed, steps)
