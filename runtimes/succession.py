"""When a dead keeper's successor is started: at once, and more rarely the more often that came to nothing.

Pure: time is passed in, on the monotonic clock.
"""

from typing import Final

_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 60.0
_OLD_S: Final = 10.0
"""A keeper that lived so long did its work: its death is a new story."""
_MOST_AFTER_END: Final = 3
"""Once the command has ended its exit record tells how, so a few keepers that die young are enough."""


class Succession:
    """The head of a run, as its wrapper sees it: who came, who died, when the next one is due.

    While the command lives it is never given up: somebody has to take in its output, to end it when its
    time is up, and to see its end. A keeper that dies young may die of the run itself, so the next ones
    come after 1, 2, 4 … 60 seconds.
    """

    def __init__(self, now: float) -> None:
        self._came_at = now
        self._young = 0
        self._next: float | None = None

    def taken(self, now: float) -> None:
        """Note that a keeper was started."""
        self._came_at, self._next = now, None

    def vacant(self, now: float) -> None:
        """Note that there is no keeper any more, or that none could be started."""
        if now - self._came_at >= _OLD_S:
            self._young = 0
        pause = min(_FIRST_PAUSE_S * 2 ** (self._young - 1), _LONGEST_PAUSE_S) if self._young else 0.0
        self._young += 1
        self._next = now + pause

    def is_due(self, now: float) -> bool:
        """Say whether the next keeper is to be started."""
        return self._next is not None and now >= self._next

    def is_hopeless(self, *, over: bool) -> bool:
        """Say whether to stop trying. `over`: the command has ended, or was never started."""
        return self._next is not None and over and self._young > _MOST_AFTER_END

    def wait_ms(self, now: float) -> int | None:
        """Return how long to wait for anything else, in milliseconds; None: as long as it takes."""
        return None if self._next is None else max(0, int((self._next - now) * 1000) + 1)
