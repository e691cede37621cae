"""Whether the kernel's out-of-memory killer took a process: its memory cgroup counts such kills. Linux only.

The counter is that of the cgroup in which the process began, in both versions (cgroups(7): `oom_kill` in
`memory.oom_control`, `memory.events`). What no cgroup counted is not claimed.
"""

from typing import Final

from runlore.runtimes.memory_cgroup import memory_cgroup

_COUNT: Final = b"oom_kill "
_FILES: Final = {"cgroup": "memory.oom_control", "cgroup2": "memory.events"}


class MemoryWatch:
    """The kills that one process's cgroup has counted so far."""

    def __init__(self, pid: int) -> None:
        found = memory_cgroup(pid)
        self._path = f"{found.folder}/{_FILES[found.kind]}" if found else ""
        self._before = _kills(self._path)

    def has_killed(self) -> bool:
        """Say whether the cgroup has counted a kill since this was made."""
        now = _kills(self._path)
        return now is not None and self._before is not None and now > self._before


def _kills(path: str) -> int | None:
    try:
        with open(path, "rb") as file:
            counts = [line[len(_COUNT) :] for line in file if line.startswith(_COUNT)]
    except OSError:
        return None
    return int(counts[0]) if counts else None
