"""Make durable what somebody else appended: who wrote it may have been killed in front of the sync.

To say that something is there already is a promise as good as the first one.
"""

import os

from runlore.journal.disk import Disk
from runlore.journal.layout import Layout
from runlore.journal.values import RunId


def settle(disk: Disk, layout: Layout, run_id: RunId) -> None:
    """Return when all of a run's journal survives power loss, its name included.

    Raises:
        OSError: the disk refused.
    """
    try:
        fd = disk.open(layout.journal(run_id), os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return  # it was packed, and packs are on the disk before that
    try:
        disk.fdatasync(fd)
    finally:
        disk.close(fd)
    disk.sync_dir(layout.journals)
