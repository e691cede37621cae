"""Wait for a lock, but not without a word: who holds it is asked of /proc once that takes long. Linux only.

A process that was stopped keeps its locks. Whoever waits for one of them would wait for ever, and nobody
could see for what.
"""

import os
import time
from collections.abc import Callable, Iterator
from typing import Final

from msgspec import Struct

from runlore.journal.errors import Busy

TELL_AFTER_S: Final = 2.0
"""How long a lock may be held before anybody is asked who does."""
PATIENCE_S: Final = 60.0
"""How long a lock is waited for where its holder goes on, and nobody could be told that it is waited for."""
_FIRST_PAUSE_S: Final = 0.0005
_LONGEST_PAUSE_S: Final = 0.05
_STOPPED: Final = frozenset({"T", "t"})
_LOCK_WORDS: Final = 8
"""Of a line such as `lock: 1: OFDLCK ADVISORY WRITE -1 00:2a:77 0 EOF`; see proc(5)."""

Attempt = Callable[[], bool]
"""Tries to take the lock, and says whether it is taken."""


class Holder(Struct, frozen=True):
    """A process that holds a lock."""

    pid: int
    name: str
    """At most 15 bytes of what it calls itself."""
    is_stopped: bool

    def __str__(self) -> str:
        return f"process {self.pid} ({self.name!a})"


class _Waits:
    """Who is told that this process waits."""

    tell: Callable[[str], None] | None = None


def tell_of_waits(tell: Callable[[str], None] | None) -> None:
    """Let `tell` be told, from now on, when this process has waited for a lock for long."""
    _Waits.tell = tell


def is_taken_soon(attempt: Attempt, fd: int) -> bool:
    """Say whether a lock could be had soon; if not, it is to be waited for, and who holds it has been told.

    Where nobody is to be told, it is to be waited for at once.
    """
    if _Waits.tell is None:
        return False
    until, pause = time.monotonic() + TELL_AFTER_S, _FIRST_PAUSE_S
    while time.monotonic() < until:
        time.sleep(pause)
        if attempt():
            return True
        pause = min(pause * 2, _LONGEST_PAUSE_S)
    _Waits.tell(f"waiting: {held_by(fd, holders(fd))}. Ctrl-C ends the waiting, and nothing is changed by it")
    return False


def take_or_refuse(attempt: Attempt, fd: int, consequence: str) -> None:
    """Return when `attempt` has taken the lock of an open file.

    consequence: what to tell beside who holds it.

    Raises:
        Busy: whoever holds it was stopped, or has held it for very long.
        OSError: the lock cannot be asked for.
    """
    began, pause, look_at = time.monotonic(), _FIRST_PAUSE_S, TELL_AFTER_S
    while not attempt():
        waited = time.monotonic() - began
        if waited >= look_at:
            found = holders(fd)
            if waited >= PATIENCE_S or any(each.is_stopped for each in found):
                raise Busy(f"{held_by(fd, found)}; {consequence}")
            look_at = waited + TELL_AFTER_S
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_S)


def if_stopped(fd: int) -> str:
    """Return what to add to a message that somebody holds a lock: who, if he was stopped; else nothing."""
    found = holders(fd)
    return f": {held_by(fd, found)}" if any(each.is_stopped for each in found) else ""


def held_by(fd: int, found: list[Holder]) -> str:
    """Return who holds the lock of an open file, and what can be done about it."""
    path = _path(fd)
    stopped = [each for each in found if each.is_stopped]
    if stopped:
        pids = " ".join(str(each.pid) for each in stopped)
        who = ", ".join(map(str, stopped))
        return f"{who} holds the lock of {path} and is stopped; let it go on: `kill -CONT {pids}`"
    if found:
        return f"{', '.join(map(str, found))} holds the lock of {path}"
    return f"somebody whom this user cannot see holds the lock of {path}"


def holders(fd: int) -> list[Holder]:
    """Return the processes that hold the lock of an open file, or of its first byte, as far as seen."""
    try:
        wanted = os.fstat(fd)
    except OSError:
        return []
    found = [_holder(pid) for pid in _pids() if any(_holds(pid, each) for each in _opened_by(pid, wanted))]
    return [each for each in found if each is not None]


def _pids() -> list[int]:
    try:
        return sorted(int(name) for name in os.listdir("/proc") if name.isdigit())
    except OSError:
        return []


def _opened_by(pid: int, wanted: os.stat_result) -> Iterator[str]:
    """Yield the descriptors by which a process has a file open."""
    try:
        names = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return
    for name in names:
        try:
            if os.path.samestat(os.stat(f"/proc/{pid}/fd/{name}"), wanted):
                yield name
        except OSError:
            continue


def _holds(pid: int, name: str) -> bool:
    try:
        with open(f"/proc/{pid}/fdinfo/{name}", encoding="ascii", errors="replace") as file:
            lines = [line.split() for line in file if line.startswith("lock:")]
    except OSError:
        return False
    return any(len(words) > _LOCK_WORDS - 1 and words[2] == "OFDLCK" and words[-2] == "0" for words in lines)


def _holder(pid: int) -> Holder | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            before, _, after = file.read().rpartition(b")")  # the name may hold spaces and parentheses
    except OSError:
        return None
    name = before.partition(b"(")[2].decode("utf-8", "replace")
    return Holder(pid, name, after.split()[0].decode("ascii") in _STOPPED)


def _path(fd: int) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return "a file"
