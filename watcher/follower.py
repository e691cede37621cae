"""The engine of every stream: from a cursor on, the records of journals in the order of the feed.

`pull` reads and prepares a bounded piece, `take` hands it out; between the two the cursor stands behind
what was handed out, whatever was read ahead. It waits for nothing and holds no lock: synchronous and
asynchronous streams share it. Files are the truth; who calls `pull` when changes latency, never content.
"""

from collections.abc import Iterable
from typing import Final

from runlore.journal.disk import Disk
from runlore.journal.errors import JournalIO, NotFound
from runlore.journal.feed_lines import Announcement, parse_line
from runlore.journal.feed_position import FeedLine
from runlore.journal.feed_reader import FeedReader
from runlore.journal.feed_tail import FeedLost, FeedTail
from runlore.journal.layout import Layout
from runlore.journal.reader import journal_ids
from runlore.journal.scan import Record
from runlore.journal.values import RunId
from runlore.watcher import said_before
from runlore.watcher.census import Census, spot_at
from runlore.watcher.cursor import START, Cursor, Spot, encode
from runlore.watcher.ledger import Ledger
from runlore.watcher.looks import Looks
from runlore.watcher.preparing import Preparing, behind
from runlore.watcher.said_before import LastLine
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

POLL_S: Final = 1.0
"""How often journals are looked at that may have been written to without an announcement."""
_POLL_SHARE: Final = 100
"""At most one part in so many of the time goes into that."""
_AT_ONCE: Final = 200
"""Journals looked at in one go."""
_DONE: Final = object()


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
    ) -> None:
        self._disk, self._layout = disk, layout
        self._looks = Looks(disk, layout)
        self._only = None if run_ids is None else frozenset(run_ids)
        self._ledger = Ledger(registry)
        self._feed, self._feed_end = FeedTail(disk, layout), FeedReader(disk, layout)
        named = self._only is not None
        self._ready = Preparing(disk, layout, wanted or Wanted(), named=named)
        self._errand: Errand | None = None
        self._sizes: dict[RunId, int] | None = None
        """Where settled journals end; None while that is not known of all of them."""
        self._found: dict[RunId, int] | None = None
        """The same, while what was there before is gone through from its beginning."""
        self._counted: tuple[dict[RunId, int], tuple[int, int]] | None = None
        """Sizes that hold once the stream has passed this place in the feed."""
        self._read_to = (0, 0)
        self._doubtful: set[RunId] = set()
        """Runs that may change without an intent, and nobody knows what was delivered of them."""
        self._looked: dict[RunId, tuple[int, int]] = {}
        self._poll_at = 0.0
        self._has_failed = False
        self._whatever_is_locked = False
        self.polls: int = 0
        """How often everything was looked at that may have changed unannounced."""

    # -- begin

    def begin(self, after: Cursor | None = None, *, history: bool = False) -> None:
        """Stand behind a cursor; without one, at the end of everything, or with `history` at its beginning.

        Raises:
            NotFound: a run that was named has no journal. JournalIO: the disk refused.
        """
        for run_id in self._only or ():
            if self._looks.file(run_id) is None:
                raise NotFound(f"run {run_id} has no journal at {self._layout.journal(run_id)}")
        if after is None:
            self._begin_history() if history else self._begin_now()
            return
        why = self._resume(after)
        if why:
            self._ledger.freeze(after)
            self._restart(why)

    def _begin_now(self) -> None:
        before = self._at_the_end()
        census = self._census()
        for run_id in census.sizes:
            line = before.get(run_id)
            spot = census.unsealed.get(run_id)
            if spot is None and line is not None and self._is_open(line, census.sizes[run_id]):
                spot = census.spot(self._disk, self._layout, run_id)
            if spot is not None:
                self._ready.begin(run_id, spot)
                self._ledger.delivered(run_id, spot)
        self._ledger.prune()
        self._sizes = census.sizes
        self._poll_at = self._disk.monotonic() + POLL_S

    def _begin_history(self) -> None:
        self._at_the_end()
        self._sizes, self._found = None, {}
        self._ledger.history = RunId("")
        self._errand = self._history(RunId(""))

    def _at_the_end(self) -> dict[RunId, LastLine]:
        """Go to the end of the feed, if there is one; return what was said in front of it."""
        position = self._feed_end.end()
        if position is None or not self._feed.seek(position):
            self._feed.close()
            self._ledger.move(None, {})
            return {}
        before = said_before.read(self._disk, self._layout, position, self._only) or {}
        self._ledger.move(position, said_before.said(before))
        return before

    def _resume(self, after: Cursor) -> str:
        """Go behind a cursor; return why that cannot be done, if it cannot."""
        if after.position is None:
            return "there was no feed when this cursor was made"
        if not self._feed.seek(after.position):
            return "the feed does not reach back to this cursor"
        before = said_before.read(self._disk, self._layout, after.position, self._only)
        if before is None:
            return "the feed does not reach back far enough behind this cursor"
        self._ledger.move(after.position, said_before.said(before))
        self._ledger.history = after.history
        census = self._census()
        for run_id in census.sizes:
            if after.history is None or run_id <= after.history:
                self._resume_run(run_id, after.ahead.get(run_id), before.get(run_id), census)
        if after.history is not None:
            self._errand = self._history(after.history)
            return ""
        self._ledger.prune()
        end, here = self._feed_end.end(), (after.position.segment, after.position.offset)
        if end is not None and end.feed_id == after.position.feed_id:
            self._counted = (census.sizes, (end.segment, end.offset))
            self._count(here)
        return ""

    def _resume_run(self, run_id: RunId, ahead: Spot | None, line: LastLine | None, census: Census) -> None:
        spot = ahead or (line.spot if line else None)
        if spot is None:
            if run_id in census.unsealed:
                self._doubtful.add(run_id)
            return
        is_open = run_id in census.unsealed or (
            line is not None and self._is_open(line, census.sizes[run_id])
        )
        if ahead or is_open or self._only is not None:
            self._ready.begin(run_id, spot, by_intent=line is not None and line.intent)
            self._ledger.delivered(run_id, spot)

    def _is_open(self, line: LastLine, size: int) -> bool:
        """Say whether a journal may hold more than the last line about it says."""
        return line.intent or line.spot.offset != size

    def _census(self) -> Census:
        census = Census()
        census.take(self._disk, self._layout, self._run_ids())
        return census

    def _run_ids(self) -> list[RunId]:
        return journal_ids(self._disk, self._layout) if self._only is None else sorted(self._only)

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
    def cursor(self) -> str:
        """Where to resume behind what was handed out."""
        return encode(self._ledger.cursor(self._disk.now()))

    def _note_what_follows(self) -> None:
        steps = self._ready.steps
        while steps:
            step = steps[0]
            if isinstance(step, Record | Told | Failed):
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
                self._looked.pop(step.run_id, None)
            case Failed():
                raise step.error

    def _forget(self, step: Settled) -> None:
        tail = self._ready.journals.tail(step.run_id)
        if tail is None or tail.size != step.size or not self._ledger.forget(step.run_id):
            return
        self._ready.forget(step.run_id)
        self._looked.pop(step.run_id, None)
        for sizes in (self._sizes, self._found):
            if sizes is not None:
                sizes[step.run_id] = step.size

    def _went_through(self, run_id: RunId | None) -> None:
        self._ledger.went_through(run_id)
        if run_id is None:
            self._sizes, self._found = self._found, None

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
            return self._pull()
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
            if self._read_feed():
                return True
            if self._disk.monotonic() >= self._poll_at:
                self._errand = self._poll()
                return True
        except FeedLost as lost:
            self._lost(str(lost))
            return True
        return False

    def look(self) -> None:
        """Let the next pulls read everything there is by now, even what is only about to be announced."""
        self._looked.clear()
        self._poll_at = 0.0
        self._whatever_is_locked = True

    def poll_in_s(self) -> float:
        """Return how long there is nothing to do, if nothing happens."""
        return max(0.0, self._poll_at - self._disk.monotonic())

    def is_caught_up(self) -> bool:
        """Say whether the stream only follows what happens, with nothing of before left."""
        return self._errand is None and not self._ready.steps

    def bytes_behind(self) -> int:
        """Return how many bytes of the feed were written since what was read of it."""
        return self._feed.behind() if self._feed.feed_id else 0

    def close(self) -> None:
        """Let go of everything."""
        if self._errand is not None:
            self._errand.close()
        self._feed.close()
        self._ready.journals.close()

    def _read_feed(self) -> bool:
        """Prepare what the next lines of the feed announce; False if there are none."""
        if not self._feed.is_open:
            if self._feed_end.end() is None:
                return False
            raise FeedLost("a new feed began")
        lines = self._feed.read()
        if not lines:
            return False
        self._prepare(lines)
        self._read_to = (lines[-1].segment, lines[-1].end)
        self._count(self._read_to)
        return True

    def _count(self, place: tuple[int, int]) -> None:
        """Trust the sizes of the journals once the stream is where the feed was when they were taken."""
        if self._counted is not None and place >= self._counted[1]:
            self._sizes, self._counted = self._counted[0], None

    def _prepare(self, lines: list[FeedLine]) -> None:
        announcements = [self._parsed(line) for line in lines]
        only = self._only
        last: dict[RunId, Announcement] = {}
        for each in announcements:
            if only is None or each.run_id in only:
                if each.run_id not in self._ready.journals:
                    self._doubtful.discard(each.run_id)
                    self._ready.meet(each)
                if not each.intent:
                    last[each.run_id] = each
        news = {run_id: self._ready.news(run_id, until=each.offset) for run_id, each in last.items()}
        for line, each in zip(lines, announcements, strict=True):
            ours = only is None or each.run_id in only
            if not each.intent and (records := news.get(each.run_id)):
                while records and records[0].seq <= each.seq:
                    self._ready.offer(records.popleft())
            self._ready.steps.append(Announced(line, each.run_id if ours else None, each.seq))
        for records in news.values():
            for record in records:
                self._ready.offer(record)

    def _parsed(self, line: FeedLine) -> Announcement:
        announcement = parse_line(line.text)
        if announcement is None:
            raise FeedLost("a line of the feed is damaged")
        return announcement

    # -- errands: what takes several pulls

    def _poll(self) -> Errand:
        """Look at the journals that may have been written to by somebody who died before announcing it.

        What lies in a journal that nobody is appending to, and is not in the feed behind that, was not
        announced and will not be. A few at a time: what is announced meanwhile does not wait for it.
        """
        cost, run_ids = 0.0, self._ready.journals.run_ids()
        thorough, self._poll_at = self._whatever_is_locked, self._disk.monotonic() + POLL_S
        for begin in range(0, len(run_ids), _AT_ONCE):
            begun = self._disk.monotonic()
            quiet = [
                (each, found) for each in run_ids[begin : begin + _AT_ONCE] if (found := self._moved(each))
            ]
            cost += self._disk.monotonic() - begun
            yield from self._look_at(quiet)
        doubtful = {run_id for run_id in self._doubtful if not self._looks.is_locked(run_id)}
        yield from self._catch_up()
        for run_id in doubtful & self._doubtful:
            self._doubtful.discard(run_id)
            self._ready.begin_again(run_id, f"run {run_id}: nothing says how much of it was delivered before")
            yield from self._ready.all_of(run_id)
        if thorough == self._whatever_is_locked:  # else somebody asked for more meanwhile
            self._poll_at = self._disk.monotonic() + max(POLL_S, cost * _POLL_SHARE)
            self.polls += 1

    def _look_at(self, quiet: list[tuple[RunId, tuple[int, int]]]) -> Errand:
        """Read these journals, in which nobody was appending, once the feed was read to its end."""
        if quiet:
            yield from self._catch_up()
        elif self._feed.is_open and self._read_feed():
            yield
        for run_id, (inode, size) in quiet:
            if run_id in self._ready.journals:
                yield from self._ready.all_of(run_id)
                self._looked[run_id] = (inode, size)
                self._settle(run_id, size)

    def _catch_up(self) -> Errand:
        """Read the feed to where it ends now."""
        end = self._feed_end.end()
        while self._feed.is_open and self._read_feed():
            yield
            if end is None or self._read_to >= (end.segment, end.offset):
                break

    def _moved(self, run_id: RunId) -> tuple[int, int] | None:
        """Return which file a journal is and its size, if it is to be read or settled and nobody appends."""
        now, before = self._looks.file(run_id), self._looked.get(run_id)
        if now is None:
            self._ready.news(run_id)
            return None
        if before == now:
            return None
        tail = self._ready.journals.tail(run_id)
        is_same = before is None or before[0] == now[0]
        if is_same and self._ready.journals.size(run_id) == now[1] and not (tail and tail.sealed):
            self._looked[run_id] = now
            return None
        return now if self._whatever_is_locked or not self._looks.is_locked(run_id) else None

    def _settle(self, run_id: RunId, size: int) -> None:
        tail = self._ready.journals.tail(run_id)
        unannounced = self._whatever_is_locked  # its line may still come
        if tail is not None and tail.sealed and tail.size == size and not unannounced:
            self._ready.steps.append(Settled(run_id, size))

    def _history(self, begun: RunId) -> Errand:
        """Go through everything that was there before, run by run; `begun` was gone through in part."""
        scout = said_before.Scout(self._disk, self._layout, self._ledger.cursor(self._disk.now()).position)
        try:
            for run_id in self._run_ids():
                if run_id < begun:
                    continue
                yield from self._history_of(run_id, scout, fresh=run_id != begun)
        finally:
            scout.close()
        self._ready.steps.append(WentThrough(None))

    def _history_of(self, run_id: RunId, scout: said_before.Scout, *, fresh: bool) -> Errand:
        if fresh:
            self._ready.begin(run_id, START)
            self._ready.steps.append(WentThrough(run_id))
            self._ready.steps.append(Passed(run_id, START))
        elif run_id not in self._ready.journals:
            return
        locked = self._looks.is_locked(run_id)
        yield from self._ready.all_of(run_id)
        tail = self._ready.journals.tail(run_id)
        if tail is not None and tail.sealed and not locked and not scout.has_seen(run_id):
            self._ready.steps.append(Settled(run_id, tail.size))

    def _lost(self, why: str) -> None:
        """Go on without the feed that was read: from what is known of each journal, or from the beginning."""
        sizes, self._counted = self._sizes, None
        self._ledger.freeze(self._ledger.cursor(self._disk.now()))
        if sizes is None or self._ledger.history is not None:
            self._restart(why)
            return
        if self._feed.is_open:  # else there was no order that could be lost
            self._ready.steps.append(Told("lagged", f"{why}; the journals themselves were looked at"))
        self._errand = self._look_at_all(sizes)

    def _restart(self, why: str) -> None:
        for run_id in self._ready.journals.run_ids():
            self._ready.journals.forget(run_id)
        self._ledger.places.clear()
        self._doubtful.clear()
        self._ready.steps.append(Told("rewound", why))
        self._ready.steps.append(Restarted())
        self._begin_history()

    def _look_at_all(self, sizes: dict[RunId, int]) -> Errand:
        position = self._feed_end.end()
        before: dict[RunId, LastLine] = {}
        if position is None or not self._feed.seek(position):
            self._feed.close()
            position = None
        else:
            before = said_before.read(self._disk, self._layout, position, self._only) or {}
        for run_id in self._run_ids():
            if run_id not in self._ready.journals and not self._pick_up(run_id, sizes.get(run_id)):
                continue
            yield from self._ready.all_of(run_id)
        self._looked.clear()
        self._ready.steps.append(Moved(position, said_before.said(before)))

    def _pick_up(self, run_id: RunId, size: int | None) -> bool:
        """Begin to read a journal that was settled, or is new, if there is more of it now."""
        census = Census()
        if size is None:
            spot: Spot | None = START
        else:
            census.take(self._disk, self._layout, [run_id])
            if census.sizes.get(run_id) == size:
                return False
            spot = spot_at(self._disk, self._layout, run_id, size)
        if spot is None:
            self._ready.begin_again(run_id, f"run {run_id}: its journal was replaced by another")
        else:
            self._ready.begin(run_id, spot)
            self._ready.steps.append(Passed(run_id, spot))
        return True
