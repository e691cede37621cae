"""What a stream asks about a journal without reading it: which file it is, and whether somebody appends."""

import os
from typing import Final

from runlore.journal import held
from runlore.journal.disk import Disk
from runlore.journal.errors import JournalIO
from runlore.journal.history import open_history
from runlore.journal.layout import Layout
from runlore.journal.values import RunId

_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK


class Looks:
    """Looks at the journals of one registry."""

    def __init__(self, disk: Disk, layout: Layout) -> None:
        self._disk, self._layout = disk, layout
        self._bases: dict[RunId, tuple[int, int]] = {}
        """Which file a journal was, and how many packed bytes it follows."""

    def file(self, run_id: RunId) -> tuple[int, int] | None:
        """Return the inode of the file in which a run's history ends, and its size; None if there is none.

        Raises:
            JournalIO: the disk refused.
        """
        path = self._layout.journal(run_id)
        try:
            found = self._disk.stat_path(path)
            inode, base = self._bases.get(run_id, (0, 0))
            if inode != found.inode:
                return self._opened(run_id)
        except FileNotFoundError:
            self._bases.pop(run_id, None)
            return self._packed(run_id)
        except OSError as error:
            raise JournalIO(f"{path}: {error.strerror or error}") from error
        return inode, base + found.size

    def _opened(self, run_id: RunId) -> tuple[int, int]:
        """Return what a journal is that was not looked at before."""
        with open_history(self._disk, self._layout, run_id) as history:
            stamp = history.stamp()
            if history.begins_whole():
                self._bases[run_id] = stamp.inode, history.packed
        return stamp.inode, stamp.size

    def _packed(self, run_id: RunId) -> tuple[int, int] | None:
        """Return the pack and the size of a run that has no journal of its own."""
        try:
            with open_history(self._disk, self._layout, run_id) as history:
                stamp = history.stamp()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise JournalIO(f"{self._layout.packs}: {error.strerror or error}") from error
        return stamp.inode, stamp.size

    def is_locked(self, run_id: RunId) -> bool:
        """Say whether somebody is appending to a journal right now.

        Where that cannot be asked nobody is: what is announced later is then read a little earlier.
        """
        return held.is_locked(self._disk, self._layout.journal(run_id))
