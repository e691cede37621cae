"""`runlore index`: what it tells, what it finds, what it makes."""

import sqlite3
from pathlib import Path

import pytest

from tests.cli.command import Runlore


@pytest.fixture
def listed(runlore: Runlore) -> Runlore:
    """A registry of two ended runs that was listed once."""
    runlore.ok("run", "--name", "good", "--tag", "env=prod", "--", "true")
    runlore("run", "--name", "bad", "--", "false")
    runlore.ok("ls", "-q")
    return runlore


def database(runlore: Runlore) -> Path:
    """The database file in use."""
    name = (runlore.root / "index/current").read_text().strip()
    return runlore.root / "index" / name / "runs.sqlite"


def test_an_index_tells_how_it_is(listed: Runlore) -> None:
    """Ready, and how many runs it spares a look at."""
    view = listed.ok("index", "info", "--json").json

    assert (view["state"], view["items"]) == ("ready", [])
    assert view["settled"] == 2
    assert view["bytes"] > 0
    assert "found by it" in listed.ok("index", "info").stdout


def test_a_sound_index_is_right_in_every_row(listed: Runlore) -> None:
    """A fresh fold of each journal gives the same row."""
    assert listed.ok("index", "verify").lines[0] == "every row is right"


def test_a_wrong_row_is_found_and_mended_by_a_rebuild(listed: Runlore) -> None:
    """`verify` names it and exits with 65; `rebuild` makes all rows anew, in another file."""
    before = database(listed)
    with sqlite3.connect(before) as connection:
        connection.execute("UPDATE runs SET name = 'forged' WHERE id = 1")
    connection.close()
    found = listed("index", "verify", "--json", code=65).json

    assert [each["detail"] for each in found["items"]] == ["its row is not what its journal says"]
    listed.ok("index", "rebuild")
    assert listed.ok("index", "verify").lines[0] == "every row is right"
    assert database(listed) != before
    assert not before.exists()


def test_without_an_index_there_is_nothing_to_prove(listed: Runlore) -> None:
    """It says what makes one; any listing does as well."""
    (listed.root / "index/current").unlink()

    assert listed.ok("index", "info", "--json").json["state"] == "missing"
    assert "runlore index rebuild" in listed("index", "verify", code=74).stderr
    listed.ok("ls")
    assert listed.ok("index", "info", "--json").json["state"] == "ready"


def test_an_index_of_a_newer_release_is_left_alone(listed: Runlore) -> None:
    """Listings fold the journals, and the newer release finds its index as it was."""
    with sqlite3.connect(database(listed)) as connection:
        connection.execute("PRAGMA user_version = 999999")
    connection.close()
    kept = database(listed)

    assert listed.ok("ls", "-q").lines
    assert listed.ok("index", "info", "--json").json["state"] == "newer"
    assert database(listed) == kept


@pytest.mark.parametrize(
    "words", [["ls"], ["ps"], ["ls", "--status", "failed", "--limit", "1"]], ids=" ".join
)
def test_answers_are_the_same_without_an_index(listed: Runlore, words: list[str]) -> None:
    """But for the moment of looking; no index can be made where a file is in its place."""
    with_index = listed.ok(*words, "--json").json
    (listed.root / "index").rename(listed.home / "index")
    (listed.root / "index").touch()
    without = listed.ok(*words, "--json").json

    assert {**with_index, "as_of": None} == {**without, "as_of": None}


def test_a_rebuild_in_several_processes(listed: Runlore) -> None:
    """`--jobs` says in how many; other actions have no use for it."""
    before = database(listed)
    listed.ok("index", "rebuild", "--jobs", "2")
    assert database(listed) != before
    assert listed.ok("index", "verify").lines[0] == "every row is right"
    assert "--jobs is for" in listed("index", "verify", "--jobs", "2", code=2).stderr
    assert "--jobs" in listed("index", "rebuild", "--jobs", "0", code=2).stderr
