"""Put off what signals would raise, for as long as something has to be finished.

Python runs signal handlers in the main thread, between any two steps of it; Ctrl-C is one that raises.
Inside this context they are noted, and run when it is left: nothing is lost, it only comes later.
"""

import signal
import threading
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_INTERRUPTING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)


class Deferral:
    """A context in which the main thread is not interrupted; in other threads it does nothing."""

    def __init__(self) -> None:
        self._handlers: dict[int, Callable[[int, FrameType | None], object]] = {}
        self._arrived: list[tuple[int, FrameType | None]] = []

    def __enter__(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        for number in _INTERRUPTING:
            handler = signal.getsignal(number)
            if callable(handler):  # not ignored, not the kernel's, not set by C code
                self._handlers[number] = handler
                signal.signal(number, self._note)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._deliver()

    def has_any(self) -> bool:
        """Say whether something has arrived and waits."""
        return bool(self._arrived)

    def _deliver(self) -> None:
        """Run the handlers of what arrived, in its order, each though the one before it raised."""
        if not self._arrived:
            return
        number, frame = self._arrived.pop(0)
        try:
            self._handlers[number](number, frame)
        finally:
            self._deliver()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._arrived.append((number, frame))
