"""Take the command's exit status so that no kill in between can lose it.

First look at the status without taking it (WNOWAIT), then write it down, then reap: if the process
doing so dies at any point, its own parent still finds the zombie or the record.
"""

import os
import signal
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Final

from msgspec import structs

from runlore.journal import exit_record
from runlore.journal.disk import Disk
from runlore.journal.exit_record import ExitRecord
from runlore.journal.values import Reason, Usage
from runlore.runtimes import exit_file

if TYPE_CHECKING:
    import resource

_KIB: Final = 1024
NOTHING: Final = Usage()


def dead_children() -> Iterator[int]:
    """Yield the pids of children that ended and wait to be reaped; reap each before the next."""
    while True:
        try:
            found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if found is None:
            return
        yield found.si_pid


def has_ended(pid: int) -> bool:
    """Say whether a child of ours has ended and was not reaped yet."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return False


def is_killed(pid: int) -> bool:
    """Say whether a child that ended, and was not reaped yet, was ended by SIGKILL."""
    found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    return found is not None and found.si_code == os.CLD_KILLED and found.si_status == signal.SIGKILL


def wait_ended(pid: int) -> None:
    """Return when a child that is about to end has ended; its own children belong to us by then."""
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    except ChildProcessError:
        return


def reap(pid: int) -> Usage:
    """Return what a child that ended used, and forget it: nobody asks for its status."""
    try:
        _, _, used = os.wait4(pid, os.WNOHANG)
    except ChildProcessError:
        return NOTHING
    return _usage(used)


def both(first: Usage, second: Usage) -> Usage:
    """Return what two processes used: their time together, and the larger of their sizes."""
    return Usage(
        cpu_s=first.cpu_s + second.cpu_s, max_rss_bytes=max(first.max_rss_bytes, second.max_rss_bytes)
    )


def _usage(used: "resource.struct_rusage") -> Usage:
    # Not below our own size: the kernel counts the moment before the exec too (getrusage(2)).
    return Usage(cpu_s=used.ru_utime + used.ru_stime, max_rss_bytes=used.ru_maxrss * _KIB)


def record_exit(
    disk: Disk, exit_fd: int, pid: int, reason: Reason | None, besides: Usage = NOTHING
) -> ExitRecord:
    """Return how the ended child `pid` ended, written to the `exit` file before it is reaped.

    besides: what others of its tree used that were reaped already.
    """
    status = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert status is not None  # noqa: S101 - without WNOHANG waitid(2) waits
    by_itself = status.si_code == os.CLD_EXITED
    record = ExitRecord(
        at=disk.now(),
        exit_code=status.si_status & 0xFF if by_itself else None,
        signal=None if by_itself else status.si_status,
        reason=reason,
    )
    write(disk, exit_fd, record)
    _, _, used = os.wait4(pid, 0)
    record = structs.replace(record, usage=both(_usage(used), besides))
    try:  # one sector: the old block or the new one, and either tells how it ended
        disk.pwrite(exit_fd, exit_record.encode(record), 0)
    except OSError:
        return record
    return record


def record_failure(disk: Disk, exit_fd: int, at: datetime, reason: Reason) -> ExitRecord:
    """Return the record of a command that never ran."""
    record = ExitRecord(at=at, reason=reason)
    write(disk, exit_fd, record)
    return record


def write(disk: Disk, exit_fd: int, record: ExitRecord) -> None:
    """Write the record; a disk that refuses does not keep the news from the keeper."""
    try:
        exit_file.write(disk, exit_fd, record)
    except OSError:
        return
