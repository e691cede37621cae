"""How long a command has been silent, by a clock that stands still while the command cannot print. Pure.

Silence counts only while it was watched: what passes while the command is paused, or while the keeper
itself was stopped, frozen or starved, is nobody's silence.
"""

from typing import Final

NEVER: Final = float("inf")
LOOK_EVERY_S: Final = 1.0
"""How often the keeper looks; twice that is the most that counts between two looks."""


class IdleClock:
    """Counts the silence of one command; `limit_s` None never runs out."""

    def __init__(self, limit_s: float | None) -> None:
        self.limit_s: Final = NEVER if limit_s is None else limit_s
        self.due = NEVER
        """Monotonic time at which the command will have been silent for too long, as far as known now."""
        self._looked_at = 0.0

    def heard(self, now: float) -> None:
        """Begin anew: the command started, or printed something."""
        self.due, self._looked_at = now + self.limit_s, now

    def look(self, now: float, *, paused: bool) -> None:
        """Count the time since the last look, as far as the command could have printed something in it."""
        passed = now - self._looked_at
        counted = 0.0 if paused else min(passed, 2 * LOOK_EVERY_S)
        self.due += passed - counted
        self._looked_at = now
