"""One daemon thread for all tracked runs of this process: heartbeats, and progress that was kept back.

It starts with the first run and ends with the last. It holds no run alive: one that everybody forgot
loses its locks and is concluded from outside. A forked child has no thread and no runs.
"""

import os
import threading
import time
import weakref
from typing import Protocol

from runlore.runtimes.heartbeat import EVERY_S


class Pulsing(Protocol):
    """A run as the pulse sees it. Its calls come from the pulse's thread, and raise nothing."""

    def beat(self) -> None:
        """Give a sign of life."""
        ...

    def flush(self) -> None:
        """Append and sync what progress has been kept back."""
        ...


class Pulse:
    """The thread and who depends on it."""

    def __init__(self, *, every_s: float = EVERY_S) -> None:
        self._every_s = every_s
        self._changed = threading.Condition()
        self._runs: weakref.WeakSet[Pulsing] = weakref.WeakSet()
        self._due: weakref.WeakKeyDictionary[Pulsing, float] = weakref.WeakKeyDictionary()
        self._thread: threading.Thread | None = None

    def join(self, run: Pulsing) -> None:
        """Care for `run` from now on."""
        with self._changed:
            self._runs.add(run)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="runlore-pulse", daemon=True)
                try:
                    self._thread.start()
                except RuntimeError:  # no thread to be had; the run goes on, without a sign of progress
                    self._thread = None

    def leave(self, run: Pulsing) -> None:
        """Care for `run` no longer; its calls may still be under way when this returns."""
        with self._changed:
            self._runs.discard(run)
            self._due.pop(run, None)
            if not self._runs:
                self._changed.notify()

    def flush_at(self, run: Pulsing, at: float) -> None:
        """Flush `run` at this monotonic time, if it is not due earlier."""
        with self._changed:
            if run in self._runs and self._due.setdefault(run, at) >= at:
                self._due[run] = at
                self._changed.notify()

    @property
    def size(self) -> int:
        """How many runs there are to care for."""
        return len(self._runs)

    @property
    def thread(self) -> threading.Thread | None:
        """The thread, while there is one."""
        return self._thread

    def _work(self) -> None:
        next_beat = time.monotonic() + self._every_s
        while self._flush_until(next_beat):
            now = time.monotonic()
            if now >= next_beat:
                self._beat()
                next_beat = max(next_beat + self._every_s, now)

    def _flush_until(self, until: float) -> bool:
        """Flush who is due, or return at `until`; False once nobody is left. Keeps no run alive."""
        due = self._wait(until)
        for run in due or ():
            run.flush()
        return due is not None

    def _beat(self) -> None:
        with self._changed:
            runs = list(self._runs)
        for run in runs:
            run.beat()

    def _wait(self, until: float) -> list[Pulsing] | None:
        """Return whom to flush, once somebody is due or it is `until`; None once nobody is left."""
        with self._changed:
            while True:
                if not self._runs:
                    self._thread = None
                    return None
                now = time.monotonic()
                due = [run for run, at in self._due.items() if at <= now]
                for run in due:
                    del self._due[run]
                if due or now >= until:
                    return due
                self._changed.wait(min([until, *self._due.values()]) - now)


_current = Pulse()


def pulse() -> Pulse:
    """Return this process's pulse."""
    return _current


def _after_fork_in_child() -> None:
    global _current  # noqa: PLW0603 - the parent's thread and lock are not in this process
    _current = Pulse()


os.register_at_fork(after_in_child=_after_fork_in_child)
