"""Make journals durable before records of them are passed on to somebody who remembers them.

A record is visible before its writer has synced it. Power loss may take it then, and another may get its
seq; whoever has passed it on would not know.
"""

import os
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from runlore.journal.disk import Disk, FileStat
from runlore.journal.errors import JournalIO
from runlore.journal.layout import Layout
from runlore.journal.scan import Record
from runlore.journal.values import RunId

_REMEMBERED: Final = 4096
_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK


class Syncing:
    """What of each journal is known to be on the disk."""

    def __init__(self, disk: Disk, layout: Layout) -> None:
        self._disk, self._layout = disk, layout
        self._synced: OrderedDict[RunId, FileStat] = OrderedDict()
        """The files as they were when they were synced: one that has not changed since still is."""

    def __call__(self, records: Iterable[Record]) -> None:
        """Return once these records, and the names of their journals, are on the disk.

        Raises:
            JournalIO: the disk refused; they are not to be passed on.
        """
        run_ids = dict.fromkeys(record.run_id for record in records)
        unnamed = [run_id for run_id in run_ids if self._sync(run_id)]
        if unnamed:
            try:
                self._disk.sync_dir(self._layout.journals)
            except OSError as error:
                raise _refused(self._layout.journals, error) from error

    def _sync(self, run_id: RunId) -> bool:
        """Sync a journal; say whether its name is to be synced as well.

        A longer file is not enough to be sure: a torn tail may have been synced, cut off, and written over.
        """
        path = self._layout.journal(run_id)
        known = self._synced.get(run_id)
        try:
            if known is not None and _is_same(known, self._disk.stat_path(path)):
                return False
            fd = self._disk.open(path, _FLAGS)
            try:
                found = self._disk.stat(fd)
                self._disk.fdatasync(fd)
            finally:
                self._disk.close(fd)
        except FileNotFoundError:
            return False  # it was removed since it was read
        except OSError as error:
            raise _refused(path, error) from error
        self._synced[run_id] = found
        self._synced.move_to_end(run_id)
        if len(self._synced) > _REMEMBERED:
            self._synced.popitem(last=False)
        return known is None or (known.inode, known.device) != (found.inode, found.device)


def _is_same(before: FileStat, now: FileStat) -> bool:
    """Say whether nobody has written to a file since."""
    return (before.inode, before.device, before.size, before.mtime_ns) == (
        now.inode,
        now.device,
        now.size,
        now.mtime_ns,
    )


def _refused(path: str, error: OSError) -> JournalIO:
    return JournalIO(
        f"{path}: {error.strerror or error}; its events are not handed over before it is on the disk"
    )
