"""What a stream asks about a journal without reading it: which file it is, and whether somebody appends."""

from runlore.journal.disk import Disk
from runlore.journal.errors import JournalIO
from runlore.journal.layout import Layout
from runlore.journal.values import RunId
from runlore.watcher.census import FLAGS


class Looks:
    """Looks at the journals of one registry."""

    def __init__(self, disk: Disk, layout: Layout) -> None:
        self._disk, self._layout = disk, layout

    def file(self, run_id: RunId) -> tuple[int, int] | None:
        """Return the inode and the size of a journal; None if there is none.

        Raises:
            JournalIO: the disk refused.
        """
        path = self._layout.journal(run_id)
        try:
            found = self._disk.stat_path(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise JournalIO(f"{path}: {error.strerror or error}") from error
        return found.inode, found.size

    def is_locked(self, run_id: RunId) -> bool:
        """Say whether somebody is appending to a journal right now.

        Where that cannot be asked nobody is: what is announced later is then read a little earlier.
        """
        try:
            fd = self._disk.open(self._layout.journal(run_id), FLAGS)
        except OSError:
            return False
        try:
            return self._disk.is_locked(fd)
        except OSError:
            return False
        finally:
            self._disk.close(fd)
