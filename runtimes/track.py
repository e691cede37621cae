"""`with registry.track("etl") as run:` - this process is the run, and the end of the block is its end.

Beginning and ending happen in a thread of their own, so that a Ctrl-C in the middle of them is raised
only after the journal says what it has to. Asynchronous code uses `runlore.aio`.
"""

import inspect
import threading
from collections.abc import Callable
from contextvars import ContextVar, Token
from functools import wraps
from types import TracebackType
from typing import TYPE_CHECKING, Final, Generic, ParamSpec, TypeVar

from runlore.runtimes.begin import Labels, begin
from runlore.runtimes.tracked import TrackedRun

if TYPE_CHECKING:
    from runlore.runtimes.registry import Registry

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_innermost: Final[ContextVar[TrackedRun | None]] = ContextVar("runlore_run", default=None)


def current_run() -> TrackedRun | None:
    """Return the innermost tracked run around the calling code, or None; for code that was not handed it."""
    return _innermost.get()


class Tracking:
    """A context that is a run, each time it is entered; and a decorator, for a run per call."""

    def __init__(self, registry: "Registry", labels: Labels) -> None:
        self._registry, self._labels = registry, labels
        self._run: TrackedRun | None = None
        self._token: Token[TrackedRun | None] | None = None

    def __enter__(self) -> TrackedRun:
        if self._run is not None:
            raise RuntimeError("this context is a run already; call registry.track() for another one")
        self._run = self.start()
        self._token = _innermost.set(self._run)
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
        run, interrupt = _in_peace(lambda: begin(self._registry, self._labels))
        if interrupt is not None:
            run.finish(interrupt)
            raise interrupt
        return run

    def end(self, run: TrackedRun, error: BaseException | None) -> None:
        """Write down how the run ended: by `error`, or well.

        An error of the journal's never hides the block's own: that one gets a note.
        """
        try:
            _, interrupt = _in_peace(lambda: run.finish(error))
        except Exception as trouble:
            if error is None:
                raise
            error.add_note(f"runlore: the end of run {run.id} is not on record: {trouble}")
            return
        if interrupt is not None:
            raise interrupt

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


def enter_context(run: TrackedRun) -> Token[TrackedRun | None]:
    """Make `run` the innermost one of the calling context."""
    return _innermost.set(run)


def leave_context(token: Token[TrackedRun | None]) -> None:
    """Make the run before it the innermost one again."""
    try:
        _innermost.reset(token)
    except ValueError:  # a generator was closed in another context than it was begun in
        return


class _Outcome(Generic[Result]):
    """What a call in another thread came to."""

    def __init__(self, call: Callable[[], Result]) -> None:
        self._call = call
        self._value: list[Result] = []
        self._error: BaseException | None = None
        self._done = threading.Event()

    def run(self) -> None:
        """Call, and keep what comes of it."""
        try:
            self._value.append(self._call())
        except BaseException as error:  # noqa: BLE001 - raised in the thread that wants the value
            self._error = error
        finally:
            self._done.set()

    def wait(self) -> BaseException | None:
        """Return once it is done: what was raised in this thread meanwhile, by a signal, or None."""
        interrupt: BaseException | None = None
        while True:
            try:
                self._done.wait()
            except BaseException as error:  # noqa: BLE001 - Ctrl-C, or what a signal handler raised
                interrupt = interrupt or error
            else:
                return interrupt

    def value(self) -> Result:
        """Return the value, or raise the error."""
        if self._error is not None:
            raise self._error
        return self._value[0]


def _in_peace(call: Callable[[], Result]) -> tuple[Result, BaseException | None]:
    """Return what `call` returns, never interrupted, and what was raised by a signal meanwhile."""
    outcome = _Outcome(call)
    if threading.current_thread() is not threading.main_thread():
        outcome.run()  # signals interrupt the main thread alone
        return outcome.value(), None
    try:
        threading.Thread(target=outcome.run, name="runlore-shield").start()
    except RuntimeError:  # the interpreter is shutting down, and starts no thread any more
        outcome.run()
    interrupt = outcome.wait()
    return outcome.value(), interrupt
