"""`runlore show` and `runlore history`: one run, for people and for programs; and which run is meant."""

import pytest

from tests.cli.command import Runlore


def test_without_an_id_the_sole_live_run_is_meant(runlore: Runlore) -> None:
    """Which one was taken, and why, is said on stderr."""
    live = runlore.begin("sleep", "60")
    runlore.ok("run", "-q", "true")

    done = runlore.ok("show", "--fields", "run_id")
    assert done.stdout == f"{live}\n"
    assert done.stderr == f"run {live}: the only live run\n"


def test_without_an_id_and_without_a_live_run_the_latest_is_meant(ended: Runlore) -> None:
    """The same holds for logs, wait and history."""
    latest = ended.ok("ls", "-q").lines[0]

    for words in (["show"], ["history"], ["logs"], ["wait"]):
        assert f"run {latest}: the latest run" in ended(*words).stderr


def test_every_way_to_name_a_run_finds_it(ended: Runlore) -> None:
    """Full id, short id, its beginning, upper case, name, latest, latest:STATUS, key:K."""
    latest, _, _, _, bad, _ = ended.ok("ls", "-q").lines
    short = bad.rpartition("-")[2]

    for selector in (bad, short, short[:7], short.upper(), bad.upper(), "bad"):
        assert ended.ok("show", selector, "-q").lines == [bad]
    for selector in ("latest", "LATEST", "good", "key:once", "latest:succeeded"):
        assert ended.ok("show", selector, "-q").lines == [latest]


def test_an_ambiguous_id_lists_what_it_could_mean(runlore: Runlore) -> None:
    """Nothing is guessed: the candidates are shown with what tells them apart."""
    many = b'{"argv": ["true"]}\n' * 33  # 32 letters: two of these begin alike
    runlore.ok("submit", "-q", "--from", "-", stdin=many)
    shorts = [run_id.rpartition("-")[2] for run_id in runlore.ok("ls", "-q").lines]
    letter = next(first for first in (short[0] for short in shorts) if sum(s[0] == first for s in shorts) > 1)

    done = runlore("show", letter, code=3)
    assert "could mean" in done.stderr
    assert sum(short in done.stderr for short in shorts) > 1


def test_what_people_want_to_know_is_shown(ended: Runlore) -> None:
    """One "what  value" per line; what is empty is left out."""
    shown = dict(line.split(None, 1) for line in ended.ok("show", "bad").lines)

    assert shown["status"] == "failed (3)"
    assert shown["command"] == "sh -c 'echo partial; exit 3'"
    assert shown["tags"] == "env=test"
    assert shown["output"] == "8 B"
    assert shown["journal"] == "6 records, sealed"
    assert "metadata" not in shown
    assert "key" not in shown


def test_how_to_run_it_again_is_shown_and_works(runlore: Runlore) -> None:
    """The line under "again" can be pasted into a shell."""
    runlore.ok("run", "-q", "--name", "it's", "--env", "A=b c", "sh", "-c", 'echo "$A" $0', "x y")
    again = runlore.ok("show", "--fields", "rerun").stdout.strip()

    assert runlore.shell(again).stdout == "b c x y\n"


def test_picked_fields_are_bare_values(ended: Runlore) -> None:
    """`status=$(runlore show ID --fields status)`: no header, no quotes; null is empty."""
    assert ended.ok("show", "bad", "--fields", "status").stdout == "failed\n"
    assert ended.ok("show", "killed", "--fields", "exit_code,signal").stdout == "\t9\n"
    assert ended.ok("show", "good", "--fields", "metadata.step").stdout == "7\n"


def test_picked_fields_are_objects_in_json(ended: Runlore) -> None:
    """Only what was asked for, nested as it was."""
    picked = ended.ok("show", "bad", "--json", "--fields", "exit_code,reason.code,tags.env").json

    assert picked == {"exit_code": 3, "reason": {"code": "exit_nonzero"}, "tags": {"env": "test"}}


def test_an_unknown_field_lists_those_there_are(ended: Runlore) -> None:
    """A typing error is not an empty answer."""
    done = ended("show", "bad", "--fields", "exitcode", code=2)

    assert "exit_code" in done.stderr


def test_history_tells_what_happened_in_sentences(ended: Runlore) -> None:
    """Times count from the creation, or are absolute with --utc."""
    lines = ended.ok("history", "bad").lines

    assert [line.split("  ", 1)[1].split(":")[0] for line in (line.strip() for line in lines)][-3:] == [
        "the command ended with exit code 3",
        "failed",
        "sealed after 5 records",
    ]
    assert lines[0].strip().startswith("+0ms")
    assert all(line[19:20] == "Z" for line in ended.ok("history", "bad", "--utc").lines)


def test_history_as_json_has_the_same_lines(ended: Runlore) -> None:
    """For programs, with position and time."""
    view = ended.ok("history", "bad", "--json").json

    assert view["schema"] == "runlore.history/1"
    assert [line["seq"] for line in view["items"]] == [1, 2, 3, 4, 5, 6]


def test_the_seals_of_later_labels_are_not_told_one_by_one(runlore: Runlore) -> None:
    """A label behind the end is one line of history; only the last seal is told."""
    run_id = runlore.ok("run", "-q", "-d", "true").stdout.strip()
    runlore.ok("wait", run_id)
    runlore.ok("note", run_id, "looks", "good")
    runlore.ok("tag", run_id, "kept")
    told = runlore.ok("history", run_id).stdout

    assert told.count("sealed after") == 1
    assert "note: looks good" in told
    assert "tagged kept" in told


@pytest.mark.parametrize(
    "verb", ["show", "history", "logs", "wait", "events", "verify", "stop", "tag", "note"]
)
def test_a_run_that_is_not_there_is_not_found(ended: Runlore, verb: str) -> None:
    """Every verb says so in one line, with 3."""
    words = ["x"] if verb in {"tag", "note"} else []
    done = ended(verb, "nobody-here", *words, code=3)

    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "runlore ls" in done.stderr


def test_a_live_run_is_explained(runlore: Runlore) -> None:
    """Its health comes with what it rests on, and with when it was last active; an ended run has none."""
    run_id = runlore.begin("sleep", "600")
    text, view = runlore.ok("show", run_id).stdout, runlore.ok("show", run_id, "--json").json

    assert "live: its owner holds its lock, last heartbeat" in text
    assert "last active  20" in text
    assert (view["health"], view["seen"]["owner"], view["seen"]["command"]) == ("live", "held", None)
    assert view["seen"]["heartbeat_age_s"] >= 0
    assert view["last_activity_at"] == view["started_at"]
    runlore.ok("stop", run_id, "--force")
    assert runlore.ok("show", run_id, "--json").json["seen"] is None
