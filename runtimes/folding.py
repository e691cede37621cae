"""The state of one run, kept up with its journal: each look reads only what is new.

No descriptor stays open between two looks, so a forgotten handle keeps nothing alive. A journal that
was replaced, or got shorter, is folded anew: what is shown is always the journal of now.
"""

from typing import Final

from runlore.journal.disk import Disk
from runlore.journal.errors import JournalIO, NotFound
from runlore.journal.history import Stamp, open_history
from runlore.journal.layout import Layout
from runlore.journal.scan import Scanner, Tail, Verdict
from runlore.journal.tailing import PIECE, Source
from runlore.journal.values import RunId
from runlore.projections.fold import fold
from runlore.projections.index import version
from runlore.projections.status import STATUS, RunState


class RunFold:
    """One run's folded state; not for several threads at once."""

    def __init__(self, disk: Disk, layout: Layout, run_id: RunId) -> None:
        self.run_id: Final = run_id
        self._disk, self._layout, self._path = disk, layout, layout.journal(run_id)
        self._file = (0, 0)
        self._offset = 0
        self._scanner = Scanner(Tail.empty(run_id), check_chain=False)
        self.state: RunState = STATUS.initial()

    def advance(self) -> bool:
        """Read to the end of the journal; say whether anything was there that was not seen before.

        Raises:
            NotFound: no such journal. JournalIO: the disk refused.
        """
        try:
            with open_history(self._disk, self._layout, self.run_id) as history:
                found = history.stamp()
                if not self._begins_anew(found):
                    return found.size > self._offset and self._read_on(history)
                if found.size < version.LONG:
                    self._restart(found)
                    self._read_on(history)
                    return True
            self._begin_long()
            return True
        except FileNotFoundError:
            raise NotFound(
                f"run {self.run_id} has no journal at {self._path}; `runlore ls` lists the runs"
            ) from None
        except OSError as error:
            raise JournalIO(f"{self._path}: {error.strerror or error}") from error

    def has_ended(self) -> bool:
        """Say whether the run had its final event when this last read."""
        return self.state.ended

    @property
    def tail(self) -> Tail:
        """The end of the whole records."""
        return self._scanner.tail

    @property
    def verdict(self) -> Verdict:
        """What stands behind the last whole record."""
        return self._scanner.verdict()

    def _begins_anew(self, found: Stamp) -> bool:
        moved = (found.device, found.inode) != self._file or found.size < self._offset
        return moved or (found.size != self._offset and self._scanner.verdict().damage is not None)

    def _restart(self, found: Stamp) -> None:
        self._file, self._offset = (found.device, found.inode), 0
        self._scanner = Scanner(Tail.empty(self.run_id), check_chain=False)
        self.state = STATUS.initial()

    def _begin_long(self) -> None:
        """Begin where the last snapshot of a long journal stands."""
        from runlore.projections.index import long_runs  # noqa: PLC0415 - few journals are long

        with long_runs.opened(self._disk, self._layout, self.run_id) as long:
            self._restart(long.history.stamp())
            if (start := long.last()) is not None:
                self._offset, self.state = start.tail.size, start.state
                self._scanner = Scanner(start.tail, check_chain=False)
            self._read_on(long.history)

    def _read_on(self, source: Source) -> bool:
        grown = False
        while piece := source.pread(PIECE, self._offset):
            self._offset += len(piece)
            if events := self._scanner.advance(piece):
                self.state = fold(STATUS, events, self.state)
                grown = True
        return grown
