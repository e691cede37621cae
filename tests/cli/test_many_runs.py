"""Verbs for everything that matches an expression: `stop`, `tag`, `note` with `--filter`."""

import pytest

from tests.cli.command import Runlore


@pytest.fixture
def several(runlore: Runlore) -> Runlore:
    """Three runs that have ended, two of them of one batch."""
    for name, batch in (("a", "7"), ("b", "7"), ("c", "8")):
        runlore.ok("run", "--name", name, "--tag", f"batch={batch}", "--", "true")
    return runlore


def tags(runlore: Runlore) -> dict[str, dict[str, str]]:
    """The tags of all runs, by name."""
    return {view["name"]: view["tags"] for view in runlore.ok("ls", "--json").json["items"]}


def test_all_that_match_are_tagged(several: Runlore) -> None:
    """And only those; the answer names each with the tags it has then."""
    done = several.ok("tag", "--filter", "tags.batch = 7", "old", "batch=70")

    assert sorted(line[10:] for line in done.lines) == ["batch=70 old", "batch=70 old"]
    assert tags(several) == {
        "a": {"batch": "70", "old": ""},
        "b": {"batch": "70", "old": ""},
        "c": {"batch": "8"},
    }


@pytest.mark.parametrize(
    "words",
    [["tag", "--filter", "tags.batch = 7", "old"], ["note", "--filter", "tags.batch = 7", "too", "old"]],
    ids=["tag", "note"],
)
def test_a_dry_run_names_them_and_changes_nothing(several: Runlore, words: list[str]) -> None:
    """In the order of the list, newest first."""
    before = [several.ok("history", name).stdout for name in "abc"]
    view = several.ok(*words, "--dry-run", "--json").json

    assert ([item["name"] for item in view["items"]], view["dry_run"]) == (["b", "a"], True)
    assert [line[10:] for line in several.ok(*words, "--dry-run").lines] == ["b", "a"]
    assert several.ok(*words, "--dry-run", "-q").lines == [item["run_id"] for item in view["items"]]
    assert [several.ok("history", name).stdout for name in "abc"] == before


def test_all_that_match_get_the_note(several: Runlore) -> None:
    """Also one from standard input, which is read once."""
    done = several.ok("note", "--filter", "name in ('a', 'b')", "-", stdin=b"the disk was full\n")

    assert [line[8:] for line in done.lines] == ["  noted", "  noted"]
    told = ["the disk was full" in several.ok("history", name).stdout for name in "abc"]
    assert told == [True, True, False]


def test_one_that_cannot_be_labelled_does_not_spare_the_others(several: Runlore) -> None:
    """It is named, the others are done, and the exit code is its own."""
    (run_id,) = (view["run_id"] for view in several.ok("ls", "--json").json["items"] if view["name"] == "b")
    several.ok("ls")
    journal = several.root / "journals" / f"{run_id}.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b"run.started", b"run.stirred"))
    done = several("tag", "--filter", "name in ('a', 'b', 'c')", "seen", code=65)

    assert run_id in done.stderr
    assert {name for name, found in tags(several).items() if "seen" in found} == {"a", "c"}


def test_all_that_match_and_go_on_are_stopped(several: Runlore) -> None:
    """Those that have ended are not meant; a dry run says which are."""
    several.ok("run", "-d", "--name", "d", "--tag", "batch=7", "--", "sleep", "60")
    several.ok("run", "-d", "--name", "e", "--", "sleep", "60")
    meant = several.ok("stop", "--filter", "tags.batch = 7", "--dry-run", "--json").json
    assert ([item["status"] for item in meant["items"]], meant["dry_run"]) == (["running"], True)
    stopped = several.ok("stop", "--filter", "tags.batch = 7", "--json").json

    assert [item["status"] for item in stopped["items"]] == ["cancelled"]
    statuses = {view["name"]: view["status"] for view in several.ok("ls", "--json").json["items"]}
    assert statuses == {**dict.fromkeys("abc", "succeeded"), "d": "cancelled", "e": "running"}
    assert "no run that goes on matches" in several("stop", "--filter", "tags.batch = 7", code=3).stderr
    several.ok("stop", "e")


@pytest.mark.parametrize("words", [["stop"], ["tag", "x"], ["note", "x"], ["wait"]], ids=lambda w: w[0])
def test_an_expression_that_matches_nothing_or_is_none(several: Runlore, words: list[str]) -> None:
    """Nothing is done: there is no such run, or the place of the mistake is shown."""
    verb, rest = words[0], words[1:]
    assert "matches" in several(verb, "--filter", "name = 'nobody'", *rest, code=3).stderr
    assert several(verb, "--filter", "name ==", *rest, code=2).stderr.startswith("error: ")


def test_ids_or_an_expression(several: Runlore) -> None:
    """Never both, nor neither."""
    assert "either IDs or --filter" in several("stop", "a", "--filter", "name = 'a'", code=2).stderr
    assert "which runs?" in several("stop", code=2).stderr
    assert "'K[=V]|K-...'" in several("tag", "--filter", "name = 'a'", code=2).stderr
    assert "'TEXT...'" in several("note", "a", code=2).stderr
    assert "'ID'" in several("tag", code=2).stderr


@pytest.mark.parametrize("verb", ["tag", "note"])
def test_an_id_beside_an_expression_is_refused(several: Runlore, verb: str) -> None:
    """In every form that names one run; it would be set as a tag, or noted, on all that match."""
    view = several.ok("show", "a", "--json").json
    before = [several.ok("history", name).stdout for name in "abc"]
    for selector in (view["run_id"], view["short_id"], view["short_id"].upper(), "a", "latest"):
        done = several(verb, selector, "--filter", "tags.batch = 7", "old", code=2)
        assert "either an ID or --filter" in done.stderr

    assert [several.ok("history", name).stdout for name in "abc"] == before


def test_a_word_that_only_begins_a_short_id_is_a_word(several: Runlore) -> None:
    """Otherwise there would be no word of few letters left in a registry of many runs."""
    beginning = several.ok("show", "c", "--json").json["short_id"][:3]
    several.ok("tag", "--filter", "tags.batch = 7", beginning)
    several.ok("tag", "--filter", "tags.batch = 7", "a=")

    assert [sorted(tags(several)[name]) for name in "abc"] == [
        *[sorted(["a", "batch", beginning])] * 2,
        ["batch"],
    ]


def test_a_note_is_read_only_if_it_is_wanted(several: Runlore) -> None:
    """Not for a bad expression, one that matches nothing, or a dry run; an empty one is refused once."""
    words = ["note", "--filter", "tags.batch = 7", "-"]
    dry = several.ok(*words, "--dry-run", stdin=b"")

    assert [line[10:] for line in dry.lines] == ["b", "a"]
    assert several(*words, code=2, stdin=b" \n").stderr.count("empty note") == 1
    assert "matches" in several("note", "--filter", "name = 'nobody'", "-", code=3, stdin=b"").stderr


@pytest.mark.parametrize("words", [["tag", "seen"], ["note", "seen"], ["stop"]], ids=lambda w: w[0])
def test_what_was_refused_is_in_the_answer(several: Runlore, words: list[str]) -> None:
    """With the run, the exit code and the reason; all others are done."""
    verb, rest = words[0], words[1:]
    for name in "de":
        several.ok("run", "-d", "--name", name, "--tag", "batch=9", "--", "sleep", "60")
    views = several.ok("ls", "--json").json["items"]
    (run_id,) = (view["run_id"] for view in views if view["name"] == "d")
    journal = several.root / "journals" / f"{run_id}.jsonl"
    whole = journal.read_bytes()
    journal.write_bytes(whole.replace(b"run.started", b"run.stirred"))
    several.ok("ls")
    done = several(verb, "--filter", "tags.batch = 9 or name = 'd'", *rest, "--json", code=65)
    journal.write_bytes(whole)

    assert [item["run_id"] for item in done.json["items"]] == [
        view["run_id"] for view in views if view["name"] == "e"
    ]
    (refused,) = done.json["refused"]
    assert (refused["run_id"], refused["exit_code"]) == (run_id, 65)
    assert refused["text"] in done.stderr
    several("stop", "d", "e")
