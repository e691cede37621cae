"""What a stream is over: a registry, or some of its runs."""

from collections.abc import Iterable

from runlore.journal.disk import Disk
from runlore.journal.feed_position import FeedPosition
from runlore.journal.journal_ids import journal_ids
from runlore.journal.layout import Layout
from runlore.journal.values import RunId
from runlore.watcher import said_before
from runlore.watcher.census import Census
from runlore.watcher.said_before import LastLine


class Scope:
    """The runs of one stream; run_ids: those that were named, None for all there are and will be."""

    def __init__(self, disk: Disk, layout: Layout, run_ids: Iterable[RunId] | None) -> None:
        self.disk, self.layout = disk, layout
        self.only = None if run_ids is None else frozenset(run_ids)

    def run_ids(self) -> list[RunId]:
        """Return the runs that there are now, in order."""
        return journal_ids(self.disk, self.layout) if self.only is None else sorted(self.only)

    def census(self) -> Census:
        """Look once at the journal of each run.

        Raises:
            JournalIO: the disk refused.
        """
        census = Census()
        census.take(self.disk, self.layout, self.run_ids())
        return census

    def said_before(self, position: FeedPosition) -> dict[RunId, LastLine] | None:
        """Return the last line about each run in front of a place; None if the feed does not reach back."""
        return said_before.read(self.disk, self.layout, position, self.only)
