"""Readers beside writers: each process gets every record once, whole, in the order of its run."""

import os
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

import pytest

from runlore.journal.events import RunNoted
from runlore.journal.scan import Record
from runlore.journal.values import RunId
from runlore.watcher.follower import Follower
from runlore.watcher.nudges import Nudge
from tests import proof
from tests.doubles.drafts import noted
from tests.watcher.live_runs import Runs, items, runs

__all__ = ["runs"]

READERS: Final = 8
RUNS: Final = 5


@contextmanager
def child(action: Callable[[], object]) -> Iterator[Callable[[], bool]]:
    """Let a child of ours do something meanwhile; yield what waits for it and says whether it could."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            action()
            code = 0
        except BaseException:  # noqa: BLE001 - nothing may get past the fork
            traceback.print_exc()
        finally:
            os._exit(code)
    left = [pid]

    def succeeded() -> bool:
        left.clear()
        return os.waitpid(pid, 0)[1] == 0

    try:
        yield succeeded
    finally:
        for each in left:
            os.kill(each, signal.SIGKILL)
            os.waitpid(each, 0)


def check(follower: Follower, nudge: Nudge, count: int, seen: dict[RunId, int]) -> None:
    """Read so many notes; each is the next of its run, and says what was written there."""
    while sum(seen.values()) < count:
        os.eventfd_read(nudge.fd)  # waits: it is made to
        for item in items(follower):
            assert isinstance(item, Record), item
            assert item.seq == seen.get(item.run_id, 0) + 1
            seen[item.run_id] = item.seq
            if isinstance(item.event, RunNoted):
                assert item.event.text == f"{item.run_id} {item.seq}"


@pytest.mark.timeout(7200)
def test_eight_readers_beside_a_writer(runs: Runs, sized: Callable[[int, int], int]) -> None:
    """Half of it was there before and half comes while they read: not one bad read."""
    count = sized(10_000, 1_000_000)
    ids = [runs.new() for _ in range(RUNS)]
    last = dict.fromkeys(ids, 1)

    def append(upto: int) -> None:
        for number in range(sum(last.values()), upto):
            run_id = ids[number % RUNS]
            last[run_id] += 1
            runs.append(run_id, noted(f"{run_id} {last[run_id]}"))

    def read() -> None:
        nudge = Nudge(runs.layout.feed)
        os.set_blocking(nudge.fd, True)
        os.eventfd_write(nudge.fd, 1)
        follower = runs.follower(history=True)
        check(follower, nudge, count, {})
        assert items(follower) == []

    append(count // 2)
    with ExitStack() as stack:
        succeeded = [stack.enter_context(child(read)) for _ in range(READERS)]
        append(count)
        assert [each() for each in succeeded] == [True] * READERS

    promised = "beside a writer each of eight readers gets every record once, whole and in order"
    proof.record("streams: eight readers", promised, {"readers": READERS, "records": READERS * count})
