"""The asynchronous end of a named subscription: acks are written in worker threads."""

from anyio import to_thread

from runlore.journal.scan import Record
from runlore.watcher.aio import AsyncRecords
from runlore.watcher.durable import OfDurable


class AsyncDurableRecords(OfDurable, AsyncRecords):
    """Records of a named subscription, for `async for`; `ack` what is dealt with. Not for several tasks."""

    async def ack(self, record: Record | None = None) -> None:
        """Return once it is written down that this record and all before it are dealt with.

        Once begun it is finished, cancelled or not: see `DurableRecords.ack`.
        """
        number = self._number(record)
        await to_thread.run_sync(lambda: self._durable.ack(number))
