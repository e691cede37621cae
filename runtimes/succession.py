"""When a dead keeper's successor is started: at once, and more rarely the more often that came to nothing.

Pure: time is passed in, on the monotonic clock.
"""

from typing import Final

_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 60.0
_MOST_AFTER_END: Final = 3
"""Once the command has ended its exit record tells how, so a few keepers that fail are enough."""


class Succession:
    """The vacancy at a run's head, as the wrapper sees it.

    While the command lives it is never given up: somebody has to take in its output, to end it when its
    time is up, and to see its end.
    """

    def __init__(self) -> None:
        self._failures = 0
        self._next: float | None = None

    def vacant(self, now: float) -> None:
        """Note that there is no keeper any more."""
        pause = min(_FIRST_PAUSE_S * 2 ** (self._failures - 1), _LONGEST_PAUSE_S) if self._failures else 0.0
        self._failures += 1
        self._next = now + pause

    def taken(self) -> None:
        """Note that a keeper was started."""
        self._next = None

    def settled(self) -> None:
        """Note that it owns the run: its death will be a new story."""
        self._failures = 0

    def is_due(self, now: float) -> bool:
        """Say whether the next keeper is to be started."""
        return self._next is not None and now >= self._next

    def is_hopeless(self, *, over: bool) -> bool:
        """Say whether to stop trying. `over`: the command has ended, or could not be started."""
        return self._next is not None and over and self._failures > _MOST_AFTER_END

    def wait_ms(self, now: float) -> int | None:
        """Return how long to wait for anything else, in milliseconds; None: as long as it takes."""
        return None if self._next is None else max(0, int((self._next - now) * 1000) + 1)
