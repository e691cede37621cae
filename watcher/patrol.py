"""Rounds past the journals that may have been written to by somebody who died before announcing it.

What lies in a journal that nobody is appending to, and is not in the feed behind that, was not announced
and will not be.
"""

from collections import deque
from typing import Final

from runlore.journal.values import RunId
from runlore.watcher.cursor import START
from runlore.watcher.feed_course import FeedCourse
from runlore.watcher.looks import Looks
from runlore.watcher.preparing import Preparing
from runlore.watcher.scope import Scope
from runlore.watcher.settled import SettledSizes
from runlore.watcher.steps import Errand, Passed, Settled

EVERY_S: Final = 1.0
"""How often journals are looked at that may have been written to without an announcement."""
_SHARE: Final = 200
"""At most one part in so many of the time goes into that."""
_AT_ONCE: Final = 200
"""Journals looked at in one go."""


class Patrol:
    """The rounds of one stream."""

    def __init__(self, scope: Scope, ready: Preparing, course: FeedCourse, sizes: SettledSizes) -> None:
        self._scope, self._clock, self._ready, self._course = scope, scope.disk, ready, course
        self._sizes = sizes
        self._looks = Looks(scope.disk, scope.layout)
        self._looked: dict[RunId, tuple[int, int]] = {}
        """Inode and size of the journals in which there was nothing more to see."""
        self._left: deque[RunId] = deque()
        """What this round has still to look at."""
        self._next_at = 0.0
        self._whatever_is_locked = False
        self.rounds: int = 0
        """How often everything was looked at that may have changed unannounced."""

    def due_in_s(self) -> float:
        """Return how long it is until the next round; 0 if it is due."""
        return max(0.0, self._next_at - self._clock.monotonic())

    def put_off(self) -> None:
        """Begin the next round in a while: everything was just looked at."""
        self._next_at = self._clock.monotonic() + EVERY_S

    def look_now(self) -> None:
        """Let the next round be due, and read even what is only about to be announced."""
        self._looked.clear()
        self._next_at = 0.0
        self._whatever_is_locked = True

    def forget(self, run_id: RunId | None = None) -> None:
        """Look again at a journal, or at all, as if it had never been looked at."""
        if run_id is None:
            self._looked.clear()
        else:
            self._looked.pop(run_id, None)

    def round(self) -> Errand:
        """Look at a few of the journals that are read, and later at the next; at all if that was asked for.

        What is announced meanwhile does not wait.
        """
        thorough, cost = self._whatever_is_locked, 0.0
        self.put_off()
        if thorough or not self._left:
            cost = self._find_new()
            self._left = deque(self._ready.journals.run_ids())
        while self._left:
            some = [self._left.popleft() for _ in range(min(_AT_ONCE, len(self._left)))]
            begun = self._clock.monotonic()
            quiet = [
                (each, found)
                for each in some
                if each in self._ready.journals and (found := self._moved(each))
            ]
            cost += self._clock.monotonic() - begun
            yield from self._look_at(quiet)
            if not thorough:
                break
        if not self._left:
            yield from self._clear_up_doubts()
        if thorough == self._whatever_is_locked:  # else somebody asked for more meanwhile
            self._next_at = self._clock.monotonic() + max(0.0 if self._left else EVERY_S, cost * _SHARE)
            self.rounds += not self._left

    def _find_new(self) -> float:
        """Take up the runs that are new while there is no feed: one that came and went told nobody of them.

        Return what that cost, in seconds.
        """
        if self._course.is_open or self._scope.only is not None:
            return 0.0
        begun = self._clock.monotonic()
        for run_id in self._scope.run_ids():
            if run_id not in self._ready.journals and self._sizes.is_new(run_id):
                self._ready.begin(run_id, START)
                self._ready.steps.append(Passed(run_id, START))
        return self._clock.monotonic() - begun

    def _clear_up_doubts(self) -> Errand:
        doubtful = self._course.doubtful
        unlocked = {run_id for run_id in doubtful if not self._looks.is_locked(run_id)}
        yield from self._course.catch_up()
        for run_id in unlocked & doubtful:
            doubtful.discard(run_id)
            self._ready.begin_again(run_id, f"run {run_id}: nothing says how much of it was delivered before")
            yield from self._ready.all_of(run_id)

    def _look_at(self, quiet: list[tuple[RunId, tuple[int, int]]]) -> Errand:
        """Read these journals, in which nobody was appending, once the feed was read to its end."""
        if quiet:
            yield from self._course.catch_up()
        elif self._course.is_open and self._course.read():
            yield
        for run_id, (inode, size) in quiet:
            if run_id in self._ready.journals:
                if not self._has_read(run_id, inode, size):
                    yield from self._ready.all_of(run_id)
                self._looked[run_id] = (inode, size)
                self._settle(run_id, size)

    def _has_read(self, run_id: RunId, inode: int, size: int) -> bool:
        """Say whether the feed announced all that this journal held when it was looked at."""
        before = self._looked.get(run_id)
        is_same = before is None or before[0] == inode
        return is_same and self._ready.journals.size(run_id) == size

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
