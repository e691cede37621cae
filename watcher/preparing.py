"""Turn what is new in journals into the steps of a stream: what is wanted, and what has to be said first."""

from collections import deque
from typing import Final

from runlore.journal.disk import Disk
from runlore.journal.errors import NotFound, RunloreError
from runlore.journal.events import FINAL, JournalRepaired, RunSealed
from runlore.journal.feed_lines import Announcement
from runlore.journal.layout import Layout
from runlore.journal.scan import Record
from runlore.journal.values import RunId, Seq
from runlore.watcher.cursor import START, Spot, spot_of
from runlore.watcher.open_journals import OpenJournals, Reading
from runlore.watcher.run_facts import RunFacts
from runlore.watcher.steps import Errand, Failed, Gone, Passed, Step, Told
from runlore.watcher.wanted import Wanted

MOST: Final = 1000
"""Records prepared at once."""
_ENDINGS: Final = frozenset({*FINAL, RunSealed})


class Preparing:
    """The steps of one stream that were prepared and not taken, and the journals they come from.

    named: the runs were named by whoever asked, so one that cannot be read ends the stream.
    """

    def __init__(self, disk: Disk, layout: Layout, wanted: Wanted, *, named: bool) -> None:
        self._wanted, self._named = wanted, named
        self.steps: deque[Step] = deque()
        self.journals = OpenJournals(disk, layout)
        self._facts = RunFacts(disk, layout)
        self._met: set[RunId] = set()
        """Runs that are read from what an intent said, with nothing read of them yet."""
        self._damaged: dict[RunId, int] = {}
        self.rewinds: int = 0
        """How often a journal turned out to be another one, and was begun again."""
        self.endings: int = 0
        """How many final events and seals were read."""

    def begin(self, run_id: RunId, spot: Spot, *, by_intent: bool = False) -> None:
        """Read a journal from a spot on; by_intent: nothing but an intent says that it is the right one."""
        self.journals.begin(run_id, spot)
        if by_intent:
            self._met.add(run_id)

    def forget(self, run_id: RunId) -> None:
        """Read a journal no more."""
        self.journals.forget(run_id)
        self._facts.forget(run_id)

    def meet(self, line: Announcement) -> None:
        """Begin to read a journal of which nothing was to be remembered: an intent says where it stood."""
        run_id = line.run_id
        if line.intent:
            spot = Spot(line.seq, line.offset, line.mark) if line.seq else START
            self.begin(run_id, spot, by_intent=True)
            self.steps.append(Passed(run_id, spot))
        else:
            self.begin_again(run_id, f"run {run_id}: nothing says how much of it was delivered before")

    def begin_again(self, run_id: RunId, why: str) -> None:
        self.steps.append(Told("rewound", why))
        self.steps.append(Passed(run_id, START))
        self.journals.begin(run_id, START)

    def news(self, run_id: RunId, *, most: int | None = None, until: int | None = None) -> deque[Record]:
        """Return the next records of a run, after saying what is to be said in front of them."""
        try:
            reading = self.journals.read(run_id, most=most, until=until)
        except NotFound as error:
            self._gone(run_id, error)
            return deque()
        if reading.rewound:
            self.rewinds += 1
            self.steps.append(Told("rewound", reading.rewound))
            self.steps.append(Passed(run_id, START))
        if reading.damage is None:
            self._damaged.pop(run_id, None)
        elif not reading.records:
            self._tell_damage(run_id, reading)
        return deque(reading.records)

    def _tell_damage(self, run_id: RunId, reading: Reading) -> None:
        damage = reading.damage
        assert damage is not None  # noqa: S101 - asked by the caller
        if self._named:
            self.steps.append(Failed(damage))
        elif self._damaged.get(run_id) != damage.offset:
            self._damaged[run_id] = damage.offset
            self.steps.append(Told("lagged", str(damage)))

    def _gone(self, run_id: RunId, error: RunloreError) -> None:
        """Read no more of a run whose journal was removed; one that was named ends the stream."""
        if self._named:
            self.steps.append(Failed(error))
        self.journals.forget(run_id)
        self._met.discard(run_id)
        self.steps.append(Gone(run_id))

    def offer(self, record: Record) -> None:
        if record.run_id in self._met:
            self._met.discard(record.run_id)
            event = record.event
            if isinstance(event, JournalRepaired) and event.cause != "sync_failed":
                why = f"run {record.run_id}: its journal was repaired; from seq {record.seq} on it is another"
                self.steps.append(Told("rewound", why))
        wanted = self._wanted
        self.endings += type(record.event) in _ENDINGS
        run = self._facts.after(record) if wanted.runs is not None else None
        self.steps.append(record if wanted.takes(record, run) else Passed(record.run_id, behind(record)))

    def all_of(self, run_id: RunId, until: int | None = None) -> Errand:
        """Prepare everything in a journal, or up to an offset, a piece at a time."""
        while records := self.news(run_id, most=MOST, until=until):
            for record in records:
                self.offer(record)
            yield


def behind(record: Record) -> Spot:
    """Return the spot behind a record."""
    return spot_of(record.head, Seq(record.seq), record.offset + record.length)
