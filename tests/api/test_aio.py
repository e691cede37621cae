"""The asynchronous twin: the same answers, and an event loop that goes on."""

import gc
import inspect
import os
import signal
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

import runlore
from runlore.aio import AsyncRegistry, AsyncRun, AsyncTrackedRun
from runlore.journal.disk import RealDisk
from runlore.journal.errors import BadInput, NotFound
from runlore.runtimes.registry import Registry
from runlore.runtimes.run import Run
from runlore.runtimes.tracked import TrackedRun
from tests.runtimes.keeping import DEADLINE_S, Keeping, python
from tests.runtimes.kept_runs import Owned, program, registry_at
from tests.runtimes.removable import leave_run

pytestmark = pytest.mark.anyio


@pytest.fixture
def registry(registry_root: Path) -> AsyncRegistry:
    """A registry without runs."""
    return AsyncRegistry(Registry(registry_at(registry_root)))


async def until(condition: Callable[[], object]) -> None:
    """Return once `condition` is true; fail if it never is."""
    with anyio.fail_after(DEADLINE_S):
        while not condition():  # noqa: ASYNC110 - it is true of files and of other threads
            await anyio.sleep(0.002)


# -- the same as the synchronous API


def asked(function: Callable[..., object]) -> list[tuple[str, object, object]]:
    """What a function is called with."""
    return [
        (parameter.name, parameter.kind, parameter.default)
        for parameter in inspect.signature(function).parameters.values()
    ]


@pytest.mark.parametrize(
    ("twin", "original"), [(AsyncRegistry, Registry), (AsyncRun, Run), (AsyncTrackedRun, TrackedRun)]
)
def test_the_twins_have_the_same_methods(twin: type, original: type) -> None:
    """Whoever knows one API knows the other: same names, same arguments, same defaults."""
    inside = {
        Registry: {"open", "append", "settle", "require_writable", "reconcile_in_passing", "by"}
        | {"secrets", "retaining"},
        Run: {"open_transcript"},
        TrackedRun: {"open_transcript", "beat", "flush", "finish", "progress_soon"}
        | {"tell", "tell_now", "tell_soon", "conclude"},
    }[original]
    public = {name for name in dir(original) if not name.startswith("_")} - inside
    methods = {name for name in public if inspect.isfunction(getattr(original, name))}

    assert public <= {*dir(twin), "registry"}
    for name in methods:
        assert asked(getattr(twin, name)) == asked(getattr(original, name)), name


async def test_finding_runs(registry: AsyncRegistry) -> None:
    """Every question has the answer of the synchronous API."""
    for _ in range(3):
        Owned(registry.sync.layout).boot().start().succeed().die()
    run = await registry.get("latest")

    assert await registry.runs() == registry.sync.runs()
    assert (await registry.page(limit=1)).next == registry.sync.page(limit=1).next
    assert await registry.runs("status = succeeded and exit_code = 0", limit=50) == registry.sync.runs()
    assert await registry.runs("status = failed") == []
    assert await registry.runs(sort="-name") == registry.sync.runs(sort="-name")
    assert (await registry.recent(sort="name")).items == registry.sync.recent(sort="name").items
    assert await registry.sql("SELECT run_id FROM runs") == registry.sync.sql("SELECT run_id FROM runs")
    assert len((await registry.recent(2)).items) == 2
    assert await registry.resolve(run.short_id) == run.id == (await registry.choose()).run_id
    assert await run.view() == await registry.view(run.id) == run.sync.view()
    assert (await run.status(), await run.exit_code(), await run.result()) == ("succeeded", 0, None)
    assert await run.has_ended()
    assert await run.events(after=2) == list(run.sync.events(after=2))
    assert run == AsyncRun(run.sync)
    assert len({run, AsyncRun(run.sync)}) == 1
    assert (run.root, run.existing) == (registry.root, False)
    with pytest.raises(NotFound):
        await registry.get("nobody")
    with pytest.raises(BadInput):
        await registry.runs(limit=0)


async def test_opening(tmp_path: Path) -> None:
    """The twin of `runlore.open` opens the same registry."""
    registry = await runlore.open_async(tmp_path / "new")

    assert registry.root == runlore.open(tmp_path / "new").root
    assert registry.root in repr(registry)
    with pytest.raises(NotFound):
        await runlore.open_async(tmp_path / "other", create=False)


async def test_labels(registry: AsyncRegistry) -> None:
    """Labels are durable when the call returns."""
    run = AsyncRun(registry.sync.get(Owned(registry.sync.layout).boot().start().succeed().die()))
    await run.tag({"a": "b"}, env="prod")
    await run.tag(remove=["a"])
    await run.note("looked at it")
    await run.rename("nightly")

    view = await run.view()
    assert (view.tags, view.name) == ({"env": "prod"}, "nightly")


async def test_outputs_and_decisions_about_them(registry: AsyncRegistry, tmp_path: Path) -> None:
    """They are listed, read and saved; what is promoted is evidence, and who accepts is on record."""
    run = AsyncRun(registry.sync.get(leave_run(registry.sync.layout, outputs={"a": b"one"})))
    await run.accept("well done")
    one = await run.get_artifact("a")

    assert [item.done for item in await run.promote("a", reason="it went live")] == ["promoted"]
    assert await run.artifacts(kind="file") == run.sync.artifacts(kind="file")
    assert [item.promoted is not None for item in await run.artifacts("a")] == [True]
    assert (one.path, one.run_id, one.view.bytes, await one.read()) == ("a", run.id, 3, b"one")
    assert (await one.save(tmp_path)).read_bytes() == b"one"
    with await one.open() as file:
        assert file.read() == b"one"
    assert "a of" in repr(one)
    kept = (await run.view()).retention
    assert kept.acceptance is not None
    assert kept.acceptance.why == "well done"


async def test_reconciling(registry: AsyncRegistry) -> None:
    """Lost runs are written down."""
    run_id = Owned(registry.sync.layout).boot().start().die()

    assert len(await registry.reconcile(dry_run=True)) == 1
    assert [view.written for view in await registry.reconcile([run_id])] == [True]


# -- run commands


async def test_a_command_from_start_to_end(keeping: Keeping) -> None:
    """It is submitted, followed, stopped and waited for while the loop goes on."""
    registry = await runlore.open_async(keeping.layout.root)
    run = await registry.submit(python("import time; print('up', flush=True); time.sleep(600)"), name="x")
    keeping.watch(run.id)
    async with run.logs(follow=True) as lines:
        first = await anext(lines)
        assert (first.data, first.stream) == (b"up\n", "stdout")
        assert (await run.stop("enough", force=True)).first
        assert [line async for line in lines] == []

    with anyio.fail_after(DEADLINE_S):
        view = await run.wait()
    assert view is not None
    assert view.status == "cancelled"
    assert await registry.wait([run.id]) == [view]


async def test_reading_what_was_written(keeping: Keeping) -> None:
    """Without following, the stream ends with what is there."""
    kept = keeping.run("sh", "-c", "echo 1; echo 2; echo e >&2; printf end")
    run = await (await runlore.open_async(keeping.layout.root)).get(kept.run_id)

    async def read(**how: object) -> list[bytes]:
        async with run.logs(**how) as lines:  # type: ignore[arg-type]  # what it takes
            return [line.data async for line in lines]

    assert await read(stream="stdout") == [b"1\n", b"2\n", b"end"]
    assert await read(stream="stdout", last=2) == [b"2\n", b"end"]
    assert await read(stream="stderr", follow=True) == [b"e\n"]
    with pytest.raises(BadInput):
        await read(last=-1)


async def test_leaving_a_stream_early(keeping: Keeping) -> None:
    """The caller's own error comes through unwrapped, and the files are closed."""
    kept = keeping.run("sh", "-c", "echo 1; echo 2")
    run = await (await runlore.open_async(keeping.layout.root)).get(kept.run_id)
    gc.collect()
    before = os.listdir("/proc/self/fd")

    async def leave() -> None:
        async with run.logs() as lines:
            async for line in lines:
                raise KeyError(line.data)

    with pytest.raises(KeyError):
        await leave()
    assert os.listdir("/proc/self/fd") == before


# -- wait


async def test_waiting_no_longer_than_wanted(registry: AsyncRegistry) -> None:
    """Time that runs out is an answer, not an error."""
    owned = Owned(registry.sync.layout).boot().start()
    run = await registry.get(owned.run_id)

    assert await run.wait(0.01) is None
    assert await registry.wait([owned.run_id], timeout=0.01) == []
    owned.succeed().die()
    assert await run.wait(0) is not None


async def test_waiting_that_is_cancelled(registry: AsyncRegistry) -> None:
    """It ends at once and leaves no thread and no descriptor behind."""
    owned = Owned(registry.sync.layout).boot().start()
    run = await registry.get(owned.run_id)
    await run.wait(0)  # the worker thread stays for later calls
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    with anyio.move_on_after(0.05) as scope:
        await run.wait()

    assert scope.cancelled_caught
    assert len(os.listdir("/proc/self/fd")) == before
    owned.die()


KILLED = """
import signal, sys
from runlore.runtimes.registry import Registry
with Registry.open(sys.argv[1]).track("killed") as run:
    print(run.id, flush=True)
    signal.pause()
"""


@pytest.fixture
def owner(registry: AsyncRegistry) -> "Iterator[tuple[subprocess.Popen[str], str]]":
    """A process that is a run, and the run's id."""
    with subprocess.Popen(program(KILLED, registry.root), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
        process.kill()


async def test_waiting_for_an_owner_that_is_killed(
    registry: AsyncRegistry, owner: "tuple[subprocess.Popen[str], str]"
) -> None:
    """Its death is noticed, and what follows from it is written down."""
    process, run_id = owner
    run = await registry.get(run_id)

    async def kill() -> None:
        process.send_signal(signal.SIGKILL)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(kill)
        with anyio.fail_after(DEADLINE_S):
            view = await run.wait()

    assert view is not None
    assert (view.status, view.provisional) == ("failed", False)


async def test_waiting_for_something_else_than_the_end(
    registry: AsyncRegistry, owner: "tuple[subprocess.Popen[str], str]"
) -> None:
    """What the synchronous twin can wait for."""
    _, run_id = owner
    run = await registry.get(run_id)

    views = await registry.wait([run.id], for_="running")
    assert [view.status for view in views] == ["running"]
    assert await registry.wait([run.id], for_="ready", timeout=0) == []


# -- nothing blocks


class Gated(RealDisk):
    """A disk on which nothing can be opened until the gate is."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.asked = threading.Event()

    def open(self, path: str, flags: int) -> int:
        """Wait, then open."""
        self.asked.set()
        assert self.gate.wait(DEADLINE_S)
        return super().open(path, flags)

    def listdir(self, path: str) -> list[str]:
        """Wait, then list."""
        self.asked.set()
        assert self.gate.wait(DEADLINE_S)
        return super().listdir(path)


@pytest.fixture
async def gated(registry_root: Path) -> AsyncIterator[tuple[AsyncRun, Gated]]:
    """A run on a disk that answers nobody until its gate is opened."""
    layout = registry_at(registry_root)
    run_id = Owned(layout).boot().start().succeed().die()
    disk = Gated()
    yield AsyncRun(Run(Registry(layout, disk=disk), run_id)), disk
    disk.gate.set()


@pytest.mark.parametrize("verb", ["view", "status", "events", "has_ended", "wait", "note", "stop"])
async def test_a_disk_that_does_not_answer(gated: tuple[AsyncRun, Gated], verb: str) -> None:
    """The event loop goes on while a call waits for the disk."""
    run, disk = gated
    done: list[object] = []

    async def call() -> None:
        try:
            done.append(await getattr(run, verb)(*["hello"] * (verb == "note")))
        except runlore.AlreadyEnded as error:
            done.append(error)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call)
        await until(disk.asked.is_set)
        assert done == []
        disk.gate.set()
    assert len(done) == 1


async def test_a_question_that_is_cancelled(gated: tuple[AsyncRun, Gated]) -> None:
    """It is dropped at once, though the disk has not answered."""
    run, disk = gated
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run.view)
            await until(disk.asked.is_set)
            scope.cancel()

    assert scope.cancelled_caught
    assert not disk.gate.is_set()
