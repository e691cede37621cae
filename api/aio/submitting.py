"""What became of one submission of many, for asynchronous programs."""

from typing import Self

from msgspec import Struct

from runlore.aio.run import AsyncRun
from runlore.journal.errors import RunloreError
from runlore.runtimes.submit_many import Submitted


class AsyncSubmitted(Struct, frozen=True, kw_only=True):
    """What became of one submission of many: see `Submitted`."""

    number: int
    """Which one, counted from 1."""
    run: AsyncRun | None = None
    error: RunloreError | None = None
    unmasked: dict[str, str] = {}

    @classmethod
    def of(cls, done: Submitted) -> Self:
        """Return the same, with a run for asynchronous programs."""
        run = AsyncRun(done.run) if done.run is not None else None
        return cls(number=done.number, run=run, error=done.error, unmasked=done.unmasked)
