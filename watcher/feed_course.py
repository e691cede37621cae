"""The feed as a stream goes along it: what the next lines announce is prepared, in their order."""

from typing import Final

from runlore.journal.feed_lines import Announcement, parse_line
from runlore.journal.feed_position import FeedLine, FeedPosition
from runlore.journal.feed_reader import FeedReader
from runlore.journal.feed_tail import FeedLost, FeedTail
from runlore.journal.values import RunId
from runlore.watcher.preparing import Preparing
from runlore.watcher.said_before import LastLine
from runlore.watcher.scope import Scope
from runlore.watcher.settled import Place, SettledSizes
from runlore.watcher.steps import Announced, Errand


class FeedCourse:
    """A place in the feed, and what is made of the lines behind it. Close it."""

    def __init__(self, scope: Scope, ready: Preparing, sizes: SettledSizes) -> None:
        self._scope, self._ready, self._sizes = scope, ready, sizes
        self._tail = FeedTail(scope.disk, scope.layout)
        self._end: Final = FeedReader(scope.disk, scope.layout)
        self._read_to: Place = (0, 0)
        self.doubtful: set[RunId] = set()
        """Runs that may change without an intent, and nobody knows what was delivered of them."""

    @property
    def is_open(self) -> bool:
        """It stands somewhere."""
        return self._tail.is_open

    def end(self) -> FeedPosition | None:
        """Return where the feed ends now; None if there is none."""
        return self._end.end()

    def seek(self, position: FeedPosition) -> bool:
        """Go to a place; False if the feed has no such place any more."""
        return self._tail.seek(position)

    def go_to_end(self) -> tuple[FeedPosition | None, dict[RunId, LastLine]]:
        """Go to the end of the feed, if there is one; return it, and what was said in front of it."""
        position = self.end()
        if position is None or not self.seek(position):
            self._tail.close()
            return None, {}
        return position, self._scope.said_before(position) or {}

    def bytes_behind(self) -> int:
        """Return how many bytes of the feed were written since what was read of it."""
        return self._tail.behind() if self._tail.feed_id else 0

    def close(self) -> None:
        """Let go of the feed."""
        self._tail.close()

    def read(self) -> bool:
        """Prepare what the next lines of the feed announce; False if there are none.

        Raises:
            FeedLost: what was announced cannot be known any more. JournalIO: the disk refused.
        """
        if not self._tail.is_open:
            if self.end() is None:
                return False
            raise FeedLost("a new feed began")
        lines = self._tail.read()
        if not lines:
            return False
        self._prepare(lines)
        self._read_to = (lines[-1].segment, lines[-1].end)
        self._sizes.passed(self._read_to)
        return True

    def catch_up(self) -> Errand:
        """Read the feed to where it ends now."""
        end = self.end()
        while self.is_open and self.read():
            yield
            if end is None or self._read_to >= (end.segment, end.offset):
                break

    def _prepare(self, lines: list[FeedLine]) -> None:
        announcements = [_parsed(line) for line in lines]
        only = self._scope.only
        last: dict[RunId, Announcement] = {}
        for each in announcements:
            if only is None or each.run_id in only:
                if each.run_id not in self._ready.journals:
                    self.doubtful.discard(each.run_id)
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


def _parsed(line: FeedLine) -> Announcement:
    announcement = parse_line(line.text)
    if announcement is None:
        raise FeedLost("a line of the feed is damaged")
    return announcement
