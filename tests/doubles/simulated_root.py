"""Let the code that finds and makes registries look at a simulated disk.

It asks `os` whether folders exist, because a symbolic link and a missing parent matter there and nowhere
else; here those questions go to the file system in memory.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

from runlore.journal import machine, root
from runlore.journal.disk import Disk


@contextmanager
def seen_by_root(disk: Disk) -> Iterator[None]:
    """Answer the questions of journal/root.py from `disk` meanwhile."""
    room = cast("Any", root)  # its module `os` is replaced as a whole
    before = room.os, machine.file_system

    def mode(path: str) -> int:
        try:
            return disk.stat_path(path).mode
        except OSError:
            return 0

    names = {name: getattr(os, name) for name in dir(os) if name.startswith("O_")}
    path = SimpleNamespace(
        isdir=lambda path: stat.S_ISDIR(mode(path)),
        isfile=lambda path: stat.S_ISREG(mode(path)),
        exists=lambda path: mode(path) != 0,
        abspath=os.path.abspath,
        dirname=os.path.dirname,
        join=os.path.join,
        normpath=os.path.normpath,
        realpath=os.path.normpath,
    )

    def lstat(name: str) -> SimpleNamespace:
        return SimpleNamespace(st_mode=mode(name), st_uid=os.geteuid())

    fake = SimpleNamespace(
        **names,
        path=path,
        lstat=lstat,
        stat=lambda name: SimpleNamespace(st_mode=disk.stat_path(name).mode),
        urandom=os.urandom,
        geteuid=os.geteuid,
        listdir=disk.listdir,
    )
    room.os, machine.file_system = fake, lambda path: "ext4"  # noqa: ARG005 - called by name
    try:
        yield
    finally:
        room.os, machine.file_system = before
