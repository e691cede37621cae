"""The lock of whoever removes runs, restores them or empties the trash: one at a time in a registry.

The kernel lets go of it when its holder dies, so nobody has to judge whether it is stale.
"""

import os
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Final

from runlore.journal.disk import Disk
from runlore.journal.errors import Busy, JournalIO
from runlore.journal.layout import Layout
from runlore.journal.lock_waits import if_stopped

PATIENCE_S: Final = 10.0
"""How long somebody who named a run waits for a pruning that is under way."""
_LOOK_S: Final = 0.05


@contextmanager
def cleanup_lock(disk: Disk, layout: Layout, *, patience_s: float = 0.0) -> Generator[None]:
    """Hold the lock.

    Raises:
        Busy: somebody else holds it, also after `patience_s`. JournalIO: the disk refused.
    """
    try:
        with suppress(FileExistsError):
            disk.mkdir(layout.trash)
        disk.sync_dir(layout.root)  # whoever made it may have been killed in front of this
        fd = disk.open(f"{layout.trash}/.lock", os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise JournalIO(f"{layout.trash}: {error.strerror or error}; nothing was removed") from error
    try:
        until = disk.monotonic() + patience_s
        while not _taken(disk, fd, layout):
            if disk.monotonic() >= until:
                who = f"somebody else removes runs of {layout.root}"
                raise Busy(f"{who}; try again when that is done{if_stopped(fd)}")
            time.sleep(_LOOK_S)
        yield
    finally:
        disk.close(fd)


def _taken(disk: Disk, fd: int, layout: Layout) -> bool:
    try:
        return disk.lock(fd, wait=False)
    except OSError as error:
        raise JournalIO(f"{layout.trash}: {error.strerror or error}; nothing was removed") from error
