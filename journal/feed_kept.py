"""Which segments of the feed are kept: a few, and for named subscriptions all they have not passed yet.

The cap is what an abandoned subscription can cost at most. Who falls behind it is rewound, and told.
"""

from runlore.journal import positions
from runlore.journal.disk import Disk
from runlore.journal.errors import JournalIO
from runlore.journal.feed_lines import KEPT_SEGMENTS, MOST_SEGMENTS
from runlore.journal.feed_position import WINDOW
from runlore.journal.layout import Layout


def first_kept(disk: Disk, layout: Layout, feed_id: str, newest: int) -> int:
    """Return the oldest segment to be kept of this feed, whose newest segment is given.

    A subscription of which nobody can tell where it stands counts as one that has seen nothing.
    """
    cap, usual = newest - MOST_SEGMENTS + 1, newest - KEPT_SEGMENTS + 1
    needed = usual
    try:
        for position in positions.all_readable(disk, layout):
            if position is None:
                return max(1, cap)
            if position.feed is not None and position.feed.feed_id == feed_id:
                needed = min(needed, position.feed.segment - WINDOW + 1)
    except JournalIO:
        return max(1, cap)
    return max(1, cap, needed)
