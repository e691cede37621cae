"""Whether the kernel's out-of-memory killer took a process: its memory cgroup counts such kills. Linux only.

The counter is that of the cgroup in which the process began, in both versions (cgroups(7): `oom_kill` in
`memory.oom_control`, `memory.events`). What no cgroup counted is not claimed.
"""

from typing import Final

_COUNT: Final = b"oom_kill "
_FILES: Final = {"cgroup": "memory.oom_control", "cgroup2": "memory.events"}


class MemoryWatch:
    """The kills that one process's cgroup has counted so far."""

    def __init__(self, pid: int) -> None:
        self._path = _counter_of(pid)
        self._before = _kills(self._path)

    def has_killed(self) -> bool:
        """Say whether the cgroup has counted a kill since this was made."""
        now = _kills(self._path)
        return now is not None and self._before is not None and now > self._before


def _counter_of(pid: int) -> str:
    """Return the file that counts for a process; empty if there is none."""
    try:
        memberships = _lines(f"/proc/{pid}/cgroup")
        mounts = _lines("/proc/self/mountinfo")
    except OSError:
        return ""
    for kind, path in _memberships(memberships):
        for mounted, root, where in _mounts(mounts):
            if mounted == kind and (path == root or path.startswith(f"{root.rstrip('/')}/")):
                return f"{where}{path[len(root.rstrip('/')) :]}/{_FILES[kind]}"
    return ""


def _memberships(lines: list[str]) -> list[tuple[str, str]]:
    """Return (kind, path) of the memory cgroups of a process; the one that counts comes first."""
    found: list[tuple[str, str]] = []
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            found.insert(0, ("cgroup", path))
        elif number == "0":
            found.append(("cgroup2", path))
    return found


def _mounts(lines: list[str]) -> list[tuple[str, str, str]]:
    """Return (kind, root, mount point) of the file systems that memory cgroups are seen through."""
    found: list[tuple[str, str, str]] = []
    for line in lines:
        fields, _, source = line.partition(" - ")
        kind, _, options = source.split(" ", 2)
        if kind == "cgroup2" or (kind == "cgroup" and "memory" in options.rstrip().split(",")):
            found.append((kind, *_unescaped(*fields.split(" ")[3:5])))
    return found


def _unescaped(root: str, where: str) -> tuple[str, str]:
    return root.replace(r"\040", " "), where.replace(r"\040", " ")


def _lines(path: str) -> list[str]:
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return file.read().splitlines()


def _kills(path: str) -> int | None:
    try:
        with open(path, "rb") as file:
            counts = [line[len(_COUNT) :] for line in file if line.startswith(_COUNT)]
    except OSError:
        return None
    return int(counts[0]) if counts else None
