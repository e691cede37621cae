"""Questions in SQL: what the views hold, and that nothing else can be reached."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runlore.journal import machine
from runlore.journal.disk import REAL
from runlore.journal.errors import BadInput, NotFound
from runlore.journal.events import ArtifactCollected, RunProgressed
from runlore.journal.layout import Layout
from runlore.journal.values import RunId
from runlore.journal.writer import Draft, Writer
from runlore.projections.encoding import encode_view
from runlore.projections.index import schema, sql_views
from runlore.runtimes.owner_lock import OwnerLock
from runlore.runtimes.registry import Registry
from runlore.runtimes.sql import asked
from tests.doubles.drafts import booting, collecting, failed, new_run_id, queued, started, tagged
from tests.journal.journals import ended_run, registry

GOOD, BAD, LIVE = new_run_id(1), new_run_id(2), new_run_id(3)


@pytest.fixture(params=["indexed", "folded"])
def layout(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Layout]:
    """A registry with two ended runs and a live one; with an index, and where there can be none."""
    layout = registry(tmp_path / "registry")
    ended_run(layout, GOOD)
    begin(
        layout,
        BAD,
        progressed(0.5),
        progressed(0.25),
        artifact(),
        collecting(),
        failed(),
        tagged("env", "prod"),
    )
    lock = OwnerLock.create(REAL, layout, LIVE)
    begin(layout, LIVE, tagged("env", "test"))
    if request.param == "folded":
        Path(layout.index).touch()
    yield layout
    lock.release()


def begin(layout: Layout, run_id: RunId, *drafts: Draft) -> None:
    """Let a run live so far."""
    writer = Writer.create(REAL, layout, run_id, queued(run_id, name="größe", boot_id=machine.boot_id()))
    for draft in (booting(), started(), *drafts):
        writer.append(draft)
    writer.close()


def progressed(loss: float) -> Draft:
    """Draft a metric."""
    return lambda seq, at: RunProgressed(seq=seq, at=at, metrics={"loss": loss, "accuracy": 1 - loss})


def artifact() -> Draft:
    """Draft an output."""
    return lambda seq, at: ArtifactCollected(seq=seq, at=at, path="out/a.csv", sha256="ab" * 32, bytes=7)


def ask(layout: Layout, question: str) -> list[tuple[object, ...]]:
    """Return the rows of an answer."""
    with asked(REAL, layout, question) as answer:
        return list(answer.rows)


def test_runs_are_told_as_ls_tells_them(layout: Layout) -> None:
    """Every column is the field of that name in the view of the run, live or ended."""
    with asked(REAL, layout, "SELECT * FROM runs ORDER BY created_at DESC, run_id DESC") as answer:
        rows = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
    views: list[Any] = [json.loads(encode_view(view)) for view in Registry(layout).runs()]

    assert [row["run_id"] for row in rows] == [view["run_id"] for view in views]
    for row, view in zip(rows, views, strict=True):
        view["reason"] = view["reason"] and view["reason"]["code"]
        assert (row.pop("external_id"), bool(row.pop("provisional"))) == (None, view["provisional"])
        for name in ("created_at", "started_at", "ended_at"):
            row[name] = row[name] and str(row[name]).replace(".000000Z", "Z")
        if view["ended_at"] is None:
            view["duration_s"] = None
        assert row == {name: view[name] for name in row}
    assert {row["health"] for row in rows} == {"live", None}


@pytest.mark.parametrize(
    ("question", "rows"),
    [
        (
            "SELECT status, count(*) FROM runs GROUP BY 1 ORDER BY 1",
            [("failed", 1), ("running", 1), ("succeeded", 1)],
        ),
        ("SELECT run_id, value FROM tags WHERE name = 'env' ORDER BY value", [(BAD, "prod"), (LIVE, "test")]),
        ("SELECT seq, value FROM metrics WHERE name = 'loss' ORDER BY seq", [(4, 0.5), (5, 0.25)]),
        ("SELECT path, outcome, bytes FROM artifacts", [("out/a.csv", "stored", 7)]),
        ("SELECT count(*) FROM events", [(21,)]),
        ("SELECT seq FROM events WHERE type = 'run.tagged' ORDER BY run_id", [(10,), (4,)]),
        ("SELECT event ->> 'exit_code' FROM events WHERE type = 'run.failed'", [(1,)]),
        (
            "SELECT j.key FROM events, json_each(event, '$.tags') AS j WHERE events.type = 'run.tagged'",
            [("env",)] * 2,
        ),
        ("SELECT name FROM runs JOIN metrics USING (run_id, name)", []),
        ("WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT sum(i) FROM n", [(6,)]),
        ("SELECT 1 WHERE NOT EXISTS (SELECT * FROM runs WHERE name = 'größe' AND status = 'queued')", [(1,)]),
        ("SELECT count(*) FROM runs", [(3,)]),
        ("SELECT count(*) FROM tags", [(2,)]),
        ("SELECT count(*) FROM temp.runs, tags", [(6,)]),
        ("SELECT EXISTS (SELECT 1 FROM runs)", [(1,)]),
        ("WITH kinds_of AS (SELECT DISTINCT status FROM runs) SELECT count(*) FROM kinds_of", [(3,)]),
        (
            "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT count(*) FROM n",
            [(3,)],
        ),
        ("SELECT Status FROM Runs JOIN TAGS USING (run_id) WHERE VALUE = 'prod'", [("failed",)]),
        ("SELECT count(*) FROM EVENTS", [(21,)]),
    ],
)
def test_an_answer_covers_all_runs(layout: Layout, question: str, rows: list[tuple[object, ...]]) -> None:
    """Settled ones and live ones, with and without an index."""
    assert ask(layout, question) == rows


@pytest.mark.parametrize(
    ("question", "why"),
    [
        ("", "no question"),
        ("-- nothing", "no question"),
        ("SELEC 1", "no question"),
        ("SELECT FROM", "syntax error"),
        ("/* */ -- SELECT\nDELETE FROM runs", "no question"),
        ("EXPLAIN SELECT 1", "no question"),
        ("SELECT nope FROM runs", "no such column: nope"),
        ("SELECT 1; SELECT 2", "one statement"),
        ("SELECT '\ud800'", "surrogates|encode"),
        ("SELECT '\0'", "null|unrecognized|incomplete"),
        ("DELETE FROM runs", "no question"),
        ("INSERT INTO read_events VALUES (1, 2, 3, 4, 5)", "no question"),
        ("CREATE TABLE mine (x)", "no question"),
        ("DROP VIEW runs", "no question"),
        ("SELECT * FROM main.runs", "only reads runs, tags, events, metrics, artifacts|no such table"),
        ("SELECT * FROM main.place", "prohibited"),
        ("SELECT * FROM looked", "prohibited"),
        ("SELECT * FROM read_events", "prohibited"),
        ("SELECT * FROM sqlite_master", "prohibited"),
        ("PRAGMA user_version = 7", "no question"),
        ("SELECT * FROM pragma_table_info('runs')", "not authorized"),
        ("ATTACH '/etc/passwd' AS other", "no question"),
        ("VACUUM INTO '/tmp/copy'", "no question"),
        ("WITH x AS (SELECT 1) DELETE FROM runs", "view|not authorized"),
        ("WITH x AS (SELECT 1) DELETE FROM looked", "not authorized"),
        ("WITH x AS (SELECT 1) INSERT INTO read_events SELECT 1, 2, 3, 4, 5", "not authorized"),
        ("SELECT load_extension('evil')", "not authorized"),
        ("SELECT count(*) FROM main.runs", "not authorized|no such table"),
        ("SELECT count(*) FROM SQLite_Master", "not authorized"),
        ("COMMIT", "no question"),
    ],
)
def test_nothing_but_questions_about_the_views(layout: Layout, question: str, why: str) -> None:
    """All else is bad input, and changes nothing."""
    before = ask(layout, "SELECT * FROM runs")

    with pytest.raises(BadInput, match=why):
        ask(layout, question)
    assert ask(layout, "SELECT * FROM runs") == before


def test_rows_of_no_other_table_are_counted() -> None:
    """Those of the index and those beside it are not shown, however they are spelled."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(schema.TABLES)
    for statement in sql_views.SETUP:
        connection.execute(statement)
    tables = {
        name
        for master in ("sqlite_master", "sqlite_temp_master")
        for (name,) in connection.execute(f"SELECT name FROM {master} WHERE type = 'table'")
    }
    connection.set_authorizer(lambda *asked: int(not sql_views.is_allowed(*asked)))

    for name in tables - {*sql_views.VIEWS, *sql_views.READ}:
        with pytest.raises(sqlite3.DatabaseError, match="not authorized"):
            connection.execute(f"SELECT count(*) FROM {name.upper()}")
    assert {"kinds", "looked"} <= tables


def test_a_damaged_journal_is_told(layout: Layout) -> None:
    """What stands before the damage is there; that there is some is not dropped in silence."""
    path = Path(layout.journal(GOOD))
    path.write_bytes(path.read_bytes().replace(b'"seq":3', b'"seq":x'))

    with asked(REAL, layout, f"SELECT seq FROM events WHERE run_id = '{GOOD}'") as answer:
        assert list(answer.rows) == [(1,), (2,)]
        assert answer.unread == 1


def test_an_error_in_the_middle_of_the_rows_is_one(layout: Layout) -> None:
    """Rows that came are no whole answer."""
    with pytest.raises(BadInput, match="integer overflow"):
        ask(layout, "SELECT abs(-9223372036854775807 - (status = 'failed')) FROM runs ORDER BY run_id")


def test_without_a_registry_there_is_nobody_to_ask(tmp_path: Path) -> None:
    """It is not made by looking."""
    with pytest.raises(NotFound):
        ask(Layout(str(tmp_path / "none")), "SELECT 1")
    shutil.rmtree(tmp_path)


def test_python_asks_the_same(layout: Layout) -> None:
    """Names of columns, rows as tuples or by names, values as SQLite has them."""
    found = Registry(layout).sql("SELECT status, count(*) AS runs FROM runs GROUP BY 1 ORDER BY 1")

    assert found.columns == ["status", "runs"]
    assert list(found) == [("failed", 1), ("running", 1), ("succeeded", 1)]
    assert (len(found), found.unread) == (3, 0)
    assert found.dicts()[0] == {"status": "failed", "runs": 1}
    assert list(Registry(layout).sql("SELECT x'00ff', NULL, 1.5")) == [(b"\x00\xff", None, 1.5)]


@pytest.mark.parametrize(
    "question", ["", "delete from runs", "SELECT * FROM main.runs", "SELECT nothing", "SELECT 1; SELECT 2"]
)
def test_python_is_refused_as_the_command_line_is(layout: Layout, question: str) -> None:
    """With the same words."""
    with pytest.raises(BadInput) as told:
        Registry(layout).sql(question)
    with pytest.raises(BadInput) as same:
        ask(layout, question)
    assert str(told.value) == str(same.value)


def test_two_columns_of_one_name_are_no_keys(layout: Layout) -> None:
    """Tuples hold both; by names one would be lost."""
    found = Registry(layout).sql("SELECT 1 AS a, 2 AS a")

    assert found.rows == [(1, 2)]
    with pytest.raises(BadInput, match="two columns"):
        found.dicts()


def test_python_is_warned_about_damage(layout: Layout) -> None:
    """What could not be read is counted, and said."""
    path = Path(layout.journal(BAD))
    path.write_bytes(path.read_bytes().replace(b'"seq":3', b'"seq":x'))

    with pytest.warns(UserWarning, match="1 of the journals"):
        assert Registry(layout).sql("SELECT count(*) FROM events").unread == 1
