"""Nudges: "look again". One thread per feed and process watches it, however many streams there are.

A nudge carries no truth. One that is missed, doubled or late changes latency, never content, and behind
every stream there is a slow look at everything. Where the kernel does not tell (its limits are reached, a
network's file system, an odd name that breaks the library) the thread nudges every now and then instead,
and says so once.
"""

import atexit
import os
import threading
from typing import Final

from runlore.journal import machine

STEP_MS: Final = 2
"""The library looks this often, and once more until nothing is added; each look costs some 30 µs."""
QUIET_STEP_MS: Final = 10
"""How often it looks where nothing has happened for a second."""
DEBOUNCE_MS: Final = 1
"""So long it lets changes add up, where they never stop."""
_LOOK_MS: Final = 1000
"""How often it is asked whether the folder is still the one that is watched."""
POLL_S: Final = 0.05
_RETRY_S: Final = 5.0
_READY_S: Final = 1.0
_JOIN_S: Final = 5.0

_guard = threading.Lock()
_hubs: "dict[str, _Hub]" = {}


class Nudge:
    """A descriptor that becomes readable when it is time to look again. Close it."""

    def __init__(self, folder: str) -> None:
        self.fd: Final = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._pid = os.getpid()
        with _guard:
            hub = _hubs.get(folder)
            if hub is None:
                hub = _hubs[folder] = _Hub(folder)
            hub.fds.add(self.fd)
        self._hub = hub

    def wait_watching(self) -> None:
        """Return once the feed is watched, or is known not to be."""
        self._hub.settled.wait(_READY_S)

    @property
    def notice(self) -> str:
        """Why it is looked at now and then instead of being watched; empty if it is watched."""
        return self._hub.notice

    def clear(self) -> None:
        """Be unreadable until the next nudge."""
        try:
            os.eventfd_read(self.fd)
        except BlockingIOError:
            return

    def close(self) -> None:
        """Let go of the descriptor, and of the thread if nobody else needs it."""
        if self._pid != os.getpid():
            os.close(self.fd)
            return
        with _guard:
            self._hub.fds.discard(self.fd)
            last = not self._hub.fds
            if last:
                _hubs.pop(self._hub.folder, None)
        os.close(self.fd)
        if last:
            self._hub.stop()


class _Hub:
    """The thread behind the nudges of one feed."""

    def __init__(self, folder: str) -> None:
        self.folder: Final = folder
        self.fds: set[int] = set()
        self.settled = threading.Event()
        self.notice: str = ""
        self._is_in_place = False
        """The watch is; the library tells by asking whether to stop."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="runlore-nudges", daemon=True)
        self._thread.start()

    def is_set(self) -> bool:
        """Say whether to stop, as watchfiles asks at every step; the first time, the watch is in place."""
        if not self._is_in_place:
            self._is_in_place = True
            self.notice = ""
            self.settled.set()
            self._nudge()  # what happened while nobody watched told nobody
        return self._stopping.is_set()

    def stop(self) -> None:
        """End the thread, and wait for that."""
        self._stopping.set()
        self._thread.join(_JOIN_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                if os.path.isdir(self.folder) and not self._is_told_by_nobody():
                    self._watch()
            except BaseException as error:  # noqa: BLE001 - a panic of the library is not even an Exception
                why = str(error).partition(" about [")[0].rstrip(".")  # what follows is for programmers
                self.notice = self.notice or f"{self.folder} cannot be watched ({why}); looking every 50 ms"
            self._poll()

    def _watch(self) -> None:
        """Nudge at every change, until this folder is not the feed's any more."""
        watched, step = os.stat(self.folder).st_ino, STEP_MS
        while step and not self._stopping.is_set():
            step = self._watch_with(step, watched)

    def _watch_with(self, step: int, watched: int) -> int:
        """Nudge at every change; return with which step to go on, 0 if with none."""
        from watchfiles import watch  # noqa: PLC0415 - only for whoever follows

        self._is_in_place = False
        for changes in watch(
            self.folder,
            watch_filter=None,
            debounce=DEBOUNCE_MS,
            step=step,
            stop_event=self,
            rust_timeout=_LOOK_MS,
            yield_on_timeout=True,
            raise_interrupt=False,
            recursive=False,
        ):
            is_another = os.stat(self.folder).st_ino != watched
            if changes or is_another:
                self._nudge()
            if is_another:
                return 0
            if step != (wanted := STEP_MS if changes else QUIET_STEP_MS):
                return wanted
        return 0

    def _poll(self) -> None:
        """Nudge now and then for a while, or until there is a folder to watch."""
        self.settled.set()
        waits = int(_RETRY_S / POLL_S) if self.notice else 1
        for _ in range(waits):
            self._nudge()
            if self._stopping.wait(POLL_S):
                return
        self.settled.clear()

    def _is_told_by_nobody(self) -> bool:
        """Say whether changes by other machines reach this feed, of which the kernel says nothing."""
        kind = machine.file_system(self.folder)
        if kind and machine.is_network(kind):
            self.notice = f"{self.folder} is on {kind}, which does not tell of changes; looking every 50 ms"
            return True
        return False

    def _nudge(self) -> None:
        with _guard:
            for fd in self.fds:
                try:
                    os.eventfd_write(fd, 1)
                except BlockingIOError:  # it was nudged more often than can be counted
                    continue


def _stop_all() -> None:
    """End the threads before the interpreter does: the library's loop must not outlive it."""
    with _guard:
        hubs = list(_hubs.values())
        _hubs.clear()
    for hub in hubs:
        hub.stop()


def _forget_in_child() -> None:
    """A forked child has none of the threads; its own streams begin their own."""
    global _guard  # noqa: PLW0603 - the parent's may be held by a thread that is not there
    _guard = threading.Lock()
    _hubs.clear()


atexit.register(_stop_all)
os.register_at_fork(after_in_child=_forget_in_child)
