"""Every place in the journal's code that syncs, found by reading the code; and a disk that skips one."""

import ast
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from runlore import journal
from runlore.journal.disk import Disk
from tests.doubles.recorder import CALLS

if TYPE_CHECKING:
    from types import FrameType

ROOM: Final = os.path.dirname(os.path.realpath(journal.__file__))
SYNCING: Final = frozenset({"fdatasync", "sync_dir", "sync", "_sync", "write_whole"})
"""Calls that sync, or that lead to a sync and are told apart by where they stand."""


@dataclass(frozen=True, order=True)
class Site:
    """One call that syncs."""

    file: str
    first: int
    last: int
    within: str
    call: str

    def __str__(self) -> str:
        return f"{self.file}:{self.within}:{self.call}"


def sync_sites(room: str = ROOM) -> list[Site]:
    """Return every call in a room, journal/ if none is named, that syncs, or leads to one."""
    found: list[Site] = []
    for name in sorted(os.listdir(room)):
        if name.endswith(".py"):
            with open(f"{room}/{name}", encoding="utf-8") as file:
                found += _sites_of(name, ast.parse(file.read()))
    return found


def _sites_of(file: str, tree: ast.Module) -> list[Site]:
    found: list[Site] = []
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and (name := _called(node)) in SYNCING:
                last = node.end_lineno or node.lineno
                found.append(Site(file, node.lineno, last, function.name, name))
    return found


def _called(node: ast.Call) -> str:
    match node.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


class SkippingDisk:
    """A disk that pretends to sync when asked from one site; every other call goes through."""

    def __init__(self, disk: Disk, site: Site) -> None:
        self.skipped = 0
        self._site = site
        for name in CALLS:
            call = getattr(disk, name)
            setattr(self, name, self._skipping(call) if name in {"fdatasync", "sync_dir"} else call)

    def _skipping(self, call: Any) -> Any:
        def skip(argument: Any) -> None:
            if self._asked_from_site():
                self.skipped += 1
            else:
                call(argument)

        return skip

    def _asked_from_site(self) -> bool:
        site = self._site
        frame: FrameType | None = sys._getframe(2)
        while frame is not None:
            code = frame.f_code
            if code.co_name == site.within and os.path.basename(code.co_filename) == site.file:
                return site.first <= frame.f_lineno <= site.last
            frame = frame.f_back
        return False
