"""What the feed said last about each run in front of a position: where a resuming stream finds its place."""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from runlore.journal.disk import Disk
from runlore.journal.errors import JournalIO
from runlore.journal.feed_lines import parse_line, segments
from runlore.journal.feed_position import WINDOW, FeedLine, FeedPosition
from runlore.journal.feed_tail import FeedLost, FeedTail
from runlore.journal.ids import LENGTH
from runlore.journal.layout import Layout
from runlore.journal.values import RunId
from runlore.watcher.cursor import START, Spot
from runlore.watcher.ledger import Said


class LastLine(Struct, frozen=True, gc=False):
    """The last line about a run."""

    spot: Spot
    intent: bool
    segment: int


def read(
    disk: Disk, layout: Layout, position: FeedPosition, only: frozenset[RunId] | None
) -> dict[RunId, LastLine] | None:
    """Return the last line about each run in front of a position, or of `only`, a few segments back.

    None if the feed does not reach back so far.

    Raises:
        JournalIO: the disk refused.
    """
    try:
        texts = _last_lines(disk, layout, position)
    except (FeedLost, FileNotFoundError):
        return None
    except JournalIO:
        raise
    except OSError as error:
        raise JournalIO(f"{layout.feed}: {error.strerror or error}") from error
    found: dict[RunId, LastLine] = {}
    for line in texts or ():
        parsed = parse_line(line.text)
        if parsed is None:
            return None
        if only is None or parsed.run_id in only:
            spot = Spot(parsed.seq, parsed.offset, parsed.mark) if parsed.seq else START
            found[parsed.run_id] = LastLine(spot, parsed.intent, line.segment)
    return None if texts is None else found


def _last_lines(disk: Disk, layout: Layout, position: FeedPosition) -> Iterable[FeedLine] | None:
    """Return the last line about each run in front of a position; None if the feed does not reach back."""
    first = max(1, position.segment - WINDOW + 1)
    tail = FeedTail(disk, layout)
    texts: dict[bytes, FeedLine] = {}
    try:
        if first not in segments(disk, layout.feed) or not tail.seek_beginning(first, position.feed_id):
            return None
        while lines := tail.read():
            passed = (lines[-1].segment, lines[-1].end) >= (position.segment, position.offset)
            if passed:
                here = (position.segment, position.offset)
                lines = [line for line in lines if (line.segment, line.end) <= here]
            texts.update((line.text[:LENGTH], line) for line in lines)
            if passed:
                break
    finally:
        tail.close()
    return texts.values()


def said(before: dict[RunId, LastLine]) -> dict[RunId, Said]:
    """Return the same for a ledger."""
    return {run_id: Said(line.spot.seq, line.segment) for run_id, line in before.items()}


class Scout:
    """Runs ahead through the feed to see which runs it names behind a position. Close it."""

    def __init__(self, disk: Disk, layout: Layout, position: FeedPosition | None) -> None:
        self._feed: Final = FeedTail(disk, layout)
        self._named: set[bytes] = set()
        self._blind = position is None or not self._feed.seek(position)

    def has_seen(self, run_id: RunId) -> bool:
        """Say whether a run was named by now, or may have been.

        Raises:
            FeedLost: nobody can say.
        """
        while not self._blind and (lines := self._feed.read()):
            self._named.update(line.text[:LENGTH] for line in lines)
        return self._blind or run_id.encode() in self._named

    def close(self) -> None:
        """Let go of the feed."""
        self._feed.close()
