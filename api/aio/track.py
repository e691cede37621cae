"""Be a run in an asynchronous program; its end is written down even if the block was cancelled."""

import os
from collections.abc import Awaitable, Callable, Mapping
from functools import partial, wraps
from inspect import iscoroutinefunction
from types import TracebackType
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from anyio import CancelScope

from runlore.aio.run import AsyncRun
from runlore.aio.threads import act, ask
from runlore.runtimes.begin import Labels
from runlore.runtimes.registry import Registry
from runlore.runtimes.track import Tracking, enter_context, leave_context
from runlore.runtimes.tracked import TrackedRun

if TYPE_CHECKING:
    from contextvars import Token

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class AsyncTrackedRun(AsyncRun):
    """The run that this process is, inside `async with registry.track(…)`."""

    def __init__(self, run: TrackedRun) -> None:
        super().__init__(run)
        self._tracked: Final = run

    def progress(
        self,
        fraction: float | None = None,
        message: str = "",
        *,
        step: str = "",
        metrics: Mapping[str, float] | None = None,
    ) -> None:
        """Say how far the work is; waits for nothing, so it is not awaited: see `TrackedRun.progress`."""
        self._tracked.progress_soon(fraction, message, step=step, metrics=metrics)

    @property
    def is_open(self) -> bool:
        """The block is not over, and this process is the run."""
        return self._tracked.is_open

    async def set_result(self, result: object) -> None:
        """Set the run's own result document: see `TrackedRun.set_result`."""
        await act(partial(self._tracked.set_result, result))

    async def outputs(self) -> str:
        """Return the run's own folder, what is in it at the end is collected: see `TrackedRun.outputs`."""
        return await act(lambda: self._tracked.outputs)

    async def artifact(self, path: str | os.PathLike[str], kind: str = "") -> None:
        """Declare a file or a folder to be collected at the end: see `TrackedRun.artifact`."""
        await act(partial(self._tracked.artifact, path, kind))

    async def stop_requested(self) -> bool:
        """Say whether somebody asked this run to stop: see `TrackedRun.stop_requested`."""
        return await ask(lambda: self._tracked.stop_requested)


class AsyncTracking:
    """An asynchronous context that is a run, each time it is entered; and a decorator."""

    def __init__(self, registry: Registry, labels: Labels) -> None:
        self._registry, self._labels = registry, labels
        self._tracking = Tracking(registry, labels)
        self._run: TrackedRun | None = None
        self._token: Token[tuple[TrackedRun, ...]] | None = None

    async def __aenter__(self) -> AsyncTrackedRun:
        if self._run is not None:
            raise RuntimeError("this context is a run already; call registry.track() for another one")
        self._run = await self._begun()
        self._token = enter_context(self._run)
        return AsyncTrackedRun(self._run)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        run, self._run = self._run, None
        if self._token is not None:
            leave_context(self._token)
        if run is not None:
            with CancelScope(shield=True):
                await act(partial(self._tracking.end, run, error))

    async def _begun(self) -> TrackedRun:
        """Return a run that began; if this is cancelled meanwhile, the run is cancelled too."""
        begun: list[TrackedRun] = []
        try:
            await act(lambda: begun.append(self._tracking.start()))
        except BaseException as error:
            for run in begun:
                with CancelScope(shield=True):
                    await act(partial(self._tracking.end, run, error))
            raise
        return begun[0]

    def __call__(
        self, function: Callable[Parameters, Awaitable[Result]]
    ) -> Callable[Parameters, Awaitable[Result]]:
        """Return the function with a run around each of its calls.

        Raises:
            TypeError: it is not an asynchronous function.
        """
        if not iscoroutinefunction(function):
            raise TypeError(
                f"{function!r} is not an asynchronous function; `runlore.open()` has a `track` for others"
            )
        registry, labels = self._registry, self._labels

        @wraps(function)
        async def tracked(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            async with AsyncTracking(registry, labels):
                return await function(*args, **kwargs)

        return tracked
