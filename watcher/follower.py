"""The engine of every stream: from a cursor on, the records of journals in the order of the feed.

`pull` reads and prepares a bounded piece, `take` hands it out; between the two the cursor stands behind
what was handed out, whatever was read ahead. It waits for nothing and holds no lock: synchronous and
asynchronous streams share it. Files are the truth; who calls `pull` when changes latency, never content.
"""

from collections.abc import Callable, Iterable
from typing import Final

from runlore.journal.disk import Disk
from runlore.journal.errors import JournalIO, NotFound
from runlore.journal.feed_tail import FeedLost
from runlore.journal.layout import Layout
from runlore.journal.scan import Record
from runlore.journal.values import RunId
from runlore.watcher import from_journals, lately
from runlore.watcher.census import Census
from runlore.watcher.cursor import Cursor, Spot, encode
from runlore.watcher.feed_course import FeedCourse
from runlore.watcher.ledger import Ledger
from runlore.watcher.looks import Looks
from runlore.watcher.patrol import Patrol
from runlore.watcher.preparing import Preparing, behind
from runlore.watcher.said_before import LastLine, Scout, said
from runlore.watcher.scope import Scope
from runlore.watcher.settled import SettledSizes
from runlore.watcher.steps import (
    Announced,
    Errand,
    Failed,
    Gone,
    Moved,
    Note,
    Passed,
    Restarted,
    Settled,
    Told,
    WentThrough,
)
from runlore.watcher.wanted import Wanted

_DONE: Final = object()
_NO_NOTES: Final = (Record, Told, Failed)


class Follower:
    """One reading of a registry, or of some of its runs. Begin it once; close it."""

    def __init__(
        self,
        disk: Disk,
        layout: Layout,
        registry: str,
        *,
        wanted: Wanted | None = None,
        run_ids: Iterable[RunId] | None = None,
        sync: Callable[[Iterable[Record]], None] | None = None,
    ) -> None:
        self._disk = disk
        self._sync = sync
        """Sees to it that records are durable before they are handed out."""
        self._scope = scope = Scope(disk, layout, run_ids)
        self._ledger = Ledger(registry)
        self._sizes = SettledSizes()
        self._wanted = wanted or Wanted()
        self._ready = Preparing(disk, layout, self._wanted, named=scope.only is not None)
        self._course = FeedCourse(scope, self._ready, self._sizes)
        self._patrol = Patrol(scope, self._ready, self._course, self._sizes)
        self._errand: Errand | None = None
        """What takes several pulls."""
        self._has_failed = False

    # -- begin

    def begin(self, after: Cursor | None = None, *, history: bool = False, last: int | None = None) -> None:
        """Stand behind a cursor; without one, at the end of everything, or with `history` at its beginning.

        last: in front of so many of the last records of each run that are wanted.

        Raises:
            NotFound: a run that was named has no journal. JournalIO: the disk refused.
        """
        looks, layout = Looks(self._disk, self._scope.layout), self._scope.layout
        for run_id in self._scope.only or ():
            if looks.file(run_id) is None:
                raise NotFound(f"run {run_id} has no journal at {layout.journal(run_id)}")
        if after is None and last is not None:
            self._begin_lately(last)
            return
        if after is None:
            self._begin_history() if history else self._begin_now()
            return
        why = self._resume(after)
        if why:
            self._ledger.freeze(after)
            self._restart(why)

    def _begin_now(self) -> None:
        before = self._at_the_end()
        census = self._scope.census()
        for run_id in census.sizes:
            line = before.get(run_id)
            spot = census.unsealed.get(run_id)
            if spot is None and line is not None and _is_open(line, census.sizes[run_id]):
                spot = census.spot(self._disk, self._scope.layout, run_id)
            if spot is not None:
                self._ready.begin(run_id, spot)
                self._ledger.delivered(run_id, spot)
        self._ledger.prune()
        self._sizes.know(census.sizes)
        self._patrol.put_off()

    def _begin_lately(self, last: int) -> None:
        self._at_the_end()
        census, layout = self._scope.census(), self._scope.layout
        for run_id in census.sizes:
            spot = lately.before_last(self._disk, layout, run_id, last, self._wanted)
            self._ready.begin(run_id, spot)
            self._ledger.delivered(run_id, spot)
        self._ledger.prune()
        self._sizes.know(census.sizes)
        self._patrol.put_off()
        self._errand = self._read_on(sorted(census.sizes))

    def _read_on(self, run_ids: Iterable[RunId]) -> Errand:
        for run_id in run_ids:
            if run_id in self._ready.journals:
                yield from self._ready.all_of(run_id)

    def _begin_history(self) -> None:
        self._at_the_end()
        self._sizes.begin_history()
        self._ledger.history = RunId("")
        self._errand = self._history(RunId(""))

    def _at_the_end(self) -> dict[RunId, LastLine]:
        """Go to the end of the feed, if there is one; return what was said in front of it."""
        position, before = self._course.go_to_end()
        self._ledger.move(position, said(before))
        return before

    def _resume(self, after: Cursor) -> str:
        """Go behind a cursor; return why that cannot be done, if it cannot."""
        if after.position is None:
            return "there was no feed when this cursor was made"
        if not self._course.seek(after.position):
            return "the feed does not reach back to this cursor"
        before = self._scope.said_before(after.position)
        if before is None:
            return "the feed does not reach back far enough behind this cursor"
        self._ledger.move(after.position, said(before))
        self._ledger.history = after.history
        census = self._scope.census()
        for run_id in census.sizes:
            if after.history is None or run_id <= after.history:
                self._resume_run(run_id, after.ahead.get(run_id), before.get(run_id), census)
        if after.history is not None:
            self._errand = self._history(after.history)
            return ""
        self._ledger.prune()
        end, here = self._course.end(), (after.position.segment, after.position.offset)
        if end is not None and end.feed_id == after.position.feed_id:
            self._sizes.know_from(census.sizes, (end.segment, end.offset))
            self._sizes.passed(here)
        return ""

    def _resume_run(self, run_id: RunId, ahead: Spot | None, line: LastLine | None, census: Census) -> None:
        spot = ahead or (line.spot if line else None)
        if spot is None:
            if run_id in census.unsealed:
                self._course.doubtful.add(run_id)
            return
        is_open = run_id in census.unsealed or (line is not None and _is_open(line, census.sizes[run_id]))
        if ahead or is_open or self._scope.only is not None:
            self._ready.begin(run_id, spot, by_intent=line is not None and line.intent)
            self._ledger.delivered(run_id, spot)

    def doubt(self, run_id: RunId, why: str) -> None:
        """Give a run from its first record on again: what was delivered of it is not what lies there."""
        self._course.doubtful.discard(run_id)
        self._ready.begin_again(run_id, why)

    # -- hand out

    def take(self) -> Record | Told | None:
        """Return what comes next of what was prepared; None if `pull` has to be called.

        Raises:
            CorruptJournal, NotFound: a run that was named cannot be read on.
        """
        steps = self._ready.steps
        while steps:
            step = steps.popleft()
            if isinstance(step, Record):
                self._deliver(step)
                self._note_what_follows()
                return step
            if isinstance(step, Told):
                self._note_what_follows()
                return step
            self._note(step)
        return None

    @property
    def endings(self) -> int:
        """How many final events and seals were read."""
        return self._ready.endings

    @property
    def rounds(self) -> int:
        """How often everything was looked at that may have changed unannounced."""
        return self._patrol.rounds

    @property
    def cursor(self) -> str:
        """Where to resume behind what was handed out."""
        return encode(self._ledger.cursor(self._disk.now()))

    def _note_what_follows(self) -> None:
        steps = self._ready.steps
        while steps:
            step = steps[0]
            if isinstance(step, _NO_NOTES):
                return
            self._note(step)
            steps.popleft()

    def _deliver(self, record: Record) -> None:
        self._ledger.delivered(record.run_id, behind(record))

    def _note(self, step: Note) -> None:
        ledger = self._ledger
        match step:
            case Announced():
                ledger.passed(step.line, step.run_id, step.seq)
            case Passed():
                ledger.delivered(step.run_id, step.spot)
            case WentThrough():
                self._went_through(step.run_id)
            case Settled():
                self._forget(step)
            case Moved():
                ledger.move(step.position, step.said)
                ledger.thaw()
            case Restarted():
                ledger.thaw()
            case Gone():
                ledger.drop(step.run_id)
                self._patrol.forget(step.run_id)
            case Failed():
                raise step.error

    def _forget(self, step: Settled) -> None:
        tail = self._ready.journals.tail(step.run_id)
        if tail is None or tail.size != step.size or not self._ledger.forget(step.run_id):
            return
        self._ready.forget(step.run_id)
        self._patrol.forget(step.run_id)
        self._sizes.settled(step.run_id, step.size)

    def _went_through(self, run_id: RunId | None) -> None:
        self._ledger.went_through(run_id)
        if run_id is None:
            self._sizes.went_through_all()

    # -- prepare

    def pull(self) -> bool:
        """Prepare what is new, unless something prepared is left; say whether to go on at once.

        Raises:
            JournalIO: the disk refused.
        """
        if self._ready.steps:
            return True
        if self._has_failed:
            raise JournalIO("this stream has failed before; resume from its cursor")
        try:
            more = self._pull()
            if self._sync is not None:
                self._sync(step for step in self._ready.steps if isinstance(step, Record))
            return more
        except BaseException:
            self._ready.steps.clear()  # what was read is not handed out, so the cursor stays right
            self._has_failed = True
            raise

    def _pull(self) -> bool:
        try:
            if self._errand is not None:
                if next(self._errand, _DONE) is _DONE:
                    self._errand = None
                return True
            if self._course.read():
                return True
            if not self._patrol.due_in_s():
                self._errand = self._patrol.round()
                return True
        except FeedLost as lost:
            self._lost(str(lost))
            return True
        return False

    def look(self) -> None:
        """Let the next pulls read everything there is by now, even what is only about to be announced."""
        self._patrol.look_now()

    def poll_in_s(self) -> float:
        """Return how long there is nothing to do, if nothing happens."""
        return self._patrol.due_in_s()

    def is_caught_up(self) -> bool:
        """Say whether the stream only follows what happens, with nothing of before left."""
        return self._errand is None and not self._ready.steps

    def bytes_behind(self) -> int:
        """Return how many bytes of the feed were written since what was read of it."""
        return self._course.bytes_behind()

    def close(self) -> None:
        """Let go of everything."""
        if self._errand is not None:
            self._errand.close()
        self._course.close()
        self._ready.journals.close()

    # -- errands

    def _history(self, begun: RunId) -> Errand:
        scout = Scout(self._disk, self._scope.layout, self._ledger.cursor(self._disk.now()).position)
        try:
            yield from from_journals.history(self._scope, self._ready, scout, begun, self._wanted)
        finally:
            scout.close()

    def _look_at_all(self, sizes: dict[RunId, int]) -> Errand:
        yield from from_journals.look_at_all(self._scope, self._ready, self._course, sizes)
        self._patrol.forget()

    def _lost(self, why: str) -> None:
        """Go on without the feed that was read: from what is known of each journal, or from the beginning."""
        sizes = self._sizes.lose_feed()
        self._ledger.freeze(self._ledger.cursor(self._disk.now()))
        if sizes is None or self._ledger.history is not None:
            self._restart(why)
            return
        if self._course.is_open:  # else there was no order that could be lost
            self._ready.steps.append(Told("lagged", f"{why}; the journals themselves were looked at"))
        self._errand = self._look_at_all(sizes)

    def _restart(self, why: str) -> None:
        for run_id in self._ready.journals.run_ids():
            self._ready.journals.forget(run_id)
        self._ledger.places.clear()
        self._course.doubtful.clear()
        self._ready.steps.append(Told("rewound", why))
        self._ready.steps.append(Restarted())
        self._begin_history()


def _is_open(line: LastLine, size: int) -> bool:
    """Say whether a journal may hold more than the last line about it says."""
    return line.intent or line.spot.offset != size
