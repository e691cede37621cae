"""Tracked runs and what happens to their process: threads, forks, signals, kills, full disks."""

import gc
import os
import resource
import signal
import subprocess
import threading
import warnings
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runlore.journal.disk import REAL, RealDisk
from runlore.journal.errors import JournalIO
from runlore.journal.reader import read
from runlore.journal.values import RunId
from runlore.journal.verify import verify
from runlore.runtimes import exit_file
from runlore.runtimes.pulse import pulse
from runlore.runtimes.registry import Registry
from runlore.runtimes.track import current_run
from runlore.runtimes.tracked import TrackedRun
from tests.proof import SIZE
from tests.runtimes.keeping import until
from tests.runtimes.kept_runs import program, registry_at, said_by


@pytest.fixture
def registry(registry_root: Path) -> Registry:
    """A registry without runs."""
    return Registry(registry_at(registry_root))


def kinds(run: TrackedRun) -> list[str]:
    """The types of the run's events."""
    return [type(each.event).__name__ for each in run.events()]


def test_a_run_that_everybody_forgot(registry: Registry) -> None:
    """It leaks no descriptor, and is concluded from outside although the process lives."""
    gc.collect()
    before = set(os.listdir("/proc/self/fd"))
    run = registry.track("forgotten").start()
    run_id = run.id
    assert registry.view(run_id).health == "live"

    del run
    gc.collect()

    view = registry.view(run_id)
    assert (view.status, view.provisional) == ("failed", True)
    assert view.reason is not None
    assert view.reason.code == "owner_lost"
    until(lambda: set(os.listdir("/proc/self/fd")) <= before, "the last descriptor's end")


def test_a_handle_that_everybody_forgot(registry: Registry) -> None:
    """Handles of runs hold nothing at all."""
    gc.collect()
    with registry.track() as run:
        before = os.listdir("/proc/self/fd")
        handles = [registry.get(run.id) for _ in range(50)]
        views = [handle.view() for handle in handles]

        assert len(views) == 50
        assert os.listdir("/proc/self/fd") == before


def test_many_threads_and_one_run(registry: Registry) -> None:
    """Threads may share a run: nothing they say is lost, torn or out of order."""
    with registry.track("shared") as run, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: run.note(f"note {n}"), range(64)))
        list(pool.map(lambda n: run.progress(n / 64), range(64)))

    assert kinds(run).count("RunNoted") == 64
    assert verify(REAL, registry.layout, run.id).integrity == "sealed"


def test_a_run_per_thread(registry: Registry) -> None:
    """Runs of several threads are several runs, and each thread has its own current one."""

    def work(number: int) -> RunId:
        with registry.track(f"job-{number}") as run:
            assert current_run() is run
            run.progress(1.0)
        return run.id

    with ThreadPoolExecutor(8) as pool:
        ended = list(pool.map(work, range(32)))

    assert {view.run_id for view in registry.runs(status="succeeded")} == set(ended)


@pytest.mark.timeout(600)
def test_a_thousand_runs_at_once(registry_root: Path) -> None:
    """They share one thread and one feed, and cost two descriptors each."""
    count = 1_000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4 * count), hard))
    registry = Registry(registry_at(registry_root), durability="process")
    gc.collect()
    before, threads = len(os.listdir("/proc/self/fd")), threading.active_count()
    try:
        tracking = registry.track("one of many")
        runs = [tracking.start() for _ in range(count)]

        ours = 2 * count + 2  # the feed's, and the one that the pulse has open while it beats
        assert len(os.listdir("/proc/self/fd")) - before <= ours
        assert threading.active_count() <= threads + 1
        assert pulse().size == count
        assert all(view.health == "live" for view in registry.runs())
        for run in runs:
            run.finish()
        assert registry.page(limit=1).counts == {"succeeded": count}
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Full(RealDisk):
    """A disk that fills up when told to."""

    full = False

    def write(self, fd: int, data: bytes) -> int:  # type: ignore[override]  # there it needs no object
        """Write, or not."""
        if self.full:
            raise OSError(28, "No space left on device")
        return os.write(fd, data)


def test_a_disk_that_is_full(registry_root: Path) -> None:
    """Progress costs a warning, never the work; an end that does not fit is told, and not lost."""
    disk = Full()
    registry = Registry(registry_at(registry_root), disk=disk)
    tracking = registry.track()
    run = tracking.start()
    disk.full = True
    with pytest.warns(RuntimeWarning, match="progress is not recorded"):
        run.progress(0.5)
    with pytest.raises(JournalIO):
        tracking.end(run, None)
    assert exit_file.read(REAL, registry.layout.in_run(run.id, "exit")) is not None
    assert (run.status, run.view().provisional) == ("succeeded", True)

    disk.full = False
    registry.reconcile()
    assert (run.status, run.view().provisional) == ("succeeded", False)


def test_a_disk_that_is_full_when_the_block_fails(registry_root: Path) -> None:
    """The block's own error comes through, with a note about the journal's."""
    disk = Full()
    registry = Registry(registry_at(registry_root), disk=disk)
    tracking, error = registry.track(), ValueError("mine")
    run = tracking.start()
    disk.full = True
    tracking.end(run, error)

    assert run.id in error.__notes__[0]


KILLED = """
import os, signal, sys
from runlore.runtimes.registry import Registry
with Registry.open(sys.argv[1]).track("killed") as run:
    print(run.id, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_that_is_killed(registry: Registry) -> None:
    """Nobody is left to say how it ended, so the lock says it: failed, owner_lost."""
    done = subprocess.run(program(KILLED, registry.root), stdout=subprocess.PIPE, text=True, check=False)

    view = registry.view(RunId(done.stdout.strip()))
    assert done.returncode == -signal.SIGKILL
    assert (view.status, view.exit_code, view.provisional) == ("failed", None, True)
    assert view.reason is not None
    assert view.reason.code == "owner_lost"


MANY = 1_000 if SIZE == "full" else 250
CROWD = """
import os, resource, signal, sys
from runlore.runtimes.registry import Registry
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4_000), hard))
registry = Registry(Registry.open(sys.argv[1]).layout, durability="process")
tracking = registry.track("one of many")
runs = [tracking.start() for _ in range(int(sys.argv[2]))]
for run in runs:
    run.progress(0.5)
child = os.fork()
if child == 0:
    signal.pause()
print(child, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_that_is_hundreds_of_runs_is_killed(registry: Registry) -> None:
    """All of them (a thousand at full size) have failed at once, though a forked worker lives on."""
    with subprocess.Popen(
        program(CROWD, registry.root, str(MANY)), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        worker = int(process.stdout.readline())
        assert process.wait(30) == -signal.SIGKILL
        try:
            runs = registry.runs()
            assert Path(f"/proc/{worker}").exists()
        finally:
            os.kill(worker, signal.SIGKILL)

    assert len(runs) == MANY
    assert {(view.status, view.provisional) for view in runs} == {("failed", True)}
    assert {view.reason.code for view in runs if view.reason} == {"owner_lost"}
    assert {view.progress.fraction for view in runs if view.progress} == {0.5}
    written = registry.reconcile([view.run_id for view in runs[:20]])
    assert len(written) == 20
    assert all(item.written and item.status == "failed" for item in written)


FORKING = """
import os, sys
from runlore.journal.errors import NotPermitted
from runlore.runtimes.registry import Registry
registry = Registry.open(sys.argv[1])
with registry.track("parent") as run:
    run.progress(0.5)
    child = os.fork()
    if child == 0:
        refused = 0
        for say in (lambda: run.progress(0.9), lambda: run.set_result(1)):
            try:
                say()
            except NotPermitted:
                refused += 1
        assert not run.stop_requested
    else:
        refused = 2
        assert os.waitpid(child, 0)[1] == 0
        assert run.view().health == "live", run.view()
os._exit(0 if refused == 2 else 1) if child == 0 else print(run.id, run.status)
"""


def test_a_forked_child_inside_the_block(registry: Registry) -> None:
    """It writes nothing and releases nothing, though it leaves the block like its parent."""
    run_id, status = said_by(FORKING, registry.root).split()

    assert status == "succeeded"
    said = [type(each.event).__name__ for each in read(REAL, registry.layout, RunId(run_id))]
    assert said.count("RunCollecting") == said.count("RunSucceeded") == 1
    assert said.count("RunProgressed") <= 1


POOL = """
import multiprocessing, os, signal, sys
from runlore.runtimes.registry import Registry
def work(number):
    with registry.track(f"child-{number}"):
        return os.getpid()
registry = Registry.open(sys.argv[1])
with registry.track("parent") as run:
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert os.getpid() not in pool.map(work, range(6))
    print(run.id, flush=True)
    child = multiprocessing.get_context("fork").Process(target=signal.pause)
    child.start()
    print(child.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_workers_that_multiprocessing_forked(registry: Registry) -> None:
    """Forked workers track runs of their own; one that outlives its parent does not keep it alive."""
    with subprocess.Popen(program(POOL, registry.root), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        parent, orphan = (process.stdout.readline().strip() for _ in range(2))
        process.wait(30)
        try:
            until(lambda: registry.view(RunId(parent)).status == "failed", "the parent's end")
            assert Path(f"/proc/{orphan}").exists()
        finally:
            os.kill(int(orphan), signal.SIGKILL)

    assert len(registry.runs(status="succeeded")) == 6


INTERRUPTED = """
import os, signal, sys, threading, time
from runlore.journal.disk import RealDisk
from runlore.runtimes.registry import Registry

class Slow(RealDisk):
    def fdatasync(self, fd):
        if armed:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.02)
        os.fdatasync(fd)

armed = sys.argv[2] == "begin"
registry = Registry.open(sys.argv[1])
registry.disk = disk = Slow()
try:
    with Registry(registry.layout, disk=disk).track("interrupted") as run:
        assert sys.argv[2] == "end"
        armed = True
    sys.exit("not interrupted")
except KeyboardInterrupt:
    armed = False
    (view,) = registry.runs()
    print(view.status, view.provisional)
"""


@pytest.mark.parametrize(("when", "status"), [("begin", "cancelled"), ("end", "succeeded")])
def test_ctrl_c_while_the_run_begins_or_ends(registry: Registry, when: str, status: str) -> None:
    """What was begun is written to its end; then the interrupt is raised."""
    assert said_by(INTERRUPTED, registry.root, when) == f"{status} False"


def test_a_generator_that_is_closed(registry: Registry) -> None:
    """A block inside a generator ends with it: cancelled, whoever closes it and wherever."""
    with registry.track("outer") as outer:
        _close_elsewhere(registry)
        assert current_run() is outer


def _close_elsewhere(registry: Registry) -> None:

    def numbers() -> Generator[TrackedRun, None, None]:
        with registry.track("numbers") as run:
            yield run
            pytest.fail("closed before")

    iterator = numbers()
    run = next(iterator)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(iterator.close).result()

    assert run.status == "cancelled"


def test_warnings_come_once(registry_root: Path) -> None:
    """A full disk warns once per run, not ten times a second."""
    disk = Full()
    registry = Registry(registry_at(registry_root), disk=disk)
    with warnings.catch_warnings(record=True) as caught, registry.track() as run:
        warnings.simplefilter("always")
        disk.full = True
        for _ in range(3):
            run.progress(0.5)
            run.flush()
        disk.full = False

    assert len([each for each in caught if each.category is RuntimeWarning]) == 1
    assert run.status == "succeeded"
