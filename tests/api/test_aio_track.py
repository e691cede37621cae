"""Asynchronous programs that are runs."""

import os
from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from runlore.aio import AsyncRegistry, AsyncTrackedRun
from runlore.journal.disk import REAL
from runlore.runtimes.registry import Registry
from runlore.runtimes.stored import artifacts_of
from runlore.runtimes.track import current_run
from tests.runtimes.keeping import DEADLINE_S
from tests.runtimes.kept_runs import registry_at

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


async def test_a_block_that_comes_to_its_end(registry: AsyncRegistry) -> None:
    """The run begins and ends with the block; what it says is recorded."""
    async with registry.track("etl", tags={"env": "prod"}, metadata={"rows": 3}) as run:
        assert current_run() is run.sync
        run.progress(0.25, "loading", step="1/4", metrics={"loss": 0.5})
        await run.note("hello")
        await run.set_result({"rows": 3})
        assert not await run.stop_requested()
        assert await run.status() == "running"

    view = await run.view()
    assert (view.status, view.result, view.tags) == ("succeeded", {"rows": 3}, {"env": "prod"})
    assert view.progress is not None
    assert view.progress.fraction == 0.25
    assert current_run() is None


async def test_outputs_of_a_block(
    registry: AsyncRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are collected at its end, whatever they were declared by; a missing one fails the run."""
    monkeypatch.chdir(tmp_path)
    async with registry.track(artifacts=["*.csv"], required=["model"]) as run:
        for name in ("a.csv", "named", f"{await run.outputs()}/own"):
            await anyio.Path(name).write_text("x")
        await run.artifact("named")

    found = artifacts_of(REAL, registry.sync.layout, run.id).stored
    assert {each.path for each in found} == {"a.csv", "named", "own"}
    view = await run.view()
    assert view.reason is not None
    assert view.reason.text == "nothing was found for model, which is required"


async def test_a_block_that_fails(registry: AsyncRegistry) -> None:
    """The exception decides, and goes on its way unwrapped."""

    async def fail() -> None:
        async with registry.track("bad"):
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await fail()
    assert await (await registry.get("bad")).status() == "failed"


async def test_a_block_that_is_cancelled(registry: AsyncRegistry) -> None:
    """The run is cancelled, and its end is written although the task may not wait any more."""
    runs: list[AsyncTrackedRun] = []
    with anyio.CancelScope() as scope:
        async with registry.track("etl") as run:
            runs.append(run)
            scope.cancel()
            await anyio.sleep(DEADLINE_S)

    assert scope.cancelled_caught
    view = await runs[0].view()
    assert (view.status, view.provisional, view.sealed) == ("cancelled", False, True)


async def test_a_block_that_is_cancelled_before_it_begins(registry: AsyncRegistry) -> None:
    """Nothing is left of it, or a run that was cancelled; never one that lives on."""
    for wait in (False, True):
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_tracked, registry)
                if wait:
                    await until(lambda: os.listdir(f"{registry.root}/runs"))
                scope.cancel()

    assert all(view.status == "cancelled" for view in await registry.runs())


async def _tracked(registry: AsyncRegistry) -> None:
    async with registry.track():
        await anyio.sleep(DEADLINE_S)


async def test_a_group_in_which_one_task_fails(registry: AsyncRegistry) -> None:
    """The failed task's run failed; its sibling's was cancelled."""

    async def fail() -> None:
        async with registry.track("bad"):
            await until(lambda: len(registry.sync.runs()) == 2)
            raise ValueError("no")

    async def work() -> None:
        async with registry.track("good"):
            await anyio.sleep(DEADLINE_S)

    async def both() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(fail)
            tasks.start_soon(work)

    with pytest.raises(ExceptionGroup):
        await both()

    assert (await registry.runs(name="bad"))[0].status == "failed"
    assert (await registry.runs(name="good"))[0].status == "cancelled"


async def test_many_tasks_with_a_run_each(registry: AsyncRegistry) -> None:
    """Each task has its own current run."""

    async def work(number: int) -> None:
        async with registry.track(f"job-{number}") as run:
            run.progress(number / 20)
            await anyio.lowlevel.checkpoint()
            assert current_run() is run.sync

    async with anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(work, number)

    assert (await registry.page()).counts == {"succeeded": 20}


async def test_as_a_decorator(registry: AsyncRegistry) -> None:
    """Each call is a run of its own; a function that does not wait is refused."""

    @registry.track("add")
    async def add(one: int, *, two: int) -> int:
        """Add."""
        await anyio.lowlevel.checkpoint()
        return one + two

    assert (await add(1, two=2), await add(3, two=4)) == (3, 7)
    assert (add.__name__, add.__doc__) == ("add", "Add.")
    assert [view.status for view in await registry.runs(name="add")] == ["succeeded"] * 2
    with pytest.raises(TypeError, match=r"runlore\.open"):
        registry.track()(lambda: None)  # type: ignore[arg-type,return-value]  # the point


async def test_a_context_is_one_run_at_a_time(registry: AsyncRegistry) -> None:
    """Entered twice at once it is refused; entered again later it is another run."""
    context = registry.track()
    async with context as one:
        with pytest.raises(RuntimeError, match="run already"):
            await context.__aenter__()
    async with context as other:
        assert one != other
