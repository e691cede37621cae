"""`with registry.track("etl") as run:` - this process is the run, and the end of the block is its end.

A Ctrl-C in the middle of beginning or ending is raised only after the journal says what it has to.
Asynchronous code uses `runlore.aio`.
"""

import inspect
from collections.abc import Callable
from contextvars import ContextVar, Token
from functools import wraps
from types import TracebackType
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from runlore.runtimes.begin import Labels, begin
from runlore.runtimes.deferral import Deferral
from runlore.runtimes.tracked import TrackedRun

if TYPE_CHECKING:
    from runlore.runtimes.registry import Registry

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_around: Final[ContextVar[tuple[TrackedRun, ...]]] = ContextVar("runlore_runs", default=())
"""The tracked runs around the code of a context, the outermost first."""


def current_run() -> TrackedRun | None:
    """Return the innermost tracked run around the calling code, or None; for code that was not handed it."""
    return next((run for run in reversed(_around.get()) if run.is_open), None)


class Tracking:
    """A context that is a run, each time it is entered; and a decorator, for a run per call."""

    def __init__(self, registry: "Registry", labels: Labels) -> None:
        self._registry, self._labels = registry, labels
        self._run: TrackedRun | None = None
        self._token: Token[tuple[TrackedRun, ...]] | None = None

    def __enter__(self) -> TrackedRun:
        if self._run is not None:
            raise RuntimeError("this context is a run already; call registry.track() for another one")
        self._run = self.start()
        self._token = enter_context(self._run)
        return self._run

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        run, self._run = self._run, None
        if self._token is not None:
            leave_context(self._token)
        if run is not None:
            self.end(run, error)

    def start(self) -> TrackedRun:
        """Return a run that began just now; whoever calls this also calls `end`."""
        begun: list[TrackedRun] = []
        try:
            with Deferral():
                begun.append(begin(self._registry, self._labels))
        except BaseException as error:
            for run in begun:
                self.end(run, error)
            raise
        return begun[0]

    def end(self, run: TrackedRun, error: BaseException | None) -> None:
        """Write down how the run ended: by `error`, or well.

        An error of the journal's never hides the block's own: that one gets a note. A Ctrl-C meanwhile
        ends the collecting of outputs, and is raised when all is on record.
        """
        deferral = Deferral()
        with deferral:
            try:
                run.finish(error, is_urgent=deferral.has_any)
            except Exception as trouble:
                if error is None:
                    raise
                error.add_note(f"runlore: the end of run {run.id} is not on record: {trouble}")

    def __call__(self, function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        """Return the function with a run around each of its calls.

        Raises:
            TypeError: it is asynchronous, or a generator; their bodies run after the call.
        """
        if inspect.iscoroutinefunction(function):
            raise TypeError(
                f"{function.__qualname__} is asynchronous, and beginning a run waits for the disk; "
                "use `runlore.open_async()` and its `track`"
            )
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(f"{function.__qualname__} is a generator; track what uses it")
        registry, labels = self._registry, self._labels

        @wraps(function)
        def tracked(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            with Tracking(registry, labels):
                return function(*args, **kwargs)

        return tracked


def enter_context(run: TrackedRun) -> Token[tuple[TrackedRun, ...]]:
    """Make `run` the innermost one of the calling context."""
    return _around.set((*_around.get(), run))


def leave_context(token: Token[tuple[TrackedRun, ...]]) -> None:
    """Make the run before it the innermost one again."""
    try:
        _around.reset(token)
    except ValueError:  # a generator was closed in another context than it was begun in: see current_run
        return
