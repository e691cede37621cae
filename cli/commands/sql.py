"""`runlore sql`: ask about runs in SQL, read-only."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, Literal

import click

from runlore.cli import phrases
from runlore.cli.options import verb
from runlore.cli.session import Session
from runlore.cli.table import Cell, Column, render
from runlore.journal.disk import REAL
from runlore.projections.index.sql_views import VERSION
from runlore.projections.index_views import SqlView
from runlore.projections.printable import printable
from runlore.runtimes.sql import Answer, asked

if TYPE_CHECKING:
    from runlore.cli.output import Output

Form = Literal["table", "json", "csv", "jsonl"]
Value = str | int | float | None
_SPECIAL: Final = frozenset(',"\r\n')


@verb(
    "sql",
    "runlore sql 'select status, count(*) as runs from runs group by status'",
    "runlore sql 'select name, avg(duration_s) as mean_s from runs group by name' --format csv",
    "runlore sql \"select run_id, value from metrics where name = 'loss' order by seq\" --format jsonl",
)
@click.argument("question", metavar="QUERY")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv", "jsonl"]),
    help="How to write the rows; a table, unless --json is given.",
)
def sql(session: Session, *, question: str, form: Form | None) -> None:
    """Ask about runs in SQL: SELECT from the views runs, tags, events, metrics, artifacts.

    Nothing can be written. Runs that go on are looked at first. events, metrics and artifacts are read
    from the journals if the question names them, from all of them: that takes a while where there are many.
    """
    output = session.output
    if form == "json":
        output.json = True
    with asked(REAL, session.reading(), question) as answer:
        if form in {"csv", "jsonl"} and not output.json:
            _stream(output, answer, as_csv=form == "csv")
        else:
            _whole(output, answer)
        unread = answer.unread
    if unread:
        output.warn(
            f"{phrases.counted(unread, 'journal')} could not be read to the end; see `runlore verify`"
        )


def _whole(output: "Output", answer: Answer) -> None:
    columns = answer.named() if output.json or output.fields else answer.columns
    rows = [[_plain(value) for value in row] for row in answer.rows]
    items = [dict(zip(columns, row, strict=True)) for row in rows]
    view = SqlView(views=VERSION, columns=columns, items=items)
    ids = (_shown(row[0]) for row in rows)
    output.answer(view, lambda: _table(output, columns, rows), ids)


def _stream(output: "Output", answer: Answer, *, as_csv: bool) -> None:
    """Write row after row, as they come."""
    columns = answer.columns if as_csv else answer.named()
    if as_csv:
        output.line(",".join(map(_quoted, columns)))
    for row in answer.rows:
        values = [_plain(value) for value in row]
        if as_csv:
            output.line(",".join(_quoted(_shown(value)) for value in values))
            output.flush(live=False)
        else:
            output.record(dict(zip(columns, values, strict=True)), live=False)
    output.flush()


def _table(output: "Output", columns: Sequence[str], rows: Sequence[Sequence[Value]]) -> Iterator[str]:
    if rows:
        numbers = [all(isinstance(row[at], int | float | None) for row in rows) for at in range(len(columns))]
        yield from render(
            [
                Column(output.text(title).upper(), right=right, shrinks=not right)
                for title, right in zip(columns, numbers, strict=True)
            ],
            [[Cell(output.text(_shown(value))) for value in row] for row in rows],
            limit=output.width,
            ellipsis=output.ellipsis,
            header=output.tint("bold"),
        )


def _plain(value: object) -> Value:
    """Return a value as JSON can have it."""
    if isinstance(value, bytes):
        return value.hex()
    return value if isinstance(value, str | int | float) else None


def _shown(value: Value) -> str:
    return "" if value is None else printable(str(value))


def _quoted(text: str) -> str:
    """Return a field of RFC 4180."""
    shown = printable(text)
    return '"' + shown.replace('"', '""') + '"' if _SPECIAL.intersection(shown) else shown
