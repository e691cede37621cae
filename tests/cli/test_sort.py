"""`ps` and `ls` in another order, page by page, and as a tree."""

import pytest

from tests.cli.command import COMMAND, Runlore


@pytest.fixture
def three(runlore: Runlore) -> Runlore:
    """A registry with three runs that ended."""
    for name, code in (("b", 3), ("c", 1), ("a", 2)):
        runlore("run", "--name", name, "--", "sh", "-c", f"exit {code}", code=code)
    return runlore


def names(runlore: Runlore, *words: str) -> list[str]:
    """Return the names in the order of a list."""
    return runlore.ok(*words, "--fields", "name").lines


@pytest.mark.parametrize("index", [True, False])
def test_runs_come_in_the_order_that_was_asked_for(three: Runlore, *, index: bool) -> None:
    """By a field of the index or by another one, both ways, with an index and without."""
    if not index:
        (three.root / "index").touch()
    assert names(three, "ls") == ["a", "c", "b"]
    assert names(three, "ls", "--sort", "exit_code") == ["c", "a", "b"]
    assert names(three, "ls", "--sort=-exit_code", "--limit", "2") == ["b", "a"]
    assert names(three, "ps", "--sort", "name") == ["a", "b", "c"]
    assert names(three, "ls", "--sort=status", "--sort", "-name") == ["c", "b", "a"]
    assert names(three, "ls", "--sort", "last_activity_at") == ["b", "c", "a"]


def test_pages_go_on_in_the_same_order(three: Runlore) -> None:
    """The command that is told for the next page has the order; another order is refused, and said."""
    first = three.ok("ls", "--sort=-exit_code", "--limit", "1", "--json").json
    told = three.ok("ls", "--sort=-exit_code", "--limit", "1").stderr
    assert f"runlore ls --sort=-exit_code --limit 1 --after-cursor {first['next']}" in told

    page = ("--limit", "1", "--after-cursor", first["next"])
    assert names(three, "ls", "--sort=-exit_code", *page) == ["a"]
    assert "sorted by '-exit_code'" in three("ls", *page, code=2).stderr
    assert "not by 'exit_code'" in three("ls", "--sort", "exit_code", *page, code=2).stderr
    plain = three.ok("ls", "--limit", "1", "--json").json["next"]
    assert "was not sorted" in three("ls", "--sort", "name", "--after-cursor", plain, code=2).stderr


def test_no_field_is_refused_with_the_nearest_one(runlore: Runlore) -> None:
    """Also where there is no registry yet."""
    assert "did you mean status?" in runlore("ps", "--sort", "stauts", code=2).stderr


def test_children_stand_under_their_parent(runlore: Runlore) -> None:
    """With --tree; a child whose parent is filtered out stands at the top, and data is as ever."""
    runlore.ok("run", "--name", "top", "--", COMMAND, "run", "--name", "child", "--", "true")
    runlore.ok("run", "--name", "other", "--", "true")
    only = runlore.ok("ls", "--tree", "--name", "child").lines[1:]
    for sign, env in (("└─", {}), ("`-", {"PYTHONIOENCODING": "ascii"})):
        lines = [line.split() for line in runlore.ok("ls", "--tree", "--sort", "created_at", env=env).lines]
        assert [line[1] if line[0] != sign else f"under: {line[2]}" for line in lines[1:]] == [
            "top",
            "under: child",
            "other",
        ]
    assert [line.split()[1] for line in only] == ["child"]
    assert names(runlore, "ls", "--tree") == names(runlore, "ls")
    plain = runlore.ok("ls", "--json").json["items"]
    assert runlore.ok("ls", "--tree", "--json").json["items"] == plain
