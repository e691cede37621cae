"""The asynchronous end of a stream: the disk is read in worker threads, the event loop does the waiting.

No task and no task group stands behind it, so it may be left at any moment, and what the subscriber
raises comes back as it was raised. Cancelling a wait loses nothing: the next one goes on.
"""

from typing import Self

import anyio
from anyio import to_thread

from runlore.journal.scan import Record
from runlore.watcher.steps import Told
from runlore.watcher.stream import OfStream


class AsyncRecords(OfStream):
    """Records as they come, for `async for`. Not for several tasks at once."""

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
