"""A process that is a run."""

import gc
import os
import resource
import signal
import subprocess
import threading
import warnings
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runlore.journal.disk import REAL, RealDisk
from runlore.journal.errors import AlreadyEnded, BadInput, JournalIO, NotPermitted
from runlore.journal.events import RunProgressed
from runlore.journal.reader import read
from runlore.journal.values import RunId
from runlore.journal.verify import verify
from runlore.runtimes import exit_file, heartbeat
from runlore.runtimes.pulse import pulse
from runlore.runtimes.registry import Registry
from runlore.runtimes.track import current_run
from runlore.runtimes.tracked import TrackedRun
from tests.runtimes.keeping import until
from tests.runtimes.kept_runs import program, registry_at, said_by


@pytest.fixture
def registry(registry_root: Path) -> Registry:
    """A registry without runs."""
    return Registry(registry_at(registry_root))


def kinds(run: TrackedRun) -> list[str]:
    """The types of the run's events."""
    return [type(each.event).__name__ for each in run.events()]


def test_a_block_that_comes_to_its_end(registry: Registry) -> None:
    """The run begins and ends with the block, from queued to the seal, this process its owner."""
    with registry.track("etl", tags={"env": "prod"}, metadata={"rows": 3}) as run:
        inside = run.view()
    after = run.view()

    assert (inside.status, inside.health, inside.name) == ("running", "live", "etl")
    assert (inside.tags, inside.metadata) == ({"env": "prod"}, {"rows": 3})
    assert inside.handle is not None
    assert inside.owner is not None
    assert inside.handle.pid == inside.owner.pid == os.getpid()
    assert (inside.transcript, after.transcript) == (None, None)
    assert (after.status, after.exit_code, after.provisional, after.sealed) == ("succeeded", 0, False, True)
    assert kinds(run) == [
        "RunQueued",
        "RunBooting",
        "RunStarted",
        "RunCollecting",
        "RunSucceeded",
        "RunSealed",
    ]
    assert verify(REAL, registry.layout, run.id).integrity == "sealed"


@pytest.mark.parametrize(
    ("error", "status", "exit_code", "code"),
    [
        (ValueError("no"), "failed", None, "exit_nonzero"),
        (SystemExit(3), "failed", 3, "exit_nonzero"),
        (SystemExit(0), "succeeded", 0, None),
        (KeyboardInterrupt(), "cancelled", None, "cancelled"),
    ],
    ids=repr,
)
def test_a_block_that_is_left_by_an_exception(
    registry: Registry, error: BaseException, status: str, exit_code: int | None, code: str | None
) -> None:
    """The exception decides the outcome and goes on its way."""
    with pytest.raises(type(error)) as caught, registry.track("etl") as run:
        raise error

    view = run.view()
    assert caught.value is error
    assert (view.status, view.exit_code) == (status, exit_code)
    assert (view.reason.code if view.reason else None) == code


def test_a_secret_in_an_error(registry: Registry) -> None:
    """What looks like a secret does not reach the journal through a reason."""
    with pytest.raises(ValueError, match="ghp_"), registry.track() as run:
        raise ValueError("token ghp_16C7e42F292c6912E7710c838347Ae178B4a")

    assert b"16C7e42F292c" not in Path(registry.layout.journal(run.id)).read_bytes()


@pytest.mark.parametrize(
    "labels",
    [{"name": "latest"}, {"tags": {"": "x"}}, {"metadata": {"x": object()}}],
    ids=["name", "tags", "metadata"],
)
def test_labels_that_are_none(registry: Registry, labels: dict[str, object]) -> None:
    """They are refused before anything exists."""
    with pytest.raises(BadInput), registry.track(**labels):  # type: ignore[arg-type]
        pytest.fail("no run, no block")

    assert registry.runs() == []
    assert os.listdir(f"{registry.root}/runs") == []


def test_what_a_run_says_about_itself(registry: Registry) -> None:
    """Progress, notes, tags and a result are shown, the result only with the end."""
    with registry.track("etl") as run:
        run.progress(0.25, "loading", step="1/4", metrics={"loss": 0.5, "bad": float("nan")})
        run.note("the disk is slow today")
        run.tag(env="prod")
        run.set_result({"rows": 3})
        inside = run.view()
    after = run.view()

    assert inside.progress is not None
    assert (inside.progress.fraction, inside.progress.message, inside.progress.step) == (
        0.25,
        "loading",
        "1/4",
    )
    assert inside.progress.metrics == {"loss": 0.5}
    assert (inside.result, after.result) == (None, {"rows": 3})
    assert after.tags == {"env": "prod"}
    assert "RunNoted" in kinds(run)


def test_progress_in_a_tight_loop(registry: Registry) -> None:
    """Saying it ten thousand times records a few of them, the last one always."""
    with registry.track("etl") as run:
        for step in range(10_000):
            run.progress(step / 9_999, f"step {step}")

    said = [each.event for each in run.events() if isinstance(each.event, RunProgressed)]
    assert said[-1].fraction == 1.0
    assert len(said) < 1_000


def test_progress_that_is_kept_back(registry: Registry) -> None:
    """The last word of a burst is recorded though nobody says another one."""
    with registry.track("etl") as run:
        run.progress(0.1)
        run.progress(0.2)
        until(lambda: (view := run.view().progress) and view.fraction == 0.2, "the second progress")


class Recording(RealDisk):
    """A disk that notes which journals were synced."""

    def __init__(self) -> None:
        self.synced: list[int] = []

    def fdatasync(self, fd: int) -> None:  # type: ignore[override]  # there it needs no object
        """Note it, and do it."""
        self.synced.append(os.fstat(fd).st_ino)
        os.fdatasync(fd)


def test_progress_lies_unsynced_for_a_moment_only(registry_root: Path) -> None:
    """Nobody but the pulse syncs progress, and it does."""
    disk = Recording()
    registry = Registry(registry_at(registry_root), disk=disk)
    with registry.track("etl") as run:
        inode = os.stat(registry.layout.journal(run.id)).st_ino
        run.progress(0.1)
        disk.synced.clear()
        until(lambda: inode in disk.synced, "the sync")


@pytest.mark.parametrize(("given", "kept"), [(1.0000001, 1.0), (-3, 0.0), (7, 1.0)])
def test_a_fraction_out_of_range(registry: Registry, given: float, kept: float) -> None:
    """Rounding must not end anybody's work."""
    with registry.track() as run:
        run.progress(given)
        progress = run.view().progress

    assert progress is not None
    assert progress.fraction == kept


def test_a_result_that_cannot_be_kept(registry: Registry) -> None:
    """It is refused, and the run goes on."""
    with registry.track() as run:
        with pytest.raises(BadInput, match="at most 65,536"):
            run.set_result("x" * 70_000)
        with pytest.raises(BadInput, match="not JSON"):
            run.set_result({"x": object()})
        with pytest.raises(BadInput, match="not finite"):
            run.set_result({"losses": [0.5, float("nan")]})
        with pytest.raises(BadInput):
            run.progress(float("nan"))

    assert run.status == "succeeded"


def test_a_run_that_is_over(registry: Registry) -> None:
    """It says nothing any more, and an end does not come twice."""
    with registry.track() as run:
        pass
    late: list[Callable[[], None]] = [lambda: run.progress(0.5), lambda: run.set_result(1)]
    for say in late:
        with pytest.raises(AlreadyEnded):
            say()

    before = kinds(run)
    run.finish(ValueError("too late"))
    assert kinds(run) == before


def test_a_stop_that_is_asked_for(registry: Registry) -> None:
    """The run is told, ends by itself, and counts as cancelled, with the words of who asked."""
    with registry.track() as run:
        assert not run.stop_requested
        registry.get(run.id).stop("enough")
        until(lambda: run.stop_requested, "the request")

    view = run.view()
    assert view.status == "cancelled"
    assert view.reason is not None
    assert view.reason.text == "enough"


def test_as_a_decorator(registry: Registry) -> None:
    """Each call is a run of its own, and the function stays what it was."""

    @registry.track("add", tags={"kind": "sum"})
    def add(one: int, *, two: int) -> int:
        """Add."""
        run = current_run()
        assert run is not None
        run.progress(1.0)
        if two < 0:
            raise ValueError("negative")
        return one + two

    assert (add(1, two=2), add(3, two=4)) == (3, 7)
    with pytest.raises(ValueError, match="negative"):
        add(1, two=-1)

    assert (add.__name__, add.__doc__) == ("add", "Add.")
    assert [view.status for view in registry.runs(name="add")] == ["failed", "succeeded", "succeeded"]


def test_functions_that_cannot_be_decorated(registry: Registry) -> None:
    """Bodies that run after the call are refused, with the way that works."""

    async def later() -> None: ...
    def numbers() -> Iterator[int]:
        yield 1

    with pytest.raises(TypeError, match="open_async"):
        registry.track()(later)
    with pytest.raises(TypeError, match="generator"):
        registry.track()(numbers)


def test_runs_within_runs(registry: Registry) -> None:
    """The innermost one is the current one; a context is one run at a time."""
    assert current_run() is None
    outer_context = registry.track("outer")
    with outer_context as outer:
        with registry.track("inner") as inner:
            assert current_run() is inner
        assert current_run() is outer
        with pytest.raises(RuntimeError, match="run already"), outer_context:
            pytest.fail("one at a time")
    with outer_context as again:
        assert again != outer
    assert current_run() is None


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

        assert len(os.listdir("/proc/self/fd")) - before <= 2 * count + 1
        assert threading.active_count() <= threads + 1
        assert pulse().size == count
        assert all(view.health == "live" for view in registry.runs())
        for run in runs:
            run.finish()
        assert registry.page(limit=1).counts == {"succeeded": count}
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_heartbeats(registry: Registry) -> None:
    """A run beats from its first moment, and its file goes with its end."""
    with registry.track() as run:
        path = registry.layout.in_run(run.id, "heartbeat")
        first = heartbeat.read(REAL, path)
        run.beat()
        second = heartbeat.read(REAL, path)

    assert first is not None
    assert second is not None
    assert second.counter == first.counter + 1
    assert not os.path.exists(path)


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


def test_a_registry_that_may_not_be_written(registry: Registry) -> None:
    """Tracking is refused at the beginning of the block, not at its end."""
    reading = Registry(registry.layout, writable=False)
    with pytest.raises(NotPermitted), reading.track():
        pytest.fail("no run, no block")


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


def test_a_run_inside_a_run(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tracked inside a command that runs here names that run as its parent."""
    with registry.track("outer") as outer:
        monkeypatch.setenv("RUNLORE_RUN_ID", outer.id)
        monkeypatch.setenv("RUNLORE_ROOT", registry.root)
        with registry.track("inner") as inner:
            assert inner.view().parent == outer.id
        monkeypatch.setenv("RUNLORE_ROOT", "/another")
        with registry.track("stranger") as stranger:
            assert stranger.view().parent is None


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
