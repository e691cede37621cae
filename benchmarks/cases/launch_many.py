"""From the start of whatever launches many commands to the first instruction of the last one, per command.

The commands are those of `launch`: each stamps the monotonic clock first thing.
"""

import json
import os
import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import runlore
from benchmarks.cases.clocks import quietly, user_environment
from benchmarks.cases.launch import stamp
from benchmarks.cases.start import private_folder
from benchmarks.place import Measure, Place, Sample

_LIMIT_S = 300.0
_POLL_S = 0.002
_LOOP = 'n=0; while [ $n -lt "$0" ]; do "$@" >/dev/null || exit 1; n=$((n + 1)); done'


def _count(place: Place) -> int:
    return place.pick(20, 1000)


def _stamped(path: str, count: int, launch: Callable[[], object]) -> Sample:
    """Return the time from here to the first instruction of the last of them, over their number.

    Raises:
        RuntimeError: they did not all run.
    """
    if os.path.exists(path):
        os.unlink(path)
    start = time.monotonic_ns()
    launch()
    back = time.monotonic_ns() - start
    deadline = time.monotonic() + _LIMIT_S
    while time.monotonic() < deadline:
        stamps = _stamps(path)
        if len(stamps) == count:
            value = (max(stamps) - start) / 1e9 / count
            return Sample(value=value, details={"launcher back ms": back / 1e6 / count})
        time.sleep(_POLL_S)
    raise RuntimeError(f"{len(_stamps(path))} of {count} commands started within {_LIMIT_S:.0f} s")


def _stamps(path: str) -> list[int]:
    try:
        with open(path, encoding="ascii") as file:
            return [int(line) for line in file.read().split("\n")[:-1]]
    except FileNotFoundError:
        return []


def _root(place: Place) -> str:
    """Return where the registry lies; it takes all runs there will be, whatever the machine's memory."""
    root = f"{place.folder}/root"
    quietly([place.runlore, "--root", root, "run", "-q", "true"], user_environment())
    with open(f"{root}/config.toml", "w", encoding="ascii") as file:
        file.write("[limits]\nkeepers = 100000\n")
    return root


def _wait(place: Place, root: str) -> None:
    """Wait, untimed, until no keeper is left to disturb the next case."""
    environment = user_environment(RUNLORE_ROOT=root)
    live = "status = running or status = booting or status = collecting_artifacts"
    while json.loads(quietly([place.runlore, "ls", "--json", "--filter", live], environment))["items"]:
        time.sleep(_POLL_S)


def _kept(place: Place, root: str, path: str, launch: Callable[[], object]) -> Callable[[], Sample]:
    """Return what launches them once, and waits until nothing of them disturbs the next case."""

    def measure() -> Sample:
        sample = _stamped(path, _count(place), launch)
        _wait(place, root)
        return sample

    return measure


@contextmanager
def ours(place: Place) -> Measure:
    """`runlore submit` of one file."""
    command, count, root = stamp(place), _count(place), _root(place)
    with open(f"{place.folder}/runs.ndjson", "w", encoding="utf-8") as file:
        file.writelines(json.dumps({"argv": command}) + "\n" for _ in range(count))
    argv = [place.runlore, "--root", root, "submit", "-q", "--from", f"{place.folder}/runs.ndjson"]
    yield _kept(place, root, command[-1], lambda: quietly(argv, user_environment()))


@contextmanager
def submit_many(place: Place) -> Measure:
    """registry.submit_many() in a Python that has imported runlore already."""
    command, count, root = stamp(place), _count(place), _root(place)
    registry: Any = runlore.open(root)
    given = [{"argv": command}] * count
    yield _kept(place, root, command[-1], lambda: list(registry.submit_many(given)))


@contextmanager
def loop(place: Place) -> Measure:
    """`runlore run -d`, once for each command."""
    command, count, root = stamp(place), _count(place), _root(place)
    argv = ["/bin/sh", "-c", _LOOP, str(count), place.runlore, "--root", root, "run", "-d", "--", *command]
    yield _kept(place, root, command[-1], lambda: quietly(argv, user_environment()))


@contextmanager
def nohup(place: Place) -> Measure:
    """A shell that puts each in the background, and keeps nothing of it."""
    command, count = stamp(place), _count(place)
    line = f'n=0; while [ $n -lt "$0" ]; do nohup {" ".join(command)} >/dev/null 2>&1 & n=$((n + 1)); done'
    argv = ["/bin/sh", "-c", line, str(count)]
    yield lambda: _stamped(command[-1], count, lambda: quietly(argv, user_environment()))


@contextmanager
def task_spooler(place: Place) -> Measure:
    """`tsp` once for each, to a server of our own that runs already and has a slot for all of them."""
    tsp, command, count = place.tools["task-spooler"], stamp(place), _count(place)
    with private_folder() as folder:
        environment = user_environment(TS_SOCKET=f"{folder}/socket", TMPDIR=folder, TS_SLOTS=str(count))
        argv = ["/bin/sh", "-c", _LOOP, str(count), tsp, "-n", *command]
        try:
            quietly([tsp, "-n", "true"], environment)
            yield lambda: _stamped(command[-1], count, lambda: quietly(argv, environment))
        finally:
            quietly([tsp, "-K"], environment)
