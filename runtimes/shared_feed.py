"""One feed for many writers of a process: a thousand tracked runs need one descriptor, not a thousand."""

import os
import threading
import weakref

from runlore.journal.disk import Disk
from runlore.journal.feed import Feed
from runlore.journal.layout import Layout


class SharedFeed(Feed):
    """A feed that lets go of its segment when nobody uses it any more."""

    def __del__(self) -> None:
        self.close()


_feeds: weakref.WeakValueDictionary[tuple[int, str], SharedFeed] = weakref.WeakValueDictionary()
_opening = threading.Lock()


def shared_feed(disk: Disk, layout: Layout) -> SharedFeed:
    """Return this process's feed of a registry."""
    with _opening:
        found = _feeds.get((id(disk), layout.root))
        if found is None:
            found = _feeds[id(disk), layout.root] = SharedFeed(disk, layout)
        return found


def _after_fork_in_child() -> None:
    global _opening  # noqa: PLW0603 - the parent's lock may be held by a thread that is not here
    _opening = threading.Lock()
    _feeds.clear()


os.register_at_fork(after_in_child=_after_fork_in_child)
