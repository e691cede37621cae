"""Memory that watching over one run costs.

Many runs are held at once; the PSS of every process between their commands and init is divided by them.
"""

import itertools
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import runlore
from benchmarks.cases.clocks import quietly, user_environment
from benchmarks.cases.start import private_folder
from benchmarks.place import Measure, Place, Sample

_LIMIT_S = 60.0
_SETTLE_S = 10.0
_STILL_S = 0.2
_NAPS = itertools.count(86400 + os.getpid())
"""Seconds that held commands sleep: no two cases share a figure, so that each knows its own."""


def _processes() -> dict[int, tuple[int, tuple[bytes, ...]]]:
    """Return pid → (parent, argv) of all processes."""
    found: dict[int, tuple[int, tuple[bytes, ...]]] = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat", "rb") as file:
                parent = int(file.read().rpartition(b")")[2].split()[1])
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                found[int(entry)] = (parent, tuple(file.read().split(b"\0")[:-1]))
        except OSError:
            continue  # it ended meanwhile
    return found


def _keepers(commands: Sequence[int], before: Sequence[int]) -> set[int]:
    """Return the ancestors of the commands that were not there before."""
    processes, old = _processes(), {1, os.getpid(), *before}
    found: set[int] = set()
    for command in commands:
        parent = processes.get(command, (1, ()))[0]
        while parent in processes and parent not in old:
            found.add(parent)
            parent = processes[parent][0]
    return found


def _pss(pid: int) -> float:
    """Return the proportional share of memory of a process in MiB; 0 if it ended.

    Raises:
        PermissionError: the process hides it from all but root, as our own do.
    """
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            for line in file:
                if line.startswith("Pss:"):
                    return int(line.split()[1]) / 1024
    except PermissionError:
        raise
    except OSError:
        return 0.0
    return 0.0


def _settled(weigh: Callable[[], float]) -> float:
    """Return a weight once it stays the same for a while."""
    last, deadline = weigh(), time.monotonic() + _SETTLE_S
    while time.monotonic() < deadline:
        time.sleep(_STILL_S)
        weight = weigh()
        if abs(weight - last) <= 0.005 * last:
            return weight
        last = weight
    return last


def _held(place: Place, hold: Callable[[Sequence[str]], object]) -> Callable[[], Sample]:
    """Return a round that holds runs, weighs what watches over them, and ends them."""
    count = int(place.arguments["held"])
    before = list(_processes())

    def measure() -> Sample:
        nap = str(next(_NAPS))
        for _ in range(count):
            hold(["/bin/sleep", nap])
        commands = _await(nap, count)
        watching = _keepers(commands, before)
        weight = _settled(lambda: sum(map(_pss, watching)))
        for pid in commands:
            os.kill(pid, signal.SIGKILL)
        _await(nap, 0)
        return Sample(value=weight / count, details={"processes per run": len(watching) / count})

    return measure


def _await(nap: str, count: int) -> list[int]:
    """Return the pids of the held commands once there are `count` of them."""
    deadline = time.monotonic() + _LIMIT_S
    wanted = (b"/bin/sleep", nap.encode())
    while time.monotonic() < deadline:
        found = [pid for pid, (_, argv) in _processes().items() if argv == wanted]
        if len(found) == count:
            return found
        time.sleep(0.02)
    raise RuntimeError(f"{len(found)} commands run, not {count}")


@contextmanager
def ours(place: Place) -> Measure:
    """Keeper and wrapper of runs started with `runlore run -d`."""
    environment = user_environment(RUNLORE_ROOT=f"{place.folder}/root")
    yield _held(place, lambda command: quietly([place.runlore, "run", "-d", "--", *command], environment))


@contextmanager
def submit(place: Place) -> Measure:
    """Keeper and wrapper of runs started with registry.submit()."""
    registry = runlore.open(f"{place.folder}/root")
    yield _held(place, registry.submit)


@contextmanager
def shell(place: Place) -> Measure:
    """A shell that waits for the command and notes its status: the least that can be called watching."""
    environment = user_environment()

    def hold(command: Sequence[str]) -> None:
        script = f"(sh -c '{' '.join(command)}; echo $? >>{place.folder}/status') >/dev/null 2>&1 &"
        quietly(["/bin/sh", "-c", script], environment)

    yield _held(place, hold)


@contextmanager
def task_spooler(place: Place) -> Measure:
    """Server and one client for each job, as many slots as jobs."""
    tsp = place.tools["task-spooler"]
    with (
        private_folder() as folder,
        _ended(tsp, "-K", TS_SOCKET=f"{folder}/socket", TMPDIR=folder) as environment,
    ):
        quietly([tsp, "-S", str(place.arguments["held"])], environment)
        yield _held(place, lambda command: quietly([tsp, "-n", *command], environment))


@contextmanager
def pm2(place: Place) -> Measure:
    """The daemon, shared by all its runs."""
    executable = place.tools["pm2"]
    names = itertools.count()
    options = ["-f", "--no-autorestart", "--interpreter", "none"]
    with private_folder() as folder, _ended(executable, "kill", PM2_HOME=folder) as environment:

        def hold(command: Sequence[str]) -> None:
            name = f"held-{next(names)}"
            quietly(
                [executable, "start", command[0], "--name", name, *options, "--", *command[1:]], environment
            )

        yield _held(place, hold)


@contextmanager
def _ended(*end: str, **variables: str) -> Iterator[dict[str, str]]:
    """Give the environment of a server of our own, and end the server."""
    environment = user_environment(**variables)
    try:
        yield environment
    finally:
        quietly(end, environment)
