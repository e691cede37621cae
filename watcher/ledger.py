"""What a stream has delivered, record by record, so that it can say at any time where to resume. Pure.

Of a run nothing has to be remembered once its journal is sealed and all of it was delivered: the next
line about it in the feed is an intent, which says where it stood.
"""

from datetime import datetime

from msgspec import Struct, structs

from runlore.journal.feed_position import WINDOW, FeedLine, FeedPosition, position_behind
from runlore.journal.values import RunId
from runlore.watcher.cursor import Cursor, Spot


class Said(Struct, frozen=True, gc=False):
    """The last line about a run in front of the position."""

    seq: int
    segment: int


class Ledger:
    """What was delivered of the runs that may still change without an intent."""

    def __init__(self, registry: str) -> None:
        self._registry = registry
        self._position: FeedPosition | None = None
        self._line: FeedLine | None = None
        self._feed_id = ""
        self._segment = 0
        self.history: RunId | None = None
        self.places: dict[RunId, Spot] = {}
        self._said: dict[RunId, Said] = {}
        self._ahead: set[RunId] = set()
        self._frozen: Cursor | None = None

    def cursor(self, now: datetime) -> Cursor:
        """Return where to resume."""
        if self._frozen is not None:
            return structs.replace(self._frozen, at=now)
        position = self._position if self._line is None else position_behind(self._feed_id, self._line)
        ahead = {run_id: self.places[run_id] for run_id in sorted(self._ahead)}
        return Cursor(registry=self._registry, at=now, position=position, history=self.history, ahead=ahead)

    def move(self, position: FeedPosition | None, said: dict[RunId, Said]) -> None:
        """Stand at a position; said: the last lines in front of it about runs that matter."""
        self._position, self._line = position, None
        self._feed_id = position.feed_id if position else ""
        self._segment = position.segment if position else 0
        self._said = said
        self._recount()

    def freeze(self, cursor: Cursor) -> None:
        """Keep this cursor until `thaw`: what comes until then has no place in the feed."""
        self._frozen = self._frozen or cursor

    def thaw(self) -> None:
        """Say again where the stream stands."""
        self._frozen = None

    def delivered(self, run_id: RunId, spot: Spot) -> None:
        """Note that a run's records up to this spot are delivered."""
        self.places[run_id] = spot
        said = self._said.get(run_id)
        if said is not None and said.seq == spot.seq and said.segment > self._segment - WINDOW:
            self._ahead.discard(run_id)
        else:
            self._ahead.add(run_id)

    def passed(self, line: FeedLine, run_id: RunId | None, seq: int) -> None:
        """Note that everything in front of the end of this line is delivered, and what it said of a run."""
        self._line = line
        if line.segment != self._segment:
            self._segment = line.segment
            self._recount()
        if run_id is not None:
            self._said[run_id] = Said(seq, line.segment)
            spot = self.places.get(run_id)
            if spot is not None and spot.seq == seq:
                self._ahead.discard(run_id)
            elif spot is not None:
                self._ahead.add(run_id)

    def went_through(self, run_id: RunId | None) -> None:
        """Note that of what was there before all runs up to this one were gone through; None: all."""
        self.history = run_id
        if run_id is None:
            self.prune()

    def forget(self, run_id: RunId) -> bool:
        """Forget a run whose journal is sealed and delivered; False if a cursor still has to name it."""
        spot, said = self.places.get(run_id), self._said.get(run_id)
        if spot is not None and said is not None and said.seq != spot.seq:
            return False
        self.drop(run_id)
        return True

    def drop(self, run_id: RunId) -> None:
        """Forget a run whatever is known of it."""
        self.places.pop(run_id, None)
        self._said.pop(run_id, None)
        self._ahead.discard(run_id)

    def prune(self) -> None:
        """Forget what was said about runs of which nothing has to be remembered."""
        self._said = {run_id: said for run_id, said in self._said.items() if run_id in self.places}

    def _recount(self) -> None:
        self._ahead.clear()
        for run_id, spot in self.places.items():
            self.delivered(run_id, spot)
