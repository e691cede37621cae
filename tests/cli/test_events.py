"""`runlore events`: journals as streams, resumable."""

import json
import shlex
import shutil
import signal
import tempfile

import pytest

from runlore.journal import chain
from tests.cli.command import Runlore


def test_a_stream_begins_with_ready_and_ends_with_why(ended: Runlore) -> None:
    """Between them records in the order of the journal."""
    first, *records, last = ended.ok("events", "bad", "--json").records

    assert first["type"] == "ready"
    assert (last["type"], last["reason"]) == ("end", "caught_up")
    assert [record["seq"] for record in records] == [1, 2, 3, 4, 5, 6]
    assert records[0]["event"]["type"] == "run.queued"
    assert {record["type"] for record in records} == {"record"}


def test_records_say_where_they_lie(ended: Runlore) -> None:
    """`offset` counts bytes: the journal has that very line there."""
    *_, last, _ = ended.ok("events", "bad", "--json").records
    data = ended.journal(last["run_id"]).read_bytes()

    assert data[last["offset"] :].startswith(b'{"type":"run.sealed"')


def test_people_get_a_line_per_event(ended: Runlore) -> None:
    """Time, position, type, sentence; with several runs also which."""
    one = ended.ok("events", "bad").lines
    two = ended.ok("events", "bad", "late").lines

    assert one[4].split()[2:5] == ["5", "run.failed", "failed:"]
    assert {line.split()[2] for line in two} == {
        run_id.rpartition("-")[2] for run_id in ended.ok("ls", "-q", "--status", "failed,timed_out").lines
    } & {line.split()[2] for line in two}
    assert len({line.split()[2] for line in two}) == 2


def test_a_cursor_resumes_behind_what_was_seen(runlore: Runlore) -> None:
    """Every record comes once, over any number of readings."""
    run_id = runlore.ok("run", "-q", "-d", "true").stdout.strip()
    runlore.ok("wait", run_id)
    first = runlore.ok("events", run_id, "--json").records
    runlore.ok("note", run_id, "more")
    second = runlore.ok("events", run_id, "--json", "--after-cursor", first[-1]["cursor"]).records
    third = runlore.ok("events", run_id, "--json", "--after-cursor", second[-1]["cursor"]).records

    same = runlore.ok("events", run_id, "--json", "--after-cursor", second[0]["cursor"]).records
    assert same[1:-1] == second[1:-1]
    assert [record["event"]["type"] for record in second[1:-1]] == ["run.noted", "run.sealed"]
    assert third[1:-1] == []


def test_a_journal_that_is_not_the_same_is_read_again(runlore: Runlore) -> None:
    """A cursor of other bytes is `rewound`: records may come twice, none is skipped."""
    run_id = runlore.ok("run", "-q", "-d", "true").stdout.strip()
    runlore.ok("wait", run_id)
    cursor = runlore.ok("events", run_id, "--json").records[-1]["cursor"]
    path = runlore.journal(run_id)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2]))
    records = runlore.ok("events", run_id, "--json", "--after-cursor", cursor).records

    assert [record["type"] for record in records] == ["ready", "rewound", "record", "record", "end"]


@pytest.mark.parametrize(
    ("words", "types"),
    [
        (["--type", "run.failed"], ["run.failed"]),
        (["--type", "run.failed,run.started"], ["run.started", "run.failed"]),
        (["--type", "run.failed", "--type", "run.queued"], ["run.queued", "run.failed"]),
        (["--type", "run.f*"], ["run.failed"]),
        (["--type", "*ed", "--status", "failed"], ["run.failed", "run.sealed"]),
        (["--type", "run.failed", "--name", "bad"], ["run.failed"]),
        (["--type", "run.failed", "--tag", "no"], []),
        (["--until", "1h"], []),
        (["--since", "1h", "--type", "run.queued"], ["run.queued"]),
    ],
    ids=" ".join,
)
def test_only_what_was_asked_for(ended: Runlore, words: list[str], types: list[str]) -> None:
    """By type and by time."""
    records = ended.ok("events", "bad", "--json", *words).records[1:-1]

    assert [record["event"]["type"] for record in records] == types


def test_following_ends_when_the_runs_have_ended(runlore: Runlore) -> None:
    """The final event and its seal are the last records of each."""
    one = runlore.begin("sleep", "0.2")
    two = runlore.begin("sleep", "0.4")
    records = runlore.ok("events", "-f", "--json", one, two).records

    assert records[-1]["reason"] == "ended"
    for run_id in (one, two):
        seqs = [record["seq"] for record in records[1:-1] if record["run_id"] == run_id]
        assert seqs == [1, 2, 3, 4, 5, 6]


def test_following_everything(runlore: Runlore) -> None:
    """Without an ID the stream begins now, new runs appear by themselves, and it goes on after their end."""
    old = runlore.ok("run", "-q", "-d", "true").stdout.strip()
    runlore.ok("wait", old)
    with runlore.started("events", "-f", "--json", "--type", "run.succeeded") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["type"] == "ready"
        new = [runlore.ok("run", "-q", "-d", "true").stdout.strip() for _ in range(2)]
        came = [json.loads(process.stdout.readline()) for _ in new]
        assert {record["run_id"] for record in came} == set(new)
        process.send_signal(signal.SIGINT)
        *_, last = process.stdout.read().splitlines()
    end = json.loads(last)
    assert (end["type"], end["reason"]) == ("end", "interrupted")

    shutil.rmtree(runlore.root / "feed")
    again = runlore.ok("events", "--json", "--type", "run.queued", "--after-cursor", end["cursor"]).records
    assert [record["type"] for record in again] == ["ready", "rewound", "record", "record", "record", "end"]


def test_a_cursor_of_another_registry(ended: Runlore, runlore: Runlore) -> None:
    """It is refused, with the registry it belongs to."""
    cursor = ended.ok("events", "bad", "--json").records[-1]["cursor"]
    with tempfile.TemporaryDirectory() as folder:
        other = f"{folder}/other"
        runlore.ok("--root", other, "run", "-q", "-d", "true")
        assert (
            "another registry" in runlore("--root", other, "events", "--after-cursor", cursor, code=2).stderr
        )


def test_a_type_that_does_not_exist(ended: Runlore) -> None:
    """A typing error is not an empty answer."""
    assert "did you mean run.failed?" in ended("events", "bad", "--type", "run.faild", code=2).stderr


def test_a_label_reaches_a_follower(runlore: Runlore) -> None:
    """While the run lives, what others append is seen."""
    run_id = runlore.begin("sleep", "60")
    with runlore.started("events", "-f", "--fields", "event.type", run_id) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(3)][-1] == b"run.started\n"
        runlore.ok("tag", run_id, "seen")
        assert process.stdout.readline() == b"run.tagged\n"
        process.send_signal(signal.SIGINT)
        assert process.wait() == -signal.SIGINT
        assert process.stderr is not None
        said = process.stderr.read().decode()
        assert said.startswith("no longer followed; nothing was stopped. Go on: runlore events ")
        again = shlex.split(said.partition("Go on: runlore ")[2])
        assert runlore.ok(*[word for word in again if word != "-f"]).lines == []


def test_damage_ends_the_stream_and_says_so(runlore: Runlore) -> None:
    """What stands before the damage comes; then 65."""
    run_id = runlore.ok("run", "-q", "-d", "true").stdout.strip()
    runlore.ok("wait", run_id)
    path = runlore.journal(run_id)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], b"junk\n", *lines[3:]]))
    done = runlore("events", run_id, code=65)

    assert len(done.lines) == 2
    assert f"runlore verify {run_id}" in done.stderr


def test_an_unknown_event_comes_whole(runlore: Runlore) -> None:
    """An event of a newer release keeps all its fields on its way through."""
    run_id = runlore.begin("sleep", "60")
    path = runlore.journal(run_id)
    lines = path.read_bytes().splitlines(keepends=True)
    line = b'{"type":"run.teleported","seq":4,"at":"2026-11-20T00:00:00Z","to":{"x":[1,2]}}'
    previous = bytes.fromhex(lines[-1][-67:-3].decode())
    sealed, _ = chain.close_line(previous, line)
    with path.open("ab") as file:
        file.write(sealed)
    records = runlore.ok("events", run_id, "--json", "--type", "run.tele*").records

    assert records[1]["event"]["to"] == {"x": [1, 2]}


@pytest.mark.parametrize(
    "cursor", ["", "junk", "f1.", "f1.%%%", "f1.e30x", "e9.e30", "f1.W10", "f1.eyJ4IjpbMSwiMiJdfQ"]
)
def test_a_cursor_that_is_none_is_refused(ended: Runlore, cursor: str) -> None:
    """An edited cursor never silently reads something else."""
    assert "is no cursor" in ended("events", "bad", "--after-cursor", cursor, code=2).stderr


def test_events_of_all_runs(ended: Runlore) -> None:
    """Without an ID all runs are meant, each line says which."""
    records = ended.ok("events", "--json", "--type", "run.queued").records[1:-1]

    assert {record["run_id"] for record in records} == set(ended.ok("ls", "-q").lines) or len(records) > 1


def test_a_reader_that_leaves_is_no_error(ended: Runlore) -> None:
    """`| head -1` ends it as it ends any program."""
    done = ended.shell('"$RUNLORE" events --json bad | head -1 >/dev/null; echo "${PIPESTATUS[0]}"')

    assert done.stdout in {"141\n", "0\n"}  # 0: all of it fitted into the pipe
    assert done.stderr == ""


def test_a_reader_that_leaves_ends_it_though_nothing_comes(runlore: Runlore) -> None:
    """A follower of silent runs does not stay behind for ever."""
    run_id = runlore.begin("sleep", "60")
    done = runlore.shell(f"$RUNLORE events -f {run_id} | head -1; echo ${{PIPESTATUS[0]}}")

    assert done.stdout.split()[-1] == "141"
    assert done.stderr == ""


def test_no_descriptor_is_left_to_others(ended: Runlore) -> None:
    """A follower with closed stdin, stdout and stderr does not write into a journal."""
    before = {path: path.read_bytes() for path in (ended.root / "journals").iterdir()}
    ended.shell('"$RUNLORE" events bad --json <&- >&- 2>&-')

    assert {path: path.read_bytes() for path in (ended.root / "journals").iterdir()} == before
