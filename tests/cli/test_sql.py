"""`runlore sql`: four ways to write the rows."""

import csv
import json

import pytest

from tests.cli.command import Runlore

ODD = "SELECT 'a,\"' || char(10) AS x, x'00ff' AS b, 1.5 AS n, NULL AS none, 'größe' AS g"


@pytest.fixture
def asked(runlore: Runlore) -> Runlore:
    """A registry with a run."""
    runlore.ok("run", "--name", "good", "--", "true")
    return runlore


def test_rows_are_a_table_for_people(asked: Runlore) -> None:
    """Titles, numbers to the right, nothing that a terminal could obey."""
    assert asked.ok("sql", "SELECT name, count(*) AS runs FROM runs GROUP BY name").lines == [
        "NAME  RUNS",
        "good     1",
    ]
    assert asked.ok("sql", ODD).lines[1].split() == ['a,"\\n', "00ff", "1.5", "-", "größe"]
    assert asked.ok("sql", "SELECT * FROM tags").stdout == ""


def test_rows_are_data_for_programs(asked: Runlore) -> None:
    """As one object, as a line each, or as CSV; null is empty there."""
    row = {"x": 'a,"\n', "b": "00ff", "n": 1.5, "none": None, "g": "größe"}
    whole = asked.ok("sql", ODD, "--json").json

    assert whole == {"schema": "runlore.sql/1", "views": 1, "columns": list(row), "items": [row]}
    assert asked.ok("sql", ODD, "--format", "json").json == whole
    assert json.loads(asked.ok("sql", ODD, "--format", "jsonl").stdout) == row
    assert list(csv.reader(asked.ok("sql", ODD, "--format", "csv").lines)) == [
        list(row),
        ['a,"\\n', "00ff", "1.5", "", "größe"],
    ]


def test_columns_of_one_name_are_refused_where_names_are_keys(asked: Runlore) -> None:
    """One of them would be lost in silence; a table shows both."""
    assert asked.ok("sql", "SELECT 1 AS a, 2 AS a").lines == ["A  A", "1  2"]
    assert "two columns" in asked("sql", "SELECT 1 AS a, 2 AS a", "--json", code=2).stderr


def test_a_damaged_journal_is_said(asked: Runlore) -> None:
    """On standard error, with the command that tells more."""
    (path,) = (asked.root / "journals").glob("*.jsonl")
    path.write_bytes(path.read_bytes().replace(b'"seq":3', b'"seq":x'))

    assert "runlore verify" in asked.ok("sql", "SELECT count(*) FROM events").stderr
