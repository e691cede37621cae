"""The snapshots in a database file of the index, and how new ones are added.

They are in use beside the rows of runs, and independent of them: whoever reads a long journal and may
write here keeps them up. Two who do so at once do not mix: only what follows the last one is added.
"""

from collections.abc import Sequence
from typing import Final, Self, cast

from runlore.journal.disk import Disk
from runlore.journal.layout import Layout
from runlore.journal.values import RunId
from runlore.projections.index import generations, sqlite
from runlore.projections.index.reading import is_usable
from runlore.projections.index.snapshot import Row, Snapshot, snapshot_of
from runlore.projections.index.store import OtherVersion, Store

_INSERT: Final = "INSERT INTO snapshots VALUES (?, ?, ?, ?, ?)"
_LAST: Final = "SELECT checked FROM snapshots WHERE run_id = ? ORDER BY number DESC LIMIT 1"


class Snapshots:
    """The snapshots of one index. Everything but `opened` and `close` may raise `sqlite.Failed`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @classmethod
    def opened(cls, disk: Disk, layout: Layout) -> Self | None:
        """Return those of the index in use; None if there is no index here that may be used.

        Open them before the journal: who removes a secret from a journal first takes the index away, so
        what is learned of the journal as it was is added to a file that nobody will find.
        """
        if not is_usable(disk, layout):
            return None
        try:
            path = generations.current(layout.index)
            return None if path is None else cls(Store(path))
        except (*sqlite.Failed, OtherVersion):
            return None

    def of(self, run_id: RunId) -> list[Snapshot] | None:
        """Return the snapshots of a run, oldest first; None if one of them is not as it was written."""
        rows = self._store.select(
            "SELECT told, checked FROM snapshots WHERE run_id = ? ORDER BY number", (run_id,)
        )
        found = [snapshot_of(run_id, told, checked) for told, checked in rows]
        whole = [each for each in found if each is not None]
        return whole if len(whole) == len(found) else None

    def state(self, run_id: RunId, number: int) -> object:
        """Return the bytes of a state, by the place of its snapshot in order; they may be anything."""
        query = "SELECT state FROM snapshots WHERE run_id = ? AND number = ?"
        found = next(iter(self._store.select(query, (run_id, number))), None)
        return found[0] if found else None

    def last(self, run_id: RunId) -> bytes | None:
        """Return what tells the last snapshot of a run from any other; None if there is none."""
        found = next(iter(self._store.select(_LAST, (run_id,))), None)
        return cast("bytes", found[0]) if found else None

    def add(self, run_id: RunId, last: bytes | None, rows: Sequence[Row], *, number: int) -> bool:
        """Add rows of which the first one gets a number, in place of that one and all behind it.

        False, with nothing changed, if the last one is not `last` any more: somebody else was faster.
        """
        connection = self._store.connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            if self.last(run_id) != last:
                return False
            connection.execute("DELETE FROM snapshots WHERE run_id = ? AND number >= ?", (run_id, number))
            for place, (told, state, checked) in enumerate(rows, number):
                connection.execute(_INSERT, (run_id, place, told, state, checked))
            connection.execute("COMMIT")
            return True
        finally:
            self._store.end()

    def runs(self) -> list[RunId]:
        """Return the runs of which there are snapshots."""
        found = self._store.select("SELECT DISTINCT run_id FROM snapshots ORDER BY run_id")
        return [cast("RunId", run_id) for (run_id,) in found]

    def close(self) -> None:
        """Let go of the index."""
        try:
            self._store.close()
        except sqlite.Failed:
            return
