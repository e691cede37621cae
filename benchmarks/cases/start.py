"""Start a command and wait for its end: interpreters, our commands, what other tools answer with."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from benchmarks.cases.clocks import command, quietly, user_environment
from benchmarks.place import Measure, Place, Sample
from runlore.runtimes.registry import Registry


@contextmanager
def python(place: Place) -> Measure:
    """The interpreter that runlore is installed in, doing what `code` says; with `isolated`, as -I."""
    isolated = ["-I"] if place.arguments.get("isolated") else []
    argv = [place.python, *isolated, "-c", str(place.arguments["code"])]
    environment = user_environment()
    yield lambda: command(argv, environment)


@contextmanager
def ours(place: Place) -> Measure:
    """One of our commands on a registry with one finished run."""
    environment = user_environment(RUNLORE_ROOT=f"{place.folder}/root")
    quietly([place.runlore, "run", "--name", "hello", "--", "echo", "hi"], environment)
    argv = [place.runlore, *str(place.arguments["argv"]).split()]
    yield lambda: command(argv, environment)


@contextmanager
def ours_on(place: Place) -> Measure:
    """One of our commands on a registry of many finished runs."""
    environment = brought_up_to_date(place, place.corpora[str(place.arguments["corpus"])])
    argv = [place.runlore, *str(place.arguments["argv"]).split()]
    yield lambda: command(argv, environment)


def brought_up_to_date(place: Place, root: str) -> dict[str, str]:
    """Return the environment of commands on a corpus whose index is as of now."""
    environment = user_environment(RUNLORE_ROOT=root)
    newest = max(os.listdir(f"{root}/journals")).partition(".")[0]
    quietly([place.runlore, "tag", newest, "measured="], environment)  # a feed of this boot
    for _ in range(2):
        quietly([place.runlore, "ls", "--limit", "1"], environment)  # an index of now
    return environment


@contextmanager
def ours_beside(place: Place) -> Measure:
    """`ps` on a registry of runs that go on, all of them of this process."""
    root = f"{place.folder}/root"
    registry, environment = Registry.open(root), user_environment(RUNLORE_ROOT=root)
    with ExitStack() as going:
        for number in range(int(place.arguments["live"])):
            going.enter_context(registry.track(f"live {number}"))
        argv = [place.runlore, "ps"]
        for _ in range(3):
            quietly(argv, environment)  # an index of now, and a row for each of them
        yield lambda: command(argv, environment)


@contextmanager
def each_beside(place: Place) -> Measure:
    """What one more run that goes on adds to `ps`: between the two numbers that `from` and `to` say."""
    first, last = int(place.arguments["from"]), int(place.arguments["to"])
    argv = [place.runlore, "ps"]
    with ExitStack() as going:
        environments: list[dict[str, str]] = []
        for count in (first, last):
            root = f"{place.folder}/{count}"
            registry, environment = Registry.open(root), user_environment(RUNLORE_ROOT=root)
            for number in range(count):
                going.enter_context(registry.track(f"live {number}"))
            for _ in range(3):
                quietly(argv, environment)
            environments.append(environment)

        def measure() -> Sample:
            few, many = (command(argv, environment).value for environment in environments)
            return Sample(value=max(0.0, many - few) / (last - first))

        yield measure


@contextmanager
def rebuilding(place: Place) -> Measure:
    """Make the index anew, warm."""
    environment = user_environment(RUNLORE_ROOT=place.corpora[str(place.arguments["corpus"])])
    argv = [place.runlore, "index", "rebuild"]
    yield lambda: command(argv, environment)


@contextmanager
def task_spooler(place: Place) -> Measure:
    """List the finished jobs of a server of our own, 20 or as many as `jobs` says."""
    tsp, jobs = place.tools["task-spooler"], int(place.arguments.get("jobs", 20))
    with private_folder() as folder:
        environment = user_environment(
            TS_SOCKET=f"{folder}/socket", TMPDIR=folder, TS_MAXFINISHED=str(jobs + 1)
        )
        try:
            for _ in range(jobs):
                quietly([tsp, "-n", "true"], environment)
            yield lambda: command([tsp], environment)
        finally:
            quietly([tsp, "-K"], environment)


@contextmanager
def pm2(place: Place) -> Measure:
    """List the processes of a daemon of our own that has none."""
    executable = place.tools["pm2"]
    with private_folder() as folder:
        environment = user_environment(PM2_HOME=folder)
        try:
            quietly([executable, "ping"], environment)
            yield lambda: command([executable, "ls"], environment)
        finally:
            quietly([executable, "kill"], environment)


@contextmanager
def private_folder() -> Iterator[str]:
    """A folder with a path short enough for sockets (unix(7): 107 bytes)."""
    folder = tempfile.mkdtemp(prefix="rb-")
    try:
        yield os.path.realpath(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
