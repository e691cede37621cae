"""The memory cgroup of a process, where it can be seen: in version 1 and in version 2. Linux only."""

from msgspec import Struct


class MemoryCgroup(Struct, frozen=True):
    """Where the kernel tells about it."""

    kind: str
    """`cgroup` or `cgroup2`: which files there are."""
    folder: str
    mounted: str
    """The uppermost folder that can be seen of its hierarchy."""


def memory_cgroup(pid: int) -> MemoryCgroup | None:
    """Return the memory cgroup of a process; None if there is none to be seen."""
    try:
        memberships = _lines(f"/proc/{pid}/cgroup")
        mounts = _lines("/proc/self/mountinfo")
    except OSError:
        return None
    for kind, path in _memberships(memberships):
        for mounted, root, where in _mounts(mounts):
            if mounted == kind and (path == root or path.startswith(f"{root.rstrip('/')}/")):
                return MemoryCgroup(kind, f"{where}{path[len(root.rstrip('/')) :]}".rstrip("/"), where)
    return None


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
