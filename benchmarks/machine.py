"""Facts about the machine and the tree that every table carries."""

import os
import subprocess
import time
from dataclasses import dataclass
from typing import Final

from benchmarks.model import Facts

WRITTEN: Final = ("benchmarks/results", "docs/benchmarks.md", "docs/benchmarks-*.svg")
"""What a measurement itself writes; it does not make the tree dirty."""


@dataclass(frozen=True, kw_only=True)
class Tree:
    """What was measured: the tree as it was when it was installed, whatever is committed meanwhile."""

    commit: str
    dirty: bool


def tree(repository: str) -> Tree:
    """Return the tree's state as of now."""
    commit = _git(repository, "rev-parse", "--short=12", "HEAD") or "unknown"
    return Tree(commit=commit, dirty=is_dirty(repository))


def facts(measured: Tree, scratch: str, python: str, load_before: float) -> Facts:
    """Return the facts as of now; `load_before` is the load when the table began."""
    return Facts(
        commit=measured.commit,
        dirty=measured.dirty,
        kernel=os.uname().release,
        file_system=file_system(scratch),
        python=python,
        cpu=_cpu_model(),
        cores=os.cpu_count() or 1,
        date=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        load_before=round(load_before, 2),
        load_after=round(os.getloadavg()[0], 2),
    )


def is_dirty(repository: str) -> bool:
    """Say whether the tree differs from its commit in anything but what measuring writes."""
    but = [f":!{path}" for path in WRITTEN]
    status = _git(repository, "status", "--porcelain", "--", ".", *but)
    return status != ""


def file_system(path: str) -> str:
    """Return the type of the file system that holds `path`, e.g. ext4."""
    found = os.stat(path).st_dev
    wanted = f"{os.major(found)}:{os.minor(found)}"
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                mount, _, rest = line.partition(" - ")
                if mount.split(" ")[2] == wanted:
                    return rest.split(" ")[0]
    except OSError:
        return "unknown"
    return "unknown"


def _cpu_model() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        return "unknown"
    return os.uname().machine


def _git(repository: str, *arguments: str) -> str | None:
    """Return git's answer, or None where there is no git or no repository."""
    try:
        done = subprocess.run(
            ["git", "-C", repository, *arguments], capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
