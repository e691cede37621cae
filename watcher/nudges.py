"""Nudges: "look again". One thread per feed and process watches it, however many streams there are.

A nudge carries no truth. One that is missed, doubled or late changes latency, never content, and behind
every stream there is a slow look at everything. Where the kernel does not tell (its limits are reached, a
network's file system) the thread nudges every now and then instead, and says so once.
"""

import atexit
import errno
import os
import select
import threading
import time
from importlib import import_module
from typing import Any, Final

from runlore.journal import machine

ADD_UP_S: Final = 0.001
"""So long changes add up between two nudges; the first one is told at once."""
_LOOK_MS: Final = 1000
"""How often it is asked whether the folder is still the one that is watched."""
POLL_S: Final = 0.05
_INSTEAD: Final = "looking every 50 ms"
_RETRY_S: Final = 5.0
_READY_S: Final = 1.0
_JOIN_S: Final = 5.0
_BUFFER: Final = 1 << 16
_CHANGES: Final = [
    "MODIFY",
    "CREATE",
    "DELETE",
    "MOVED_FROM",
    "MOVED_TO",
    "DELETE_SELF",
    "MOVE_SELF",
    "ONLYDIR",
]
"""What is told, in the words of inotify(7)."""

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
        self._stopping = threading.Event()
        self._wake: Final = os.eventfd(0, os.EFD_CLOEXEC)
        self._thread = threading.Thread(target=self._run, name="runlore-nudges", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, and wait for that."""
        self._stopping.set()
        os.eventfd_write(self._wake, 1)
        self._thread.join(_JOIN_S)
        if not self._thread.is_alive():
            os.close(self._wake)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                if os.path.isdir(self.folder) and not self._is_told_by_nobody():
                    self._watch()
            except Exception as error:  # noqa: BLE001 - whatever it is, nobody waits in vain
                why = f"{self.folder} cannot be watched ({_why(error)}); {_INSTEAD}"
                self.notice = self.notice or why
            self._poll()

    def _watch(self) -> None:
        """Nudge at every change, until this folder is not the feed's any more."""
        library: Any = import_module("inotify_simple")  # only for whoever follows
        watched = os.stat(self.folder).st_ino
        with library.INotify() as inotify:
            inotify.add_watch(self.folder, sum(library.flags[name] for name in _CHANGES))
            self.notice = ""
            self.settled.set()
            self._nudge()  # what happened before told nobody
            poll = select.poll()
            poll.register(inotify.fileno(), select.POLLIN)
            poll.register(self._wake, select.POLLIN)
            while not self._stopping.is_set():
                if any(fd != self._wake for fd, _ in poll.poll(_LOOK_MS)):
                    os.read(inotify.fileno(), _BUFFER)  # what it was does not matter
                    self._nudge()
                    time.sleep(ADD_UP_S)
                if os.stat(self.folder).st_ino != watched:
                    return

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
            self.notice = f"{self.folder} is on {kind}, which does not tell of changes; {_INSTEAD}"
            return True
        return False

    def _nudge(self) -> None:
        with _guard:
            for fd in self.fds:
                try:
                    os.eventfd_write(fd, 1)
                except BlockingIOError:  # it was nudged more often than can be counted
                    continue


def _why(error: Exception) -> str:
    number = error.errno if isinstance(error, OSError) else None
    if number in {errno.EMFILE, errno.ENOSPC}:  # as inotify_init(2) and inotify_add_watch(2) mean them
        return "a limit of inotify is reached, see `sysctl fs.inotify`"
    return str(error)


def _stop_all() -> None:
    """End the threads before the interpreter does."""
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
