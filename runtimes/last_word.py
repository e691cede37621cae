"""Progress on its way into a journal: at most ten a second are recorded, and the last one always is."""

import threading
from typing import Final

from runlore.journal.errors import AlreadyEnded
from runlore.journal.events import RunProgressed
from runlore.journal.values import RunId
from runlore.journal.writer import UNSYNCED_S

SYNC_AFTER_S: Final = 0.8 * UNSYNCED_S
"""When what was appended is synced at the latest, so that it lies unsynced for no longer than promised."""


class LastWord:
    """The last progress that was said and is not recorded yet. Its lock never waits for a disk."""

    def __init__(self, run_id: RunId) -> None:
        self._run_id = run_id
        self._saying = threading.Lock()
        self._pending: RunProgressed | None = None
        self._taken_at = float("-inf")
        self._open = True

    def say(self, said: RunProgressed) -> None:
        """Keep `said` until somebody takes it; it replaces what was said before.

        Raises:
            AlreadyEnded: the run takes no more.
        """
        with self._saying:
            if not self._open:
                raise AlreadyEnded(self._run_id, "run.progressed")
            self._pending = said

    def take(self, now: float) -> RunProgressed | None:
        """Return what is to be appended now, at this monotonic time; None if nothing was said since."""
        with self._saying:
            said, self._pending = self._pending, None
        if said is not None:
            self._taken_at = now
        return said

    @property
    def due_at(self) -> float:
        """Monotonic time from which on the next one may be appended."""
        return self._taken_at + UNSYNCED_S

    def close(self) -> bool:
        """Take no more from now on; False if that was so already."""
        with self._saying:
            was, self._open = self._open, False
        return was
