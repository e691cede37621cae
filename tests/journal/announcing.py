"""Write announcements and look at them, for the tests of the feed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from runlore.journal import feed as feed_module
from runlore.journal import feed_kept, feed_lines, feed_reader, feed_tail
from runlore.journal.disk import REAL, Disk
from runlore.journal.feed import Feed
from runlore.journal.feed_lines import Announcement, segment_path, segments
from runlore.journal.feed_position import FeedPosition
from runlore.journal.feed_reader import FeedReader
from runlore.journal.layout import Layout
from runlore.journal.values import RunId
from runlore.watcher import ledger, said_before
from tests.doubles.drafts import new_run_id
from tests.doubles.recorder import CALLS

ONE, TWO = new_run_id(1), new_run_id(2)
SMALL: Final = 4096
"""Bytes of a segment where a test wants many."""


class Bent:
    """The real disk with some calls of a test's own, and a clock that a test sets."""

    def __init__(self) -> None:
        self.time = 1000.0
        for name in CALLS:
            setattr(self, name, getattr(REAL, name))
        self.bend(monotonic=lambda: self.time)

    def bend(self, **calls: Callable[..., Any]) -> None:
        """Put calls of the test's in the place of the kernel's."""
        for name, call in calls.items():
            setattr(self, name, call)


def as_disk(bent: Bent) -> Disk:
    """The same, as the journal sees it."""
    return bent  # type: ignore[return-value]  # the calls are put in at run time


def said(lines: list[Announcement]) -> list[tuple[RunId, int, str]]:
    """What was announced, in short."""
    return [(line.run_id, line.seq, "?" if line.intent else "+") for line in lines]


def announce(feed: Feed, seq: int, *, run_id: RunId = ONE, surely: bool = False) -> None:
    """Announce that a journal has reached `seq`."""
    feed.announce(run_id, seq, 100 * seq, bytes(32), surely=surely)


def seqs_from(layout: Layout, after: FeedPosition | None = None) -> list[int]:
    """Every seq in the feed."""
    return [line.seq for line in FeedReader(REAL, layout).read(after).announcements]


def position(layout: Layout) -> FeedPosition:
    """The end of the feed, which must be there."""
    end = FeedReader(REAL, layout).end()
    assert end is not None
    return end


def shrink_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make segments of SMALL bytes until the test is over."""
    for module in (feed_lines, feed_module, feed_reader, feed_tail):
        monkeypatch.setattr(module, "SEGMENT_BYTES", SMALL)


def newest(layout: Layout) -> Path:
    """The newest segment."""
    return Path(segment_path(layout.feed, max(segments(REAL, layout.feed))))


def keep_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the feed keep two small segments at most, one for most, until the test is over."""
    shrink_segments(monkeypatch)
    for module in (feed_kept, said_before, ledger):
        monkeypatch.setattr(module, "WINDOW", 1)
    monkeypatch.setattr(feed_kept, "KEPT_SEGMENTS", 1)
    monkeypatch.setattr(feed_kept, "MOST_SEGMENTS", 2)
