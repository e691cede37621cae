"""A subscription: what was asked for, and the context in which it is a stream."""

from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Final, TypeVar

from msgspec import Struct

from runlore.journal.disk import Disk
from runlore.journal.layout import Layout
from runlore.journal.root import registry_info
from runlore.journal.values import RunId
from runlore.watcher import cursor
from runlore.watcher.follower import Follower
from runlore.watcher.nudges import Nudge
from runlore.watcher.stream import Ending, Records, Slow, Stream
from runlore.watcher.syncing import Syncing
from runlore.watcher.wanted import Wanted

if TYPE_CHECKING:
    from runlore.watcher.aio import AsyncRecords

Made = TypeVar("Made", bound=Stream)
BUFFER: Final = 1000
"""Records that a subscriber may be behind before it counts as slow."""
_ID_DIGITS: Final = 8


class Asked(Struct, frozen=True, kw_only=True):
    """What a subscriber wants."""

    wanted: Wanted = Wanted()
    run_ids: tuple[RunId, ...] | None = None
    """None: all runs, those to come as well."""
    after: str | None = None
    history: bool = False
    """Without a cursor: begin with what was there before."""
    last: int | None = None
    """Without a cursor: begin in front of so many of the last records of each run."""
    follow: bool = True
    """Go on when everything that is there has come out."""
    slow: Slow = Slow.BLOCK
    buffer: int = BUFFER

    @property
    def until(self) -> datetime | None:
        """When there is nothing more to wait for."""
        return self.wanted.until


class Subscription:
    """A stream, within `with` or `async with`; each time it is entered, a new one.

    ask: says what is wanted, and may look at the disk for that. ending: what it is to end with, if anything.

    Raises, on entering:
        BadInput: the cursor is none of this registry's. NotFound: a run or its journal is not there.
        JournalIO: the disk refused.
    """

    def __init__(
        self, disk: Disk, layout: Layout, ask: Callable[[], Asked], ending: Callable[[Asked], Ending | None]
    ) -> None:
        self._disk, self._layout, self._ask, self._ending = disk, layout, ask, ending
        self._stream: Stream | None = None

    def __enter__(self) -> Records:
        self._stream = stream = self._begun()
        return Records(stream)

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._close()

    async def __aenter__(self) -> "AsyncRecords":
        from anyio import CancelScope, to_thread  # noqa: PLC0415 - only for asynchronous programs

        from runlore.watcher.aio import AsyncRecords  # noqa: PLC0415 - only for asynchronous programs

        begun: list[Stream] = []
        try:
            await to_thread.run_sync(lambda: begun.append(self._begun()))
        except BaseException:
            with CancelScope(shield=True):
                for stream in begun:
                    await to_thread.run_sync(stream.close)
            raise
        self._stream = begun[0]
        return AsyncRecords(begun[0])

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        from anyio import CancelScope, to_thread  # noqa: PLC0415 - only for asynchronous programs

        with CancelScope(shield=True):  # a thread is waited for, a few milliseconds at most
            await to_thread.run_sync(self._close)

    def _close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def _begun(self) -> Stream:
        """Return a stream that stands where it begins: what happens from now on is in it."""
        if self._stream is not None:
            raise RuntimeError("this subscription is a stream already; subscribe again for another one")
        asked = self._ask()
        return begin(
            self._disk,
            self._layout,
            asked,
            lambda follower, nudge: Stream(follower, asked, nudge, self._ending(asked)),
        )


def begin(
    disk: Disk,
    layout: Layout,
    asked: Asked,
    made: Callable[[Follower, Nudge | None], Made],
    *,
    sync: Syncing | None = None,
    doubt: tuple[RunId, str] | None = None,
) -> Made:
    """Return what is made of a follower that stands where it begins: what happens from now on is in it.

    sync: what records have to pass first. doubt: a run to be given again, and why.
    """
    registry = registry_id(disk, layout)
    nudge = Nudge(layout.feed) if asked.follow else None
    follower = Follower(disk, layout, registry, wanted=asked.wanted, run_ids=asked.run_ids, sync=sync)
    try:
        if nudge is not None:
            nudge.wait_watching()
        after = None if asked.after is None else cursor.decode(asked.after, registry)
        follower.begin(after, history=asked.history, last=asked.last)
        if doubt is not None:
            follower.doubt(*doubt)
        return made(follower, nudge)
    except BaseException:
        follower.close()
        if nudge is not None:
            nudge.close()
        raise


def registry_id(disk: Disk, layout: Layout) -> str:
    """Return what cursors of this registry carry of its id."""
    return registry_info(disk, layout).registry_id[:_ID_DIGITS]
