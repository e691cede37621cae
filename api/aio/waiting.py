"""Wait for runs without a thread that waits: the event loop does it."""

from collections.abc import Iterable

import anyio
from anyio import to_thread

from runlore.aio.threads import act
from runlore.journal.values import RunId
from runlore.projections.awaiting import Awaited
from runlore.projections.run_view import RunView
from runlore.runtimes.registry import Registry
from runlore.runtimes.waiting import Waiting, waiting_for


async def wait_decided(
    registry: Registry,
    run_ids: Iterable[RunId],
    *,
    timeout_s: float | None,
    any_one: bool = False,
    awaited: Awaited = "terminal",
) -> list[RunView]:
    """Return the views of the runs that have got there or never will, without a thread that waits."""
    deadline = None if timeout_s is None else anyio.current_time() + timeout_s
    waiting = waiting_for(registry, run_ids, awaited)
    try:
        while True:
            await to_thread.run_sync(waiting.check)
            if waiting.is_over(any_one=any_one):
                break
            left = float("inf") if deadline is None else deadline - anyio.current_time()
            if left <= 0:
                break
            await _sleep(waiting, min(left, waiting.next_pause_s()))
        decided = waiting.decided
    finally:
        waiting.close()
    return await act(lambda: [registry.settle(run_id) for run_id in decided])


async def _sleep(waiting: Waiting, pause_s: float) -> None:
    """Wait until the next look is due, or the first owner that is watched has died."""
    watched = waiting.descriptors()[:1]
    if not watched:
        await anyio.sleep(pause_s)
        return
    with anyio.move_on_after(pause_s):
        await anyio.wait_readable(watched[0])
        waiting.wake(watched)
