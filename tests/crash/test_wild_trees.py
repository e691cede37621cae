"""Commands whose children do everything to get away: after a stop nothing of the run is left."""

import os
import random
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import pytest

from runlore.journal import events
from runlore.runtimes import signals
from tests.proof import record
from tests.runtimes.keeping import Keeping, Kept, python, until

WILD: Final = """
import os, random, signal, sys, time
token, seed = sys.argv[1:]
luck = random.Random(int(seed))

def deaf():
    for number in (1, 2, 15):
        signal.signal(number, signal.SIG_IGN)

def spread(*_):
    for _ in range(2):
        if os.fork() == 0:
            deaf()
            os.setsid()
            time.sleep(600)

def child(rest):
    if luck.random() < 0.7:
        os.setsid()
    if luck.random() < 0.5 and os.fork():
        os._exit(0)
    if luck.random() < 0.5:
        deaf()
    if rest:
        fork(rest)
    elif luck.random() < 0.3:
        signal.signal(15, spread)
    file = os.open("ready", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, b"x")
    if luck.random() < 0.7:
        os.closerange(0, 256)
    if not rest and luck.random() < 0.6 and signal.getsignal(15) is not spread:
        os.execve("/bin/sleep", [token, "600"], {})
    while True:
        time.sleep(600)

def fork(sizes):
    for number in range(sizes[0]):
        luck.seed(luck.random())
        if os.fork() == 0:
            child(sizes[1:])

if luck.random() < 0.5:
    deaf()
fork((2, 2))
while True:
    time.sleep(600)
"""
PROCESSES: Final = 2 + 2 * 2
DEATHS: Final = ("nobody", "wrapper", "keeper")
"""Who of the run's own processes is killed before the stop."""


@pytest.mark.timeout(1800)
def test_a_stop_leaves_no_orphan(keeping: Keeping, sized: Callable[[int, int], int]) -> None:
    """Double forks, sessions, closed descriptors, cleared environments, deaf ears: all of it is found."""
    trees, luck = sized(25, 500), random.Random(7)
    for number in range(trees):
        token = f"runlore-wild-{os.getpid()}-{number}"
        try:
            _stop_wild(keeping, token, luck.randrange(2**32), DEATHS[number % len(DEATHS)])
        finally:
            left = _kill_all(token)
        assert left == 0
    record(
        "wild process trees",
        "after a stop nothing of a run is left, whatever its processes did to get away",
        {"trees": trees, "processes": trees * (PROCESSES + 1), "orphans": 0},
    )


def _stop_wild(keeping: Keeping, token: str, seed: int, dies: str) -> None:
    """Let one tree grow, kill one of its keepers, and stop the run."""
    ready = keeping.folder / "ready"
    ready.unlink(missing_ok=True)
    kept = keeping.submit(*python(WILD, token, str(seed)))
    kept.started()
    until(lambda: ready.exists() and ready.stat().st_size == PROCESSES, "the whole tree")
    _lose(kept, dies)
    kept.stop(grace_s=0.05)

    assert kept.end().status == "cancelled"
    assert kept.event(events.RunCollecting).survivors == ()


def _lose(kept: Kept, who: str) -> None:
    """Kill one of the run's own processes."""
    wrapper = kept.event(events.RunStarted).handle.wrapper
    assert wrapper is not None
    if who != "nobody":
        signals.send(wrapper if who == "wrapper" else kept.keeper(), signal.SIGKILL)


def _kill_all(token: str) -> int:
    """Kill who has this word in its command line, which nobody of a tree can take off; say how many."""
    found = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
            if token.encode() in file.read():
                found += 1
                os.kill(int(pid), signal.SIGKILL)
    return found
