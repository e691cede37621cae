"""Answer a question in SQL about the runs of a registry: read-only, over the views of `sql_views`.

Settled runs come from the index, all others are looked at now, and the events are read from the journals
if the question is about them. Where there is no index every run is looked at.
"""

import re
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Final, NoReturn, cast

from msgspec import Struct

from runlore.journal import codec
from runlore.journal.disk import Disk
from runlore.journal.errors import BadInput, JournalIO, NotFound
from runlore.journal.event_chunks import EventChunks
from runlore.journal.events import AnyEvent, ArtifactCollected, RunProgressed, tag_of
from runlore.journal.journal_ids import journal_ids
from runlore.journal.layout import Layout
from runlore.journal.values import RunId
from runlore.projections.index import schema, sql_views, sqlite
from runlore.projections.index.reading import reading
from runlore.projections.index.times import microseconds
from runlore.runtimes.listing import Found, Listing
from runlore.runtimes.observe import Observer

Row = tuple[object, ...]
_OURS: Final = frozenset({7, 10, 11, 13, 14, 26})
"""NOMEM, IOERR, CORRUPT, FULL, CANTOPEN, NOTADB: nothing is wrong with the question."""
_BEGINS: Final = re.compile(r"(\s|--[^\n]*\n|/\*.*?\*/)*(select|with|values)\b", re.IGNORECASE | re.DOTALL)
"""The authorizer is not asked about a VACUUM, which could write a file."""
_INSERT: Final = "INSERT INTO {table} VALUES ({values})"


class Answer(Struct, frozen=True, kw_only=True):
    """What came: names of columns, and rows that are read while they are taken."""

    columns: list[str]
    rows: Iterator[Row]
    unread: int
    """Journals whose events could be read only up to some damage."""

    def named(self) -> list[str]:
        """Return the names of the columns, each of them once.

        Raises:
            BadInput: two have the same one, so that a row by names would lose a value.
        """
        return _named(self.columns)


class SqlRows(Struct, frozen=True, kw_only=True):
    """What came, wholly: as many values in each row as there are columns."""

    columns: list[str]
    rows: list[Row]
    unread: int = 0
    """Journals whose events could be read only up to some damage."""

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def dicts(self) -> list[dict[str, object]]:
        """Return the rows by the names of the columns.

        Raises:
            BadInput: two columns have the same name.
        """
        names = _named(self.columns)
        return [dict(zip(names, row, strict=True)) for row in self.rows]


def rows_of(disk: Disk, layout: Layout, question: str) -> SqlRows:
    """Return all that a SELECT says.

    Raises:
        As `asked` does.
    """
    with asked(disk, layout, question) as answer:
        return SqlRows(columns=answer.columns, rows=list(answer.rows), unread=answer.unread)


def _named(columns: list[str]) -> list[str]:
    for name in columns:
        if columns.count(name) > 1:
            raise BadInput(f"sql: two columns are called {name[:40]!a}; name one of them with AS")
    return columns


@contextmanager
def asked(disk: Disk, layout: Layout, question: str) -> Generator[Answer]:
    """Give what a SELECT says; it holds while this context does.

    Raises:
        BadInput: it is no question, or about something else than the views. NotFound: there is no registry.
        JournalIO: the disk refused, or the index is damaged.
    """
    listing = Listing(disk, layout, Observer(disk, layout))
    if not _BEGINS.match(question):
        raise BadInput("sql: no question; one begins with SELECT, WITH or VALUES")
    with reading(disk, layout) as index:
        connection = sqlite.in_memory(schema.TABLES) if index is None else index.connection
        try:
            run_ids = journal_ids(disk, layout) if index is None else index.unsettled
            yield _Asking(disk, layout, connection).answer(question, listing.all(run_ids))
        finally:
            if index is None:
                connection.close()


class _Asking:
    """One question, on a connection that has the tables of the index."""

    def __init__(self, disk: Disk, layout: Layout, connection: sqlite.Connection) -> None:
        self._disk, self._layout, self._connection = disk, layout, connection
        self._needed: set[str] = set()
        self._unread = 0

    def answer(self, question: str, looked: Sequence[Found]) -> Answer:
        """Return what comes; see `asked`."""
        for statement in sql_views.SETUP:
            self._connection.execute(statement)
        self._insert("looked", map(_run, looked))
        tags = ((run.run_id, *tag) for run in looked for tag in run.tags.items())
        self._insert("looked_tags", tags)
        self._run(f"EXPLAIN {question}")  # says which tables it needs, and what is wrong with it
        if self._needed:
            self._connection.set_authorizer(None)
            self._read([run.run_id for run in looked])
        cursor = self._run(question)
        columns = [str(column[0]) for column in cursor.description or ()]
        return Answer(columns=columns, rows=self._rows(cursor), unread=self._unread)

    def _run(self, statement: str) -> sqlite.Cursor:
        self._connection.set_authorizer(self._authorized)
        try:
            return self._connection.execute(statement)
        except (*sqlite.Refused, ValueError) as error:
            _refuse(error)

    def _rows(self, cursor: sqlite.Cursor) -> Iterator[Row]:
        try:
            for row in cursor:
                yield tuple(row)
        except sqlite.Refused as error:
            _refuse(error)

    def _authorized(
        self, action: int, first: str | None, second: str | None, database: str | None, source: str | None
    ) -> int:
        """Return 0 for what a question may do, 1 for all else, as SQLite wants it."""
        allowed = sql_views.is_allowed(action, first, second, database, source)
        table = sql_views.folded(first)
        if allowed and table in sql_views.READ:
            self._needed.add(table)
        return 0 if allowed else 1

    def _read(self, looked: list[RunId]) -> None:
        """Fill the tables that come from events."""
        known = self._connection.execute("SELECT run_id FROM main.runs WHERE settled = 1").fetchall()
        for run_id in sorted({*(cast("RunId", run_id) for (run_id,) in known), *looked}):
            chunks = EventChunks.of(self._disk, self._layout, run_id)
            try:
                for events in chunks:
                    self._keep(run_id, events)
            except NotFound:
                continue  # removed meanwhile
            except JournalIO:
                self._unread += 1
            else:
                self._unread += chunks.stopped == "damaged"

    def _keep(self, run_id: RunId, events: Sequence[AnyEvent]) -> None:
        if "read_events" in self._needed:
            self._insert("read_events", (_event(run_id, each) for each in events))
        if "read_metrics" in self._needed:
            self._insert("read_metrics", (row for each in events for row in _metrics(run_id, each)))
        if "read_artifacts" in self._needed:
            found = (each for each in events if isinstance(each, ArtifactCollected))
            self._insert("read_artifacts", (_artifact(run_id, each) for each in found))

    def _insert(self, table: str, rows: Iterable[Row]) -> None:
        for row in rows:
            values = ", ".join("?" * len(row))
            self._connection.execute(_INSERT.format(table=table, values=values), row)


def _run(found: Found) -> Row:
    view, external = found.view(found.row.state.reached_at), found.row.state.origin
    return (
        view.run_id,
        view.short_id,
        view.name,
        view.key,
        (external.external_id or None) if external else None,
        view.status,
        view.exit_code,
        view.signal,
        view.reason.code if view.reason else None,
        *(
            None if at is None else microseconds(at)
            for at in (view.created_at, view.started_at, view.ended_at)
        ),
        view.duration_s if view.ended_at else None,
        view.command,
        view.runtime,
        view.parent,
        view.journal_head,
        view.health,
        view.provisional,
    )


def _event(run_id: RunId, event: AnyEvent) -> Row:
    return run_id, event.seq, _time(event.at), tag_of(event), codec.encode(event).decode()


def _metrics(run_id: RunId, event: AnyEvent) -> Iterator[Row]:
    if isinstance(event, RunProgressed):
        for name, value in event.metrics.items():
            yield run_id, event.seq, _time(event.at), name, value


def _artifact(run_id: RunId, event: ArtifactCollected) -> Row:
    texts = (event.media_type or None, event.kind or None, event.reason or None)
    return run_id, event.path, event.outcome, event.sha256, event.bytes, *texts


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond:06d}Z"


def _refuse(error: BaseException) -> NoReturn:
    """Say what is wrong with a question, or with what it was asked of."""
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in _OURS:
        raise JournalIO(f"sql: {error}; if it says so again, try `runlore index rebuild`") from error
    told = str(error)
    if "not authorized" in told or "prohibited" in told:
        told = f"{told}: a question only reads {', '.join(sql_views.VIEWS)}"
    raise BadInput(f"sql: {told}") from error
