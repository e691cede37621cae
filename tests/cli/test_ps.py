"""`runlore ps` and `runlore ls`: what is shown, in which order, and what is said about the rest."""

from pathlib import Path

import pytest

from tests.cli.command import Runlore


def test_an_empty_registry_is_named(runlore: Runlore) -> None:
    """Whoever expected runs sees where they were looked for; stdout stays empty."""
    runlore.ok("init")
    done = runlore.ok("ps")

    assert done.stdout == ""
    assert done.stderr == f"no runs in {runlore.root}\n"


def test_before_the_first_run_there_is_simply_nothing(runlore: Runlore) -> None:
    """The user's own registry need not exist to be listed, and listing does not make it."""
    done = runlore.ok("ps", env={"RUNLORE_ROOT": None})

    place = f"{runlore.home}/.local/share/runlore"
    assert (done.stdout, done.stderr) == (
        "",
        f"no runs in {place}: no registry there yet; `runlore run CMD…` makes one\n",
    )
    assert not (runlore.home / ".local").exists()


@pytest.mark.parametrize("listing", ["ps", "ls"])
@pytest.mark.parametrize("there", [False, True], ids=["missing", "another folder"])
def test_a_root_that_is_not_there_yet_is_an_empty_list(
    runlore: Runlore, tmp_path: Path, listing: str, *, there: bool
) -> None:
    """It exits with 0 and says which root was read, so a typing error shows; programs get an empty list."""
    place = tmp_path / "there" if there else tmp_path / "not/there"
    if there:
        place.mkdir()
    done = runlore.ok("--root", str(place), listing)
    answer = runlore.ok("--root", str(place), listing, "--json").json

    assert done.stdout == ""
    assert done.stderr.startswith(f"no runs in {place}: no registry there yet")
    assert (answer["items"], answer["counts"], answer["truncated"]) == ([], {}, False)
    assert runlore.ok("--root", str(place), listing, "-q").stdout == ""
    assert "no status" in runlore("--root", str(place), listing, "--status", "odd", code=2).stderr
    assert not there or not list(place.iterdir())


def test_what_asks_for_a_run_or_for_proof_needs_a_registry(runlore: Runlore, tmp_path: Path) -> None:
    """Nothing to show is not found, and nothing to verify proves nothing."""
    root = str(tmp_path / "typo")

    for words in (
        ["show", "latest"],
        ["logs"],
        ["wait"],
        ["verify"],
        ["verify", "--all"],
        ["heads"],
        ["reconcile"],
    ):
        assert f"no registry at {root}" in runlore("--root", root, *words, code=3).stderr


def test_a_root_that_cannot_be_one_is_no_empty_list(runlore: Runlore, tmp_path: Path) -> None:
    """A file in its place, or a registry without its journals: what ran there cannot be told."""
    (tmp_path / "file").touch()
    runlore.ok("init")
    (runlore.root / "journals").rmdir()

    assert "is a folder" in runlore("--root", str(tmp_path / "file"), "ps", code=3).stderr
    assert "journals is gone" in runlore("ps", code=3).stderr


def test_the_live_ones_and_the_last_five_that_ended_are_shown(runlore: Runlore) -> None:
    """The default answers "what goes on"; what is left out is counted, with the command that shows it."""
    live = runlore.begin("--name", "long", "sleep", "60")
    for number in range(7):
        runlore.ok("run", "-q", "--name", f"n{number}", "true")
    done = runlore.ok("ps")

    assert [line.split()[1] for line in done.lines] == ["NAME", "n6", "n5", "n4", "n3", "n2", "long"]
    assert done.stderr == "6 of 8 runs; more: `runlore ls`\n"
    assert runlore.ok("ps", "-q").lines[-1] == live
    assert len(runlore.ok("ls", "-q").lines) == len(runlore.ok("ps", "-a", "-q").lines) == 8


def test_a_row_tells_the_essentials(ended: Runlore) -> None:
    """Id, name, how it ended, since when, how long, what; an empty cell is a dash."""
    rows = {line.split()[1]: line for line in ended.ok("ls").lines}

    assert rows["NAME"].split() == ["ID", "NAME", "STATUS", "STARTED", "TOOK", "TAGS", "COMMAND"]
    assert "failed (3)" in rows["bad"]
    assert "failed (SIGKILL)" in rows["killed"]
    assert "timed out" in rows["late"]
    assert "failed (not started)" in rows["missing"]
    assert " -  " in rows["missing"]
    assert "env=test" in rows["bad"]
    assert rows["killed"].endswith("sh -c 'kill -9 $$'")


def test_newest_come_first(ended: Runlore) -> None:
    """Also among runs of the same second."""
    ids = [item["created_at"] for item in ended.ok("ls", "--json").json["items"]]

    assert ids == sorted(ids, reverse=True)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["--status", "failed"], ["missing", "killed", "bad"]),
        (["--status", "failed,timed_out"], ["missing", "late", "killed", "bad"]),
        (["--status", "succeeded", "--status", "timed-out"], ["good", "late", "good"]),
        (["--name", "good"], ["good", "good"]),
        (["--tag", "env=test"], ["bad"]),
        (["--tag", "env"], ["bad", "good"]),
        (["--tag", "env", "--tag", "kept"], ["good"]),
        (["--since", "1h", "--status", "timed_out"], ["late"]),
        (["--until", "1h"], []),
        (["--since", "2020-01-01", "--until", "2020-01-02"], []),
        (["--status", "failed", "--limit", "2"], ["missing", "killed"]),
    ],
    ids=" ".join,
)
def test_filters_choose_before_the_limit_cuts(ended: Runlore, words: list[str], names: list[str]) -> None:
    """Filters combine, apply to all runs, and a limit counts only what matches."""
    assert [item["name"] for item in ended.ok("ps", "--json", *words).json["items"]] == names


def test_nothing_that_matches_is_said(ended: Runlore) -> None:
    """An empty answer to a filter names the registry that was asked."""
    done = ended.ok("ls", "--name", "nobody")

    assert (done.stdout, done.stderr) == ("", f"no run matches in {ended.root}\n")


@pytest.mark.parametrize(
    "words",
    [
        ["--status", "finished"],
        ["--since", "yesterday"],
        ["--limit", "0"],
        ["--limit", "-1"],
        ["--limit", "NaN"],
        ["--limit", "99999999999999999999x"],
        ["--tag", "=x"],
        ["--after-cursor", "junk"],
        ["--after-cursor", ""],
        ["--name", ""],
        ["--fields", "nope"],
        ["extra"],
    ],
    ids=" ".join,
)
def test_a_filter_that_is_none_is_refused(ended: Runlore, words: list[str]) -> None:
    """A typing error never silently widens the answer."""
    done = ended("ls", *words, code=2)

    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_pages_neither_repeat_nor_skip(ended: Runlore) -> None:
    """Following the command that each page names visits every run once."""
    seen: list[str] = []
    words = ["ls", "--limit", "2", "-q"]
    while True:
        seen += ended.ok(*words).lines
        page = ended.ok(*words[:-1], "--json").json
        if not page["truncated"]:
            break
        words = ["ls", "--limit", "2", "--after-cursor", page["next"], "-q"]

    assert seen == ended.ok("ls", "-q").lines


def test_the_next_page_is_a_command_to_copy(ended: Runlore) -> None:
    """What stderr names can be pasted into a shell, with the same filters."""
    first = ended.ok("ls", "--limit", "1", "--status", "failed")
    command = first.stderr.split("`")[1]
    second = ended.shell(command)

    assert "1 of 3 runs; more: " in first.stderr
    assert "killed" in second.stdout
    again = second.stderr.split("`")[1]
    assert again.count("--after-cursor") == 1
    assert "bad" in ended.shell(again).stdout


def test_json_counts_what_it_does_not_list(ended: Runlore) -> None:
    """Counts are of all that match, by status."""
    view = ended.ok("ls", "--json", "--limit", "1").json

    assert view["schema"] == "runlore.ps/1"
    assert view["counts"] == {"failed": 3, "succeeded": 2, "timed_out": 1}
    assert view["truncated"] is True


def test_picked_fields_are_all_there_is(ended: Runlore) -> None:
    """--fields keeps the asked ones: as objects with --json, as tab-separated text without."""
    items = ended.ok("ls", "--json", "--fields", "name,reason.code", "--name", "bad").json["items"]
    text = ended.ok("ls", "--fields", "name,exit_code,reason.code,tags", "--status", "failed").lines

    assert items == [{"name": "bad", "reason": {"code": "exit_nonzero"}}]
    assert text == [
        "missing\t\tspawn_failed\t{}",
        "killed\t\tsignal\t{}",
        'bad\t3\texit_nonzero\t{"env":"test"}',
    ]


def test_columns_nobody_uses_are_left_out(runlore: Runlore) -> None:
    """Without names and tags there are no columns for them."""
    runlore.ok("run", "-q", "true")

    assert runlore.ok("ps").lines[0].split() == ["ID", "STATUS", "STARTED", "TOOK", "COMMAND"]


def test_absolute_times_on_request(ended: Runlore) -> None:
    """--utc shows when, instead of how long ago."""
    assert " ago " in ended.ok("ls").stdout or "just now" in ended.ok("ls").stdout
    assert all(line.count("Z  ") for line in ended.ok("ls", "--utc").lines[1:])


def test_a_damaged_journal_hides_no_other_run(runlore: Runlore) -> None:
    """It is a row of its own, and counted on stderr."""
    good = runlore.ok("run", "-q", "-d", "--name", "fine", "true").stdout.strip()
    bad = runlore.ok("run", "-q", "-d", "--name", "broken", "true").stdout.strip()
    runlore.ok("wait", good, bad)
    path = runlore.journal(bad)
    lines = path.read_bytes().split(b"\n")
    lines[1] = b'{"nonsense'
    path.write_bytes(b"\n".join(lines))
    done = runlore.ok("ps")

    assert "fine" in done.stdout
    assert "broken" in done.stdout
    assert "1 run with a damaged journal; see `runlore verify`" in done.stderr
    assert runlore.ok("ps", "--json").json["damaged"] == 1


def test_a_run_whose_keeper_died_is_shown_as_it_ended(runlore: Runlore) -> None:
    """Nobody has to write it down first, and looking writes nothing."""
    run_id = runlore.begin("sleep", "60")
    before = runlore.journal(run_id).read_bytes()
    runlore.kill_all()
    runlore.until(lambda: "failed (lost)" in runlore.ok("ps").stdout)

    assert runlore.ok("show", run_id, "--json").json["provisional"] is True
    assert runlore.journal(run_id).read_bytes() == before
