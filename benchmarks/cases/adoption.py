"""From the death of what watches over a command to the moment its successor is at work.

Looked for without a pause, because what is waited for takes a few milliseconds.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import contextmanager

import runlore
from benchmarks.cases.clocks import user_environment
from benchmarks.place import Measure, Place, Sample

_LIMIT_S = 30.0
_LOOP = """
while :; do
  sleep 86400 & echo $! >> "$1"
  wait $!
done
"""


def _killed(pid: int, is_followed: Callable[[], bool]) -> Sample:
    """Return the time from SIGKILL until there is a successor.

    Raises:
        RuntimeError: none came.
    """
    start = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    while not is_followed():
        if time.monotonic() - start > _LIMIT_S:
            raise RuntimeError(f"nobody followed {pid} within {_LIMIT_S:.0f} s")
    return Sample(value=time.monotonic() - start)


@contextmanager
def ours(place: Place) -> Measure:
    """A run's keeper is killed; `owner.adopted` is on record, durable, when the next one is at work."""
    registry = runlore.open(f"{place.folder}/root")

    def measure() -> Sample:
        run = registry.submit(["/bin/sleep", "86400"])
        owner = run.view().owner
        journal = f"{registry.root}/journals/{run.id}.jsonl"
        if owner is None:
            raise RuntimeError(f"nobody keeps {run.id}")
        sample = _killed(owner.pid, lambda: b'"owner.adopted"' in _content(journal))
        run.stop(force=True)
        run.wait(timeout=_LIMIT_S)
        return sample

    yield measure


@contextmanager
def shell(place: Place) -> Measure:
    """A shell loop that starts the next process when one dies: nothing is recorded, nothing taken over."""
    path = f"{place.folder}/pids"
    argv = ["/bin/sh", "-c", _LOOP, "sh", path]
    with subprocess.Popen(argv, env=user_environment(), start_new_session=True) as loop:

        def pids() -> list[bytes]:
            return _content(path).split(b"\n")[:-1]

        def measure() -> Sample:
            while not pids():
                pass
            before = pids()
            return _killed(int(before[-1]), lambda: len(pids()) > len(before))

        yield measure
        os.killpg(loop.pid, signal.SIGKILL)


def _content(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""
