"""A word about owners that were stopped, while a command waits for their runs: these would not get on."""

import time
from typing import TYPE_CHECKING, Final

from runlore.cli.session import Session
from runlore.journal.ids import short
from runlore.runtimes.identity import look, read_stat
from runlore.runtimes.waiting import Waiting

if TYPE_CHECKING:
    from runlore.journal.values import RunId

_LOOK_EVERY_S: Final = 1.0
_LOOKS: Final = 2
"""So many looks in a row that find an owner stopped, before it is worth a word."""


class StoppedOwners:
    """Looks at the owners of runs that are waited for, now and then; each is spoken of once."""

    def __init__(self, session: Session, waiting: Waiting) -> None:
        self._session, self._waiting = session, waiting
        self._found: dict[RunId, int] = {}
        """How often in a row a run's owner was found stopped."""
        self._look_at = 0.0

    def look(self) -> None:
        """Look, if that is due."""
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + _LOOK_EVERY_S
        for run_id, owner in self._waiting.owners.items():
            stat = read_stat(owner.pid)
            stopped = stat is not None and stat.stopped and look(owner) == "alive"
            times = self._found[run_id] = self._found.get(run_id, 0) + 1 if stopped else 0
            if times == _LOOKS:
                self._session.output.say(
                    f"run {short(run_id)} does not get on: its owner, process {owner.pid}, is stopped; "
                    f"let it go on: `kill -CONT {owner.pid}`"
                )
