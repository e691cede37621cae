"""What is known of the feed and of the named subscriptions of a registry; looks, and writes nothing."""

from runlore.journal import position_lock, positions
from runlore.journal.disk import Disk
from runlore.journal.errors import BrokenPosition, JournalIO, NewerFormat, NotFound
from runlore.journal.feed_lines import KEPT_SEGMENTS, segment_path, segments
from runlore.journal.feed_position import WINDOW, FeedPosition
from runlore.journal.feed_reader import FeedReader
from runlore.journal.feed_tail import FeedTail
from runlore.journal.layout import Layout
from runlore.journal.position import Position
from runlore.projections.subscription_views import AckedView, FeedView, HolderView, SubscriptionView


def subscription_view(disk: Disk, layout: Layout, name: str) -> SubscriptionView:
    """Return what is known of a subscription; one whose position cannot be read says so.

    Raises:
        NotFound: there is none of that name. BadInput: none may have it.
    """
    held_by = _held_by(disk, layout, name)
    try:
        position = positions.load(disk, layout, name)
    except (BrokenPosition, NewerFormat, JournalIO) as error:
        return SubscriptionView(subscription=name, held_by=held_by, problem=str(error))
    behind = _behind(disk, layout, position.feed)
    choice, acked = position.choice, position.acked
    return SubscriptionView(
        subscription=name,
        types=list(choice.types),
        status=list(choice.status),
        name=choice.name,
        tags=list(choice.tags),
        created_at=position.created_at,
        at=position.at,
        cursor=position.cursor,
        acked=AckedView(run_id=acked.run_id, seq=acked.seq) if acked else None,
        count=position.count,
        held_by=held_by,
        reached=behind is not None,
        is_in_history=position.is_in_history,
        behind_bytes=behind,
    )


def subscription_views(disk: Disk, layout: Layout) -> list[SubscriptionView]:
    """Return what is known of each subscription, by name.

    Raises:
        JournalIO: they cannot be listed.
    """
    found: list[SubscriptionView] = []
    for name in positions.names(disk, layout):
        try:
            found.append(subscription_view(disk, layout, name))
        except NotFound:
            continue  # removed since it was listed
    return found


def feed_view(disk: Disk, layout: Layout) -> FeedView | None:
    """Return what the feed keeps, and for whom; None if there is none of this boot."""
    end = FeedReader(disk, layout).end()
    if end is None:
        return None
    size, count = 0, 0
    for number in segments(disk, layout.feed):
        try:
            size += disk.stat_path(segment_path(layout.feed, number)).size
        except OSError:
            continue  # removed since it was listed
        count += 1
    usual = end.segment - KEPT_SEGMENTS + 1
    kept_for = [
        position.name
        for position in positions.all_readable(disk, layout)
        if position is not None and _needed(position, end.feed_id, usual) < usual
    ]
    return FeedView(feed_id=end.feed_id, segments=count, bytes=size, kept_for=kept_for)


def _needed(position: Position, feed_id: str, usual: int) -> int:
    """Return the first segment that a subscription needs."""
    feed = position.feed
    return max(1, feed.segment - WINDOW + 1) if feed is not None and feed.feed_id == feed_id else usual


def _behind(disk: Disk, layout: Layout, feed: FeedPosition | None) -> int | None:
    """Return how many bytes of the feed lie behind a place; None if it does not reach back to it."""
    if feed is None:
        return None
    tail = FeedTail(disk, layout)
    try:
        if max(1, feed.segment - WINDOW + 1) not in segments(disk, layout.feed) or not tail.seek(feed):
            return None
        return tail.behind()
    except (OSError, JournalIO):
        return None
    finally:
        tail.close()


def _held_by(disk: Disk, layout: Layout, name: str) -> HolderView | None:
    if not position_lock.is_held(disk, layout, name):
        return None
    found = position_lock.holder(disk, layout, name)
    if found is None:
        return None
    by = found.by
    return HolderView(program=by.program, pid=by.pid, host=by.host, since=found.since)
