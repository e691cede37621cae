"""Do what can wait for the disk in a worker thread."""

from collections.abc import Callable
from typing import TypeVar

from anyio import to_thread

Result = TypeVar("Result")


async def ask(question: Callable[[], Result]) -> Result:
    """Return the answer of a call that changes nothing; cancelled, it is left to itself."""
    return await to_thread.run_sync(question, abandon_on_cancel=True)


async def act(deed: Callable[[], Result]) -> Result:
    """Return what comes of a call that writes; once begun it is finished, cancelled or not."""
    return await to_thread.run_sync(deed)
