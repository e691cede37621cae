"""The processes of a run: descendants of its keeper and wrapper, and whoever carries its mark.

Both are subreapers, so what the command leaves behind stays below them while one of them lives. The
mark is RUNLORE_RUN_ID in the environment, or an open tree.lock. A pid found by looking is never
trusted by itself: its identity is taken first, and its place in the tree checked again after that.
"""

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import Final

from msgspec import Struct

from runlore.journal.values import Identity, RunId
from runlore.runtimes.appearance import OURS, outer_run
from runlore.runtimes.identity import ProcessStat, identify, read_stat

MARK: Final = "RUNLORE_RUN_ID"


class Member(Struct, frozen=True, gc=False):
    """A process of the run's tree."""

    identity: Identity
    name: str
    inner: bool = False
    """It belongs to another run that was started inside this one."""


def members(run_id: RunId, roots: Collection[int], *, tree_lock: str | None = None) -> list[Member]:
    """Return the living processes of the run, its own keeper and wrapper (`roots`) not among them.

    tree_lock: also find who has this file open; costs a look at every descriptor of every process.
    """
    stats = {stat.pid: stat for stat in _processes()}
    below = _descendants(stats, roots)
    found: list[Member] = []
    for pid, stat in stats.items():
        if pid in roots or stat.dead:
            continue
        if pid in below or is_marked(stat, run_id) or (tree_lock and _has_open(pid, tree_lock)):
            member = _confirmed(stat, run_id, below | set(roots), tree_lock)
            if member is not None:
                found.append(member)
    return found


def children_of(pid: int) -> list[ProcessStat]:
    """Return the children of a process, those that ended and were not reaped among them."""
    return [stat for stat in _processes() if stat.parent == pid]


def is_marked(stat: ProcessStat, run_id: RunId) -> bool:
    """Say whether a process was started with this run's id in its environment; False if it hides it."""
    return mark_of(stat) == run_id


def mark_of(stat: ProcessStat) -> str:
    """Return the run id in the environment a process was started with; empty if there is none to be seen.

    Our own processes show nothing of that environment, and have that id in their title.
    """
    return outer_run(stat.pid) if stat.name in OURS else _mark_in_environ(stat.pid)


def _mark_in_environ(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            environ = b"\0" + file.read() + b"\0"
    except OSError:
        return ""
    after = environ.partition(b"\0%b=" % MARK.encode("ascii"))[2]
    return after.partition(b"\0")[0].decode("ascii", "replace")


def _processes() -> Iterator[ProcessStat]:
    for name in os.listdir("/proc"):
        if name.isdigit():
            stat = read_stat(int(name))
            if stat is not None:
                yield stat


def _descendants(stats: dict[int, ProcessStat], roots: Collection[int]) -> set[int]:
    children: dict[int, list[int]] = {}
    for stat in stats.values():
        children.setdefault(stat.parent, []).append(stat.pid)
    found: set[int] = set()
    rest = [child for root in roots for child in children.get(root, ())]
    while rest:
        pid = rest.pop()
        if pid not in found:
            found.add(pid)
            rest += children.get(pid, ())
    return found


def _confirmed(
    seen: ProcessStat, run_id: RunId, family: Collection[int], tree_lock: str | None
) -> Member | None:
    """Return the process that has the pid now, if that one belongs to the run: pids are reused."""
    identity = identify(seen.pid)
    now = read_stat(seen.pid)
    if identity is None or now is None or now.dead:
        return None
    belongs = (
        now.parent in family
        or is_marked(now, run_id)
        or (tree_lock is not None and _has_open(seen.pid, tree_lock))
    )
    return Member(identity, now.name, mark_of(now) not in {"", run_id}) if belongs else None


def _has_open(pid: int, path: str) -> bool:
    try:
        wanted = os.stat(path)
        listed = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return False
    for fd in listed:
        with suppress(OSError):  # closed since it was listed; the others may be it all the same
            if os.path.samestat(os.stat(f"/proc/{pid}/fd/{fd}"), wanted):
                return True
    return False
