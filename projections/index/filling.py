"""Fill a new database file with rows: what is right for a million of them at once, and for nobody else.

Rows go in before their indexes are made, and in batches. The library asks an adapter about every value
that is neither text nor a number, which costs more than keeping it: so a NUL stands for "no value" on the
way in, which no text of a settled row has in it.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from runlore.projections.index import schema, sqlite, version
from runlore.projections.index.entry import Entry
from runlore.projections.index.store import write_place
from runlore.projections.index.survey import Place

BATCH: Final = 512
"""Rows that are kept until they go in together."""
_TOLD: Final = 17
"""Columns that only settled rows have."""
_NOTHING: Final = "\0"
_SETTLED: Final = f"INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?{', NULLIF(?, char(0))' * _TOLD})"
_UNSETTLED: Final = "INSERT INTO runs (id, run_id, settled, inode, size, mtime_ns) VALUES (?, ?, ?, ?, ?, ?)"
_TAGS: Final = "INSERT INTO tags VALUES (?, ?, ?, ?)"


def fill(path: str, entries: Iterable[Entry], place: Place) -> None:
    """Make a database file of these rows, which were looked at after `place`."""
    connection = sqlite.make(path)
    try:
        connection.executescript(schema.TABLES)
        connection.execute("BEGIN")
        for batch in _batches(entries):
            _insert(connection, batch)
        connection.execute("COMMIT")
        connection.executescript(schema.INDEXES)
        connection.executescript(schema.COUNT)
        write_place(connection, 1, place)
        connection.execute(f"PRAGMA user_version = {version.USER_VERSION}")
        connection.execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()


def _batches(entries: Iterable[Entry]) -> Iterator[list[tuple[int, Entry]]]:
    numbered = enumerate(entries, 1)
    while batch := list(islice(numbered, BATCH)):
        yield batch


def _insert(connection: sqlite.Connection, batch: list[tuple[int, Entry]]) -> None:
    settled = (
        (number, each.run_id, 1, *each.signature, *map(_bound, each.columns))
        for number, each in batch
        if each.columns
    )
    connection.executemany(_SETTLED, settled)
    unsettled = ((number, each.run_id, 0, *each.signature) for number, each in batch if not each.columns)
    connection.executemany(_UNSETTLED, unsettled)
    connection.executemany(
        _TAGS, ((number, *tag, each.status) for number, each in batch for tag in each.tags)
    )


def _bound(value: object) -> object:
    return _NOTHING if value is None else value
