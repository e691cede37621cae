"""Which process is it? The identity of a process, and whether that very process still lives. Linux only.

A pid is given out again; start ticks repeat within one clock tick; the inode of a pidfd (pidfs, Linux
6.9) is given once per boot and decides alone where both sides know it. Doubt is an answer of its own.
"""

import os
import select
from functools import lru_cache
from signal import pidfd_send_signal
from typing import Final, Literal

from msgspec import Struct

from runlore.journal.machine import boot_id, host, pid_namespace, user
from runlore.journal.values import Identity, Owner

Liveness = Literal["alive", "gone", "unverifiable"]

_NO_SUCH_PID: Final = (ProcessLookupError, OverflowError)
"""A journal may name any number; no process has one that the kernel's type cannot hold."""
_ZOMBIE: Final = frozenset({"Z", "X", "x"})
_STOPPED: Final = "T"


class ProcessStat(Struct, frozen=True, gc=False):
    """What /proc/<pid>/stat says, as far as we ask; see proc(5)."""

    pid: int
    parent: int
    name: str
    """At most 15 bytes of the executable's name; never its arguments, which may hold secrets."""
    dead: bool
    """It has ended and waits for its parent to take the status."""
    start_ticks: int
    stopped: bool = False
    """It was stopped by a signal, and goes on at SIGCONT."""


class Opened(Struct, frozen=True, gc=False):
    """A pidfd of the very process that was meant; close it."""

    fd: int


class Gone(Struct, frozen=True, gc=False):
    """That process has ended; if its pid is in use, then by a stranger."""


class Doubtful(Struct, frozen=True, gc=False):
    """Nobody here can say whether it is the same process; treat it as alive and do not touch it."""

    why: str


def identify(pid: int) -> Identity | None:
    """Return the identity of the process that has `pid` now, dead or not; None if nobody has it."""
    try:
        fd = os.pidfd_open(pid)
    except _NO_SUCH_PID:
        return None
    except OSError:
        return _identified(pid, 0)
    found = None
    try:
        found = _identified(pid, _inode(fd))
        pidfd_send_signal(fd, 0)  # still there: so /proc spoke of the process behind the pidfd
    except ProcessLookupError:
        return None
    except PermissionError:
        return found
    finally:
        os.close(fd)
    return found


def this_owner() -> Owner:
    """Return this process, as an owner's events name it."""
    from runlore._version import __version__  # noqa: PLC0415 - one constant, wanted once

    me = identify(os.getpid()) or Identity(boot_id=boot_id(), pid_ns=pid_namespace(), pid=os.getpid())
    return Owner(host=host(), identity=me, user=user(), version=__version__)


def open_same(wanted: Identity) -> Opened | Gone | Doubtful:
    """Return a pidfd of the process `wanted` names, or why there is none."""
    if wanted.boot_id != boot_id():
        return Gone() if wanted.boot_id and boot_id() else Doubtful("the boot is not known")
    if not wanted.pid_ns or wanted.pid_ns != pid_namespace():
        return Doubtful("its pid belongs to another pid namespace")
    try:
        fd = os.pidfd_open(wanted.pid)
    except _NO_SUCH_PID:
        return Gone()
    except OSError as error:
        return Doubtful(f"pidfd_open: {error.strerror}")
    answer = _compare(wanted, fd)
    if answer is not None:
        os.close(fd)
        return answer
    return Opened(fd)


def look(wanted: Identity) -> Liveness:
    """Say whether the process `wanted` names is alive; one that ended and was not reaped is gone."""
    found = open_same(wanted)
    if isinstance(found, Opened):
        try:
            return "gone" if has_ended(found.fd) else "alive"
        finally:
            os.close(found.fd)
    return "gone" if isinstance(found, Gone) else "unverifiable"


def has_ended(pidfd: int) -> bool:
    """Say whether the process behind a pidfd has ended, reaped or not."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(0))


def read_stat(pid: int) -> ProcessStat | None:
    """Return what the kernel says about a pid, or None if there is no such process to be seen."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except OSError:
        return None
    before, _, after = text.rpartition(b")")  # the name may hold spaces and parentheses
    name = before.partition(b"(")[2].decode("utf-8", "replace")
    fields = after.split()
    state = fields[0].decode("ascii")
    return ProcessStat(pid, int(fields[1]), name, state in _ZOMBIE, int(fields[19]), state == _STOPPED)


def _identified(pid: int, inode: int) -> Identity | None:
    stat = read_stat(pid)
    if stat is None and not inode:
        return None
    return Identity(
        boot_id=boot_id(),
        pid_ns=pid_namespace(),
        pid=pid,
        start_ticks=stat.start_ticks if stat else 0,
        pidfd_inode=inode,
    )


def _compare(wanted: Identity, fd: int) -> Gone | Doubtful | None:
    """Return None if the process behind `fd` is the wanted one."""
    inode = _inode(fd)
    if inode and wanted.pidfd_inode:
        return None if inode == wanted.pidfd_inode else Gone()
    if inode or wanted.pidfd_inode:
        return Doubtful("only one side knows the inode of its pidfd")
    stat = read_stat(wanted.pid)
    if stat is None or not wanted.start_ticks:
        return Gone() if has_ended(fd) else Doubtful("its start time cannot be read")
    return None if stat.start_ticks == wanted.start_ticks else Gone()


def _inode(pidfd: int) -> int:
    """Return the inode that names a process for this boot; 0 where the kernel gives all pidfds one."""
    return os.fstat(pidfd).st_ino if _has_pidfs() else 0


@lru_cache(maxsize=1)
def _has_pidfs() -> bool:
    """Say whether pidfds live on a file system of their own, by comparing with another anonymous one."""
    pidfd, other = os.pidfd_open(os.getpid()), select.epoll()
    try:
        return os.fstat(pidfd).st_dev != os.fstat(other.fileno()).st_dev
    finally:
        os.close(pidfd)
        other.close()
