"""Where a named subscription stands: on record, and in the hands of whoever holds its lock."""

import os

from msgspec import structs

from runlore.journal import positions
from runlore.journal.disk import Disk
from runlore.journal.errors import BadInput, Conflict
from runlore.journal.layout import Layout
from runlore.journal.position import Acked, Position
from runlore.journal.position_lock import PositionLock
from runlore.watcher import cursor
from runlore.watcher.cursor import Cursor
from runlore.watcher.follower import Follower
from runlore.watcher.subscription import registry_id


class Standing:
    """Where a subscription stands on the disk, in the hands of who holds its lock."""

    def __init__(
        self, disk: Disk, layout: Layout, lock: PositionLock, position: Position, registry: str
    ) -> None:
        self._disk, self._layout, self._lock, self._registry = disk, layout, lock, registry
        self._pid = os.getpid()
        self.position: Position = position
        self._cursor = _parsed(position.cursor, registry)

    def acked(self, acked: Acked, behind: str, count: int) -> None:
        """Stand behind a record that was acked, durably.

        Raises:
            Conflict: somebody has removed the lock under us. JournalIO: the disk refused.
        """
        self._store(behind, acked=acked, count=self.position.count + count)

    def move(self, to: str, *, far_only: bool) -> None:
        """Stand at a cursor in front of which nothing is left to be acked.

        far_only: unless that would not let go of a segment of the feed.
        """
        parsed = _parsed(to, self._registry)
        if parsed is None or (
            self._cursor is not None and structs.replace(parsed, at=self._cursor.at) == self._cursor
        ):
            return
        if not far_only or _segment(parsed) != _segment(self._cursor):
            self._store(to)

    def close(self) -> None:
        """Let somebody else consume it."""
        self._lock.release()

    def _store(self, behind: str, **changes: object) -> None:
        if self._pid != os.getpid():
            raise RuntimeError("a named subscription does not go on in a forked child; consume it there anew")
        position = self.position
        if not self._lock.is_in_place():
            raise Conflict(f"the lock of subscription {position.name} was removed; consume it again")
        parsed = _parsed(behind, self._registry)
        changed = structs.replace(
            position,
            cursor=behind,
            feed=parsed.position if parsed else None,
            is_in_history=parsed is not None and parsed.history is not None,
            at=self._disk.now(),
            **changes,
        )
        positions.store(self._disk, self._layout, changed)
        self.position, self._cursor = changed, parsed


def place(disk: Disk, layout: Layout, *, at: str) -> tuple[str, Cursor]:
    """Return the cursor that is meant, and what it says; at: `start`, `now`, or a cursor.

    Raises:
        BadInput: it is no cursor of this registry. JournalIO: the disk refused.
    """
    registry = registry_id(disk, layout)
    if at not in {"start", "now"}:
        return at, cursor.decode(at, registry)
    follower = Follower(disk, layout, registry)
    try:
        follower.begin(history=at == "start")
        found = follower.cursor
    finally:
        follower.close()
    return found, cursor.decode(found, registry)


def _parsed(text: str, registry: str) -> Cursor | None:
    """Return what a cursor on record says; None for one that cannot be used, which beginning will tell."""
    try:
        return cursor.decode(text, registry)
    except BadInput:
        return None


def _segment(parsed: Cursor | None) -> tuple[str, int] | None:
    found = parsed.position if parsed else None
    return (found.feed_id, found.segment) if found else None
