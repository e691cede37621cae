"""What runs were like as of a record: folded along with the stream, for filters that ask about the run."""

from collections.abc import Iterator
from itertools import takewhile

from runlore.journal.disk import Disk
from runlore.journal.event_chunks import fold_run
from runlore.journal.events import AnyEvent
from runlore.journal.layout import Layout
from runlore.journal.scan import Record
from runlore.journal.values import RunId
from runlore.projections.fold import fold
from runlore.projections.registry import Row
from runlore.projections.status import STATUS, RunState


class RunFacts:
    """The states of the runs in a stream."""

    def __init__(self, disk: Disk, layout: Layout) -> None:
        self._disk, self._layout = disk, layout
        self._states: dict[RunId, RunState] = {}

    def after(self, record: Record) -> Row:
        """Return the run as it was once this record had happened."""
        run_id = record.run_id
        state = self._states.get(run_id)
        if state is None or state.seq != record.seq - 1:
            state = fold(STATUS, self._before(record))  # as they come: there may be very many
        state = fold(STATUS, (record.event,), state)
        self._states[run_id] = state
        return Row(run_id=run_id, state=state)

    def forget(self, run_id: RunId) -> None:
        """Forget a run that is not in the stream any more."""
        self._states.pop(run_id, None)

    def _before(self, record: Record) -> Iterator[AnyEvent]:
        if record.seq == 1:
            return iter(())
        events = fold_run(self._disk, self._layout, record.run_id)
        return takewhile(lambda event: event.seq < record.seq, events)
