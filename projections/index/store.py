"""One database file of the index: what is in it, and how a look at the journals is written down.

Rows and place are committed together, and only on top of what was read before: where somebody else was
faster, nothing is written, and nothing is lost but the work.
"""

from collections.abc import Iterable, Sequence
from typing import Final, cast

from msgspec import Struct

from runlore.journal.feed_position import FeedPosition
from runlore.journal.values import RunId
from runlore.projections.index import sqlite, version
from runlore.projections.index.entry import Entry, Signature
from runlore.projections.index.survey import Place

_COLUMNS: Final = 22
_INSERT: Final = "INSERT INTO runs VALUES (NULL, " + ", ".join("?" * _COLUMNS) + ")"
_NOTHING: Final = (None,) * (_COLUMNS - 5)
_LIVE: Final = "INSERT INTO live VALUES (" + ", ".join("?" * 15) + ")"
_PLACE: Final = "INSERT OR REPLACE INTO place VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)"


class OtherVersion(Exception):
    """The file is no index of this release."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.is_newer = number > version.USER_VERSION


class Known(Struct, frozen=True):
    """What the index knew when it was opened."""

    version: int
    place: Place


class Store:
    """An open database file; not for several threads. Everything may raise `sqlite.Failed`."""

    def __init__(self, path: str) -> None:
        self.path: Final = path
        self._connection = sqlite.connect(path)
        try:
            number = cast("int", self._one("PRAGMA user_version")[0])
            if number != version.USER_VERSION:
                raise OtherVersion(number)
        except BaseException:
            self.close()
            raise

    @property
    def connection(self) -> sqlite.Connection:
        """What others may read by, between `begin` and `end`."""
        return self._connection

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    # -- read

    def begin(self) -> Known:
        """Begin to read: until `end`, what others commit is not seen."""
        self._connection.execute("BEGIN")
        grown, boot, feed, segment, offset, before, journals_ns, packs_ns = cast(
            "tuple[int, str, str, int, int, str, int, int]",
            self._one(
                "SELECT version, boot, feed, segment, offset, before, journals_ns, packs_ns FROM place"
            ),
        )
        position = FeedPosition(feed, segment, offset, before) if feed else None
        return Known(grown, Place(boot=boot, feed=position, journals_ns=journals_ns, packs_ns=packs_ns))

    def end(self) -> None:
        """End what `begin` began, if it was not ended yet."""
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def to_look_at(self) -> list[RunId]:
        """Return the runs that have to be folded at each read, by id."""
        found = self.select("SELECT run_id FROM runs WHERE settled = 0 ORDER BY run_id")
        return [cast("RunId", run_id) for (run_id,) in found]

    def signatures(self) -> dict[RunId, tuple[Signature, bool]]:
        """Return what every journal looked like, and whether it is settled."""
        found = self.select("SELECT run_id, inode, size, mtime_ns, settled FROM runs")
        return {
            cast("RunId", run_id): (cast("Signature", tuple(seen)), bool(settled))
            for run_id, *seen, settled in found
        }

    def entries(self) -> list[Entry]:
        """Return every row as it is kept."""
        tags: dict[object, list[tuple[str, str]]] = {}
        for run, name, value in self.select("SELECT run, name, value FROM tags"):
            tags.setdefault(run, []).append((cast("str", name), cast("str", value)))
        return [
            Entry(
                cast("RunId", run_id),
                cast("Signature", tuple(rest[:3])),
                tuple(rest[3:]) if settled else (),
                tuple(tags.get(number, ())),
            )
            for number, run_id, settled, *rest in self.select("SELECT * FROM runs")
        ]

    def select(self, query: str, values: Sequence[object] = ()) -> Iterable[Sequence[object]]:
        """Return the rows that a query gives."""
        return cast("Iterable[Sequence[object]]", self._connection.execute(query, tuple(values)))

    # -- write

    def commit(self, known: Known, entries: Iterable[Entry], gone: Iterable[RunId], place: Place) -> bool:
        """Write down what was seen since `known`; False if somebody else has written meanwhile."""
        self.end()
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            if self._one("SELECT version FROM place") != (known.version,):
                return False
            for run_id in gone:
                self._remove(run_id)
                self._connection.execute("DELETE FROM snapshots WHERE run_id = ?", (run_id,))
            for each in entries:
                self._remove(each.run_id)
                insert(self._connection, each)
            write_place(self._connection, known.version + 1, place)
            self._connection.execute("COMMIT")
            return True
        finally:
            self.end()

    def remember(self, rows: Iterable[Sequence[object]]) -> None:
        """Replace what is known of runs that go on; nothing rests on it, so nobody else is disturbed."""
        rows = sorted(map(tuple, rows))
        if rows == [tuple(row) for row in self.select("SELECT * FROM live ORDER BY run_id")]:
            return
        self.end()
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.execute("DELETE FROM live")
            for row in rows:
                self._connection.execute(_LIVE, row)
            self._connection.execute("COMMIT")
        finally:
            self.end()

    def _remove(self, run_id: RunId) -> None:
        found = next(iter(self.select("SELECT id FROM runs WHERE run_id = ?", (run_id,))), None)
        if found is not None:
            self._connection.execute("DELETE FROM tags WHERE run = ?", tuple(found))
            self._connection.execute("DELETE FROM runs WHERE id = ?", tuple(found))

    def _one(self, query: str) -> tuple[object, ...]:
        found = next(iter(self.select(query)), None)
        if found is None:
            raise OSError(f"{self.path}: not an index")
        return tuple(found)


def insert(connection: sqlite.Connection, each: Entry) -> None:
    """Put a row in, with its tags."""
    values = (each.run_id, bool(each.columns), *each.signature, *(each.columns or _NOTHING))
    done = connection.execute(_INSERT, values)
    for name, value in each.tags:
        connection.execute("INSERT INTO tags VALUES (?, ?, ?, ?)", (done.lastrowid, name, value, each.status))


def write_place(connection: sqlite.Connection, grown: int, place: Place) -> None:
    """Write down up to where everything has been seen."""
    feed = place.feed or FeedPosition("", 0, 0)
    seen = (feed.feed_id, feed.segment, feed.offset, feed.before)
    connection.execute(_PLACE, (grown, place.boot, *seen, place.journals_ns, place.packs_ns))
