"""How a process ended that is not our child: what wait(2) tells only its parent. Linux only.

A process that ended and waits for its parent says it in /proc, to its own user; once it was taken away,
a pidfd that was opened before says it (PIDFD_GET_INFO with PIDFD_INFO_EXIT, Linux 6.15). Elsewhere
nobody knows.
"""

import fcntl
import struct
from typing import Final

from runlore.journal.values import Identity

_INFO: Final = struct.Struct("=QQ11Ii")
"""struct pidfd_info, first version: what is asked for, cgroup, pid, tgid, ppid, ids, exit code."""
_PIDFD_INFO_EXIT: Final = 1 << 3
_PIDFD_GET_INFO: Final = (3 << 30) | (_INFO.size << 16) | (0xFF << 8) | 11
_START_TICKS: Final = 19
"""Place of starttime in /proc/<pid>/stat, counted from the field behind the name; proc(5) says 22."""
_EXIT_CODE: Final = 49
"""Place of exit_code; proc(5) says 52."""


def of_ended(process: Identity, pidfd: int) -> int | None:
    """Return the wait status of a process that has ended; None if it cannot be had, or not yet.

    pidfd: of that very process, opened while it was still there.
    """
    status = _of_zombie(process)
    return _of_reaped(pidfd) if status is None else status


def _of_reaped(pidfd: int) -> int | None:
    asked = bytearray(_INFO.pack(_PIDFD_INFO_EXIT, *[0] * 13))
    try:
        fcntl.ioctl(pidfd, _PIDFD_GET_INFO, asked)
    except OSError:
        return None
    answer = _INFO.unpack(asked)
    return int(answer[-1]) if answer[0] & _PIDFD_INFO_EXIT else None


def _of_zombie(process: Identity) -> int | None:
    try:
        with open(f"/proc/{process.pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    if fields[0] != b"Z" or int(fields[_START_TICKS]) != process.start_ticks or len(fields) <= _EXIT_CODE:
        return None
    return int(fields[_EXIT_CODE])
