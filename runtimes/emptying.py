"""Remove from `$RUNLORE_OUTPUTS` what was stored, where nobody of the run is left to want it there, too."""

import os
from contextlib import suppress

from runlore.runtimes.beneath import FOLDER, open_beneath, open_ours

_Seen = tuple[int, int, int, int]
"""Device, inode, size and time of the last change."""


class Emptying:
    """Remembers files as they were stored, and removes those that still are so."""

    def __init__(self) -> None:
        self._stored: list[tuple[str, _Seen]] = []

    def add(self, path: str, found: os.stat_result) -> None:
        """Remember a file, by its path below the folder, as it was once its bytes had been stored."""
        self._stored.append((path, _seen(found)))

    def empty(self, folder: str) -> None:
        """Remove them; whatever cannot be removed, or has changed since, stays."""
        if not self._stored:
            return
        with suppress(OSError):
            top = open_ours(folder)
            try:
                for path, seen in self._stored:
                    _remove(top, path, seen)
            finally:
                os.close(top)


def _remove(top: int, path: str, seen: _Seen) -> None:
    """Remove a file below an open folder, if it is still the one that was seen."""
    folder, _, name = path.rpartition("/")
    with suppress(OSError):
        at = open_beneath(top, folder, FOLDER) if folder else os.dup(top)
        try:
            if _seen(os.stat(name, dir_fd=at, follow_symlinks=False)) == seen:
                os.unlink(name, dir_fd=at)
        finally:
            os.close(at)


def _seen(found: os.stat_result) -> _Seen:
    return found.st_dev, found.st_ino, found.st_size, found.st_ctime_ns
