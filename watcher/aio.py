"""The asynchronous end of a stream: the disk is read in worker threads, the event loop does the waiting.

No task and no task group stands behind it, so it may be left at any moment, and what the subscriber
raises comes back as it was raised. Cancelling a wait loses nothing: the next one goes on.
"""

from typing import Self

import anyio
from anyio import to_thread

from runlore.journal.scan import Record
from runlore.watcher.steps import Told
from runlore.watcher.stream import Stream


class AsyncRecords:
    """Records as they come, for `async for`. Not for several tasks at once."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    @property
    def cursor(self) -> str:
        """Where to resume behind the last record that came out."""
        return self._stream.cursor

    @property
    def reason(self) -> str:
        """Why it ended: ended (the runs), caught_up, until, slow, closed; empty while it goes on."""
        return self._stream.reason

    @property
    def rewound(self) -> int:
        """How often records may have come again: the feed did not reach back, or a journal was replaced."""
        return self._stream.rewound

    @property
    def notice(self) -> str:
        """Why the registry is looked at now and then instead of being watched; empty if it is watched."""
        return self._stream.notice

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Record:
        while True:
            item = await self.next_item()
            if isinstance(item, Record):
                return item
            if item is None:
                raise StopAsyncIteration

    async def next_item(self) -> Record | Told | None:
        """Return the next record or what the stream says about itself; None once it is over."""
        stream = self._stream
        while not stream.reason:
            item = stream.take()
            if item is not None:
                return item
            if not await to_thread.run_sync(stream.step):
                with anyio.move_on_after(stream.pause_s()):
                    await anyio.wait_readable(stream.fileno())
                stream.woken(0)
        return None
