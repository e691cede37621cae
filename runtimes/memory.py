"""How much memory there is for the processes of this machine, or of this container. Linux only."""

import os
from typing import Final

from runlore.runtimes.memory_cgroup import memory_cgroup

_LIMITS: Final = {"cgroup": "memory.limit_in_bytes", "cgroup2": "memory.max"}


def memory_bytes() -> int:
    """Return the machine's memory, or the least limit of a cgroup that this process is in."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([machine, *_limits()])


def _limits() -> list[int]:
    """Return the limits of this process's memory cgroup and of those it is in, as far as they are seen."""
    found = memory_cgroup(os.getpid())
    limits: list[int] = []
    folder = found.folder if found else ""
    while found is not None and folder.startswith(found.mounted.rstrip("/")):
        limits += _limit(f"{folder}/{_LIMITS[found.kind]}")
        if folder == found.mounted.rstrip("/"):
            break
        folder = folder.rpartition("/")[0]
    return limits


def _limit(path: str) -> list[int]:
    """Return the number in a file; nothing for `max`, or where there is no such file."""
    try:
        with open(path, "rb") as file:
            text = file.read().strip()
    except OSError:
        return []
    return [int(text)] if text.isdigit() else []
