"""From the start of a launcher to the first instruction of the command it launches.

The command stamps the monotonic clock first thing: a static C program where there is a compiler, else a
Python script, whose own start then counts for all cases alike (the floor shows it).
"""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import runlore
from benchmarks.cases.clocks import quietly, user_environment
from benchmarks.cases.start import private_folder
from benchmarks.place import Measure, Place, Sample

_LIMIT_S = 30.0
_POLL_S = 0.0005
_STAMP_C = r"""
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
int main(int argc, char **argv) {
    struct timespec now;
    char text[32];
    clock_gettime(CLOCK_MONOTONIC, &now);
    int length = snprintf(text, sizeof text, "%lld\n", now.tv_sec * 1000000000LL + now.tv_nsec);
    int file = argc == 2 ? open(argv[1], O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;
    return write(file, text, length) != length;
}
"""
_STAMP_PY = """
import sys, time
now = time.monotonic_ns()
with open(sys.argv[1], "a") as file:
    file.write(f"{now}\\n")
"""


def stamp(place: Place) -> list[str]:
    """Return a command that writes the time of its first instruction to the file named."""
    compiler = shutil.which("cc")
    source, program = f"{place.folder}/stamp.c", f"{place.folder}/stamp"
    if compiler is not None:
        with open(source, "w", encoding="ascii") as file:
            file.write(_STAMP_C)
        for options in (["-static"], []):  # not every system has the static libc
            built = subprocess.run(
                [compiler, "-O1", *options, "-o", program, source], capture_output=True, check=False
            )
            if built.returncode == 0:
                return [program, f"{place.folder}/stamped"]
    return [place.python, "-I", "-S", "-c", _STAMP_PY, f"{place.folder}/stamped"]


def stamped(path: str, launch: Callable[[], object]) -> Sample:
    """Return the time from here to the command's first instruction; details: when the launcher was back.

    Raises:
        RuntimeError: the command did not run.
    """
    if os.path.exists(path):
        os.unlink(path)
    start = time.monotonic_ns()
    launch()
    back = time.monotonic_ns() - start
    deadline = time.monotonic() + _LIMIT_S
    while time.monotonic() < deadline:
        try:
            with open(path, encoding="ascii") as file:
                text = file.read()
        except FileNotFoundError:
            text = ""
        if text.endswith("\n"):
            return Sample(value=(int(text) - start) / 1e9, details={"launcher back ms": back / 1e6})
        time.sleep(_POLL_S)
    raise RuntimeError(f"the command did not start within {_LIMIT_S:.0f} s")


def _spawned(argv: Sequence[str], environment: Mapping[str, str]) -> Callable[[], object]:
    """Return what runs a launcher to its end."""
    with open(os.devnull, "r+b") as nothing:
        descriptor = os.dup(nothing.fileno())
    files = [(os.POSIX_SPAWN_DUP2, descriptor, number) for number in (0, 1, 2)]

    def launch() -> None:
        pid = os.posix_spawn(argv[0], list(argv), environment, file_actions=files)
        _, status = os.waitpid(pid, 0)
        if status:
            raise RuntimeError(f"{argv[0]} ended with {os.waitstatus_to_exitcode(status)}")

    return launch


@contextmanager
def _launcher(
    place: Place, before: Sequence[str], environment: Mapping[str, str], *, shell: bool = False
) -> Iterator[Callable[[], Sample]]:
    """Measure a launcher that takes the command as further arguments, or with `shell` as one text."""
    command = stamp(place)
    argv = [*before, " ".join(command)] if shell else [*before, *command]
    launch = _spawned(argv, environment)
    yield lambda: stamped(command[-1], launch)


@contextmanager
def floor(place: Place) -> Measure:
    """The command itself, spawned by nobody else."""
    with _launcher(place, [], user_environment()) as measure:
        yield measure


@contextmanager
def ours(place: Place) -> Measure:
    """`runlore run -d`; the run is waited for, untimed, so that no keeper disturbs the next case."""
    environment = user_environment(RUNLORE_ROOT=f"{place.folder}/root")
    with _launcher(place, [place.runlore, "run", "-d", "--"], environment) as measure:

        def launch_and_wait() -> Sample:
            sample = measure()
            quietly([place.runlore, "wait", "latest"], environment)
            return sample

        yield launch_and_wait


@contextmanager
def submit(place: Place) -> Measure:
    """registry.submit() in a Python that has imported runlore already."""
    command = stamp(place)
    registry: Any = runlore.open(f"{place.folder}/root")
    runs: list[Any] = []

    def measure() -> Sample:
        sample = stamped(command[-1], lambda: runs.append(registry.submit(command)))
        runs.pop().wait(timeout=_LIMIT_S)
        return sample

    yield measure


@contextmanager
def nohup(place: Place) -> Measure:
    """What people do without any tool: a shell, nohup, an ampersand."""
    command = " ".join(stamp(place))
    environment = user_environment()
    launch = _spawned(["/bin/sh", "-c", f"nohup {command} >/dev/null 2>&1 &"], environment)
    yield lambda: stamped(f"{place.folder}/stamped", launch)


@contextmanager
def tmux(place: Place) -> Measure:
    """A detached session of a server of our own that runs already."""
    with private_folder() as folder:
        client = [place.tools["tmux"], "-S", f"{folder}/socket", "-f", "/dev/null"]
        environment = user_environment()
        try:
            quietly([*client, "new-session", "-d", "-s", "base", "sleep 86400"], environment)
            with _launcher(place, [*client, "new-session", "-d"], environment, shell=True) as measure:
                yield measure
        finally:
            quietly([*client, "kill-server"], environment)


@contextmanager
def task_spooler(place: Place) -> Measure:
    """A job for a server of our own that runs already and is idle."""
    tsp = place.tools["task-spooler"]
    with private_folder() as folder:
        environment = user_environment(TS_SOCKET=f"{folder}/socket", TMPDIR=folder)
        try:
            quietly([tsp, "-n", "true"], environment)
            with _launcher(place, [tsp, "-n"], environment) as measure:
                yield measure
        finally:
            quietly([tsp, "-K"], environment)


@contextmanager
def pm2(place: Place) -> Measure:
    """`pm2 start` with a daemon of our own that runs already."""
    executable = place.tools["pm2"]
    command = stamp(place)
    with private_folder() as folder:
        environment = user_environment(PM2_HOME=folder)
        options = ["--name", "stamp", "-f", "--no-autorestart", "--interpreter", "none"]
        launch = _spawned([executable, "start", command[0], *options, "--", *command[1:]], environment)
        try:
            quietly([executable, "ping"], environment)
            yield lambda: stamped(command[-1], launch)
        finally:
            quietly([executable, "kill"], environment)
