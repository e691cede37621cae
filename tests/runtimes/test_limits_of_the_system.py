"""Runs inside the limits of a container: out of memory, and out of processes."""

import signal
from pathlib import Path

import pytest

from runlore.journal import events
from runlore.journal.values import RunId
from runlore.runtimes.out_of_memory import MemoryWatch
from tests.runtimes.cgroups import group, members
from tests.runtimes.keeping import Keeping, until

pytestmark = pytest.mark.needs("root")
SUBMIT = """
import os
from runlore.runtimes import launch
open({procs!r}, "w").write(str(os.getpid()))
link = launch.fork_keeper()
print(link.submit(keeping.spec(*python({code!r}))).run_id, flush=True)
{rest}
"""
WAIT = "while not link.closed: link.wait_news(9)"
EATS = "hoard = []\nwhile True: hoard.append(bytearray(1 << 20))"
BOMB = """
import os
print("ticking", flush=True)
while True:
    try: os.fork()
    except OSError: pass
"""


def inside(keeping: Keeping, folder: Path, code: str, rest: str) -> RunId:
    """The id of a run of a caller that is in a control group, and so is all of its run."""
    script = SUBMIT.format(procs=str(folder / "cgroup.procs"), code=code, rest=rest)
    return RunId(keeping.as_caller(script).decode().strip())


def test_a_command_that_takes_all_memory(keeping: Keeping) -> None:
    """The kernel kills it; the run is failed, and says that it was for its memory."""
    limit = str(96 << 20)
    with group("memory", {"memory.limit_in_bytes": limit}, {"memory.max": limit}) as folder:
        kept = keeping.watch(inside(keeping, folder, EATS, WAIT))
        until(lambda: "RunSealed" in kept.tags(), "the seal")
        ended = kept.event(events.RunFailed)

        assert ended.reason is not None
        assert (ended.reason.code, ended.signal) == ("oom", signal.SIGKILL)


def test_a_command_that_is_killed_by_somebody_else(keeping: Keeping) -> None:
    """SIGKILL alone is not taken for that."""
    limit = str(256 << 20)
    with group("memory", {"memory.limit_in_bytes": limit}, {"memory.max": limit}) as folder:
        kept = keeping.watch(inside(keeping, folder, "import os; os.kill(os.getpid(), 9)", WAIT))
        until(lambda: "RunSealed" in kept.tags(), "the seal")
        ended = kept.event(events.RunFailed)

        assert ended.reason is not None
        assert (ended.reason.code, ended.signal) == ("signal", signal.SIGKILL)


def test_a_fork_bomb(keeping: Keeping) -> None:
    """A stop ends all of it, though every process it kills makes room for another."""
    with group("pids", {"pids.max": "60"}, {"pids.max": "60"}) as folder:
        kept = keeping.watch(inside(keeping, folder, BOMB, "link.wait_started(9); link.close()"))
        until(lambda: len(members(folder)) >= 55, "the explosion")
        kept.stop(reason="enough", force=True)
        until(lambda: "RunSealed" in kept.tags(), "the seal")

        assert kept.event(events.RunCancelled).reason is not None
        until(lambda: not members(folder), "the silence")


def test_a_process_without_a_cgroup_that_counts() -> None:
    """Nothing is claimed."""
    assert not MemoryWatch(2**22 - 1).has_killed()
