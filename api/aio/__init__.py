"""The asynchronous twin of the Python API: what can wait for the disk is awaited, nothing blocks the loop.

Each class wraps its synchronous sibling and does its work in worker threads, so there is one
implementation; a test compares the signatures. Speaks anyio: asyncio and trio alike. Decision:
docs/explanation/decisions/0001-the-asynchronous-api-lives-at-the-front-door.md
"""

from runlore.aio.artifact import AsyncArtifact
from runlore.aio.named import AsyncNamedSubscription
from runlore.aio.registry import AsyncRegistry, open_async
from runlore.aio.run import AsyncLines, AsyncRun
from runlore.aio.submitting import AsyncSubmitted
from runlore.aio.track import AsyncTrackedRun, AsyncTracking

__all__ = [
    "AsyncArtifact",
    "AsyncLines",
    "AsyncNamedSubscription",
    "AsyncRegistry",
    "AsyncRun",
    "AsyncSubmitted",
    "AsyncTrackedRun",
    "AsyncTracking",
    "open_async",
]
