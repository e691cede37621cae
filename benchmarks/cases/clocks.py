"""Time a stretch of work, or a command from its start to its end."""

import gc
import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from resource import struct_rusage

from benchmarks.judging import Sample

_QUANTILES = {"p50 µs": 0.50, "p99 µs": 0.99}


def batch(work: Callable[[], object], items: int) -> Sample:
    """Return the time that one of `items` took while `work` did them all."""
    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Sample(value=wall / items, cpu=cpu / items)


def calls(call: Callable[[], object], count: int, timed: int) -> Sample:
    """Return the time of one call out of `count`, and quantiles of `timed` further ones.

    The clock is read around the whole batch, and around each single call only for the quantiles: two
    readings cost a twentieth of a bare write.
    """
    once = call

    def work() -> None:
        for _ in range(count):
            once()

    sample = batch(work, count)
    now = time.perf_counter
    times: list[float] = []
    for _ in range(timed):
        start = now()
        once()
        times.append(now() - start)
    times.sort()
    details = {name: times[int(share * len(times))] * 1e6 for name, share in _QUANTILES.items()}
    return Sample(value=sample.value, cpu=sample.cpu, details=details)


def command(argv: Sequence[str], environment: Mapping[str, str], *, expect: Sequence[int] = (0,)) -> Sample:
    """Return the time from start to end of a command that says nothing to anybody.

    Raises:
        RuntimeError: it ended with another status than expected.
    """
    wall, usage = ended(argv, environment, expect=expect)
    return Sample(value=wall, cpu=usage.ru_utime + usage.ru_stime)


def ended(
    argv: Sequence[str], environment: Mapping[str, str], *, expect: Sequence[int] = (0,)
) -> tuple[float, struct_rusage]:
    """Return the same, and what the command used.

    Raises:
        RuntimeError: it ended with another status than expected.
    """
    with open(os.devnull, "r+b") as nothing:
        files = [(os.POSIX_SPAWN_DUP2, nothing.fileno(), number) for number in (0, 1, 2)]
        start = time.perf_counter()
        pid = os.posix_spawn(argv[0], list(argv), environment, file_actions=files)
        _, status, usage = os.wait4(pid, 0)
        wall = time.perf_counter() - start
    if os.waitstatus_to_exitcode(status) not in expect:
        raise RuntimeError(f"{' '.join(argv)} ended with {os.waitstatus_to_exitcode(status)}")
    return wall, usage


def quietly(argv: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return what a command wrote to stdout.

    Raises:
        RuntimeError: it failed; the message has what it said.
    """
    done = subprocess.run(
        argv, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv)}: {(done.stderr or done.stdout).strip()[-300:]}")
    return done.stdout


def user_environment(**more: str) -> dict[str, str]:
    """Return the environment of a user's command: nothing of ours to import."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return kept | more
