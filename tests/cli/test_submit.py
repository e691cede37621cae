"""`runlore submit`: many runs, one a line; what is wrong with a line; and what repeating it does."""

import json
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import jsonschema
import pytest

from runlore.projections.run_line import MOST_BYTES
from runlore.runtimes.launches import AT_ONCE
from tests.cli.command import COMMAND, Runlore

SECRET: Final = "correct-horse-battery-staple"


def line(*argv: str, **fields: object) -> str:
    """One run."""
    return json.dumps({"argv": argv, **fields}) + "\n"


def keyed(count: int, *argv: str) -> str:
    """So many runs that differ only in their keys."""
    return "".join(line(*(argv or ("true",)), key=f"k{number}") for number in range(count))


def journals(runlore: Runlore) -> list[str]:
    """The ids of all runs there are."""
    folder = runlore.root / "journals"
    return sorted(path.stem for path in folder.iterdir()) if folder.exists() else []


def keys(runlore: Runlore) -> Counter[str]:
    """How many runs each key has."""
    return Counter(run["key"] for run in runlore.ok("ls", "--json").json["items"])


def from_file(runlore: Runlore, text: str) -> str:
    """A file with these lines."""
    path = runlore.home / "runs.ndjson"
    path.write_text(text)
    return str(path)


def test_each_line_is_a_run_and_its_id_is_printed_in_their_order(runlore: Runlore) -> None:
    """From a file, or from standard input; ids and nothing else on standard output."""
    text = "".join(line("true", name=f"n{number}") for number in range(12))

    for done in (
        runlore.ok("submit", "--from", from_file(runlore, text)),
        runlore.ok("submit", "--from", "-", stdin=text.encode()),
    ):
        names = [runlore.ok("show", "--json", run_id).json["name"] for run_id in done.lines]
        assert names == [f"n{number}" for number in range(12)]
        assert done.stderr.splitlines()[-1] == "12 runs started"
    assert len(journals(runlore)) == 24


def test_a_line_says_what_the_options_of_run_say(runlore: Runlore) -> None:
    """All of them; a run of `run -d` with the same key and options is the same one."""
    (runlore.home / "sub").mkdir()
    (runlore.home / "token").write_text(SECRET)
    fields = {
        "name": "every",
        "tags": {"env": "prod", "seen": ""},
        "metadata": {"step": [1, None]},
        "key": "once",
        "env": {"LEVEL": "3"},
        "secrets": ["PASSED"],
        "secret_files": {"FILED": "token"},
        "cwd": "sub",
        "timeout": "2m",
        "await_ready": 60,
        "idle_timeout": "1m30s",
        "output_limit": "1M",
        "artifacts": ["*.out", "!tmp.out"],
        "reports": ["*.html"],
        "required": ["model.out"],
        "pin": True,
    }
    argv = ["sh", "-c", "pwd; echo $LEVEL $PASSED $FILED; runlore emit ready; sleep 60"]
    options = [
        "-d",
        "--name",
        "every",
        "--tag",
        "env=prod",
        "--tag",
        "seen",
        "--metadata",
        '{"step": [1, null]}',
    ]
    options += ["--key", "once", "--env", "LEVEL=3", "--secret", "PASSED", "--secret-file", "FILED=token"]
    options += ["--cwd", "sub", "--timeout", "2m", "--await-ready", "60s", "--idle-timeout", "90s"]
    options += ["--artifact", "*.out", "--artifact", "!tmp.out", "--report", "*.html"]
    options += ["--require", "model.out", "--pin"]
    runlore.env["PASSED"] = "another-secret-of-mine"

    run_id = runlore.ok("submit", "--from", "-", stdin=line(*argv, **fields).encode()).lines[0]

    run = runlore.ok("show", run_id, "--json").json
    assert (run["name"], run["tags"], run["metadata"]) == ("every", fields["tags"], fields["metadata"])
    assert run["retention"]["pinned"]
    assert (run["key"], run["status"], run["cwd"]) == ("once", "running", str(runlore.home / "sub"))
    assert runlore.ok("logs", run_id).lines == [str(runlore.home / "sub"), "3 [REDACTED] [REDACTED]"]
    same = runlore.ok("run", *options, "--output-limit", "1M", "--json", "--", *argv).json
    assert (same["run_id"], same["existing"]) == (run_id, True)


WRONG: Final[list[tuple[bytes, str, str]]] = [
    (b"garbage", "bad_input", "not JSON"),
    (b'{"argv": ["a"]', "bad_input", "not JSON"),
    (b'{"argv": ["a"]} {}', "bad_input", "not JSON"),
    (b'{"argv": ["a\0"]}', "bad_input", "not JSON"),
    (b'{"argv": ["a\\u0000"]}', "bad_input", "NUL"),
    (b'{"argv": ["\\ud800"]}', "bad_input", "not JSON"),
    (b'{"argv": ["\xff"]}', "bad_input", "byte 12 is no UTF-8"),
    (b"[1]", "bad_input", 'a line looks like {"argv"'),
    (b"{}", "bad_input", "argv"),
    (b'{"argv": []}', "bad_input", "argv is empty"),
    (b'{"argv": "make test"}', "bad_input", "`$.argv`"),
    (b'{"argv": ["a", 1]}', "bad_input", "`$.argv[1]`"),
    (b'{"argv": ["a"], "tag": {}}', "bad_input", "did you mean tags?"),
    (b'{"argv": ["a"], "idle-timeout": 1}', "bad_input", "did you mean idle_timeout?"),
    (b'{"command": ["a"]}', "bad_input", "did you mean argv?"),
    (b'{"argv": ["a"], "zebra": 1}', "bad_input", "there is argv, name, "),
    (b'{"argv": ["a"], "stdin": true}', "bad_input", "no standard input"),
    (b'{"argv": ["a"], "timeout": "soon"}', "bad_input", "is not a duration"),
    (b'{"argv": ["a"], "timeout": -1}', "bad_input", "above 0"),
    (b'{"argv": ["a"], "timeout": true}', "bad_input", "`$.timeout`"),
    (b'{"argv": ["a"], "output_limit": 0}', "bad_input", "output limit"),
    (b'{"argv": ["a"], "name": "latest"}', "bad_input", "reserved"),
    (b'{"argv": ["a"], "key": ""}', "bad_input", "key"),
    (b'{"argv": ["a"], "cwd": ""}', "bad_input", "cwd is empty"),
    (b'{"argv": ["a"], "secrets": {"A": "correct-horse-battery-staple"}}', "bad_input", "`$.secrets`"),
    (b'{"argv": ["a"], "secrets": ["A=correct-horse-battery-staple"]}', "bad_input", "secret 'A'"),
    (b'{"argv": ["a"], "env": {"API_TOKEN": "correct-horse-battery-staple"}}', "bad_input", "looks like"),
    (b'{"argv": ["a"], "key": "x", "argv": ["b"]}', "bad_input", "the key 'argv' stands twice"),
    (b'{"argv": ["a"], "env": {"A": "1", "A": "2"}}', "bad_input", "the key 'A' stands twice"),
    (b"[" * 5000, "bad_input", ""),
    (b'{"metadata": ' * 5000, "bad_input", ""),
    (b'{"argv": ["' + b"a" * MOST_BYTES + b'"]}', "bad_input", "longer than 4,194,304 bytes"),
]


def test_a_wrong_line_is_refused_with_its_number_and_spares_the_others(runlore: Runlore) -> None:
    """Whatever is wrong with it. A mark, blank lines, other ends of lines, and none at the end, are not."""
    good = line("true").encode().rstrip()
    stdin = b"\xef\xbb\xbf" + good + b"\r\n\n \n" + b"".join(bad + b"\n" for bad, _, _ in WRONG) + good

    done = runlore("submit", "--from", "-", "--json", stdin=stdin, code=2)

    ready, first, *refused, last, end = done.records
    assert (ready["type"], end["type"], end["reason"]) == ("ready", "end", "done")
    assert (first["type"], first["line"], last["type"], last["line"]) == (
        "submitted",
        1,
        "submitted",
        4 + len(WRONG),
    )
    for number, (record, (bad, code, said)) in enumerate(zip(refused, WRONG, strict=True), 4):
        assert (record["type"], record["line"], record["run_id"]) == ("refused", number, None), bad[:80]
        assert record["error"]["code"] == code
        assert said in record["error"]["text"], (bad[:80], record)
    assert (end["lines"], end["started"], end["refused"]) == (len(WRONG) + 2, 2, len(WRONG))
    assert journals(runlore) == sorted([first["run_id"], last["run_id"]])
    assert SECRET not in done.stdout + done.stderr


def test_what_a_line_says_cannot_control_the_terminal(runlore: Runlore) -> None:
    """An error that quotes it shows escapes."""
    text = line("true", name="\x1b[2J\u202e") + line("true", **{"\x1b]0;x\x07": 1}) + line("a\x1b[31m")

    done = runlore("submit", "--from", "-", stdin=text.encode(), code=2)

    assert done.stderr.count("error: line ") == 3
    assert not {"\x1b", "\x07", "\u202e"} & set(done.stdout + done.stderr)


def test_a_file_with_a_wrong_line_starts_nothing(runlore: Runlore) -> None:
    """It can be looked at whole, so it is: every wrong line is told, and no registry is made."""
    runlore.root.rmdir()
    path = from_file(runlore, line("true") + "garbage\n" + line("true") + line("true", nme="x"))

    done = runlore("submit", "--from", path, code=2)

    assert done.stdout == ""
    told = done.stderr.splitlines()
    assert [text.partition(": this")[0].partition(": no")[0] for text in told[:2]] == [
        "error: line 2",
        "error: line 4",
    ]
    assert told[2] == "4 lines, 2 wrong, 2 without a key; nothing was started"
    assert runlore("submit", "--from", path, "--json", code=2).records[-1]["reason"] == "bad_input"
    many = from_file(runlore, "x\n" * 5000)
    assert runlore("submit", "--from", many, code=2).stderr.count("\n") == 22
    assert not runlore.root.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--from"),
        (["--from", "missing"], "missing: No such file"),
        (["--from", "."], "is a folder"),
        (["--from", ""], "No such file"),
        (["--from", "-", "--key-prefix", "\n"], "key"),
    ],
)
def test_what_cannot_be_read_is_said(runlore: Runlore, words: list[str], said: str) -> None:
    """A usage error; no registry is made."""
    done = runlore("submit", *words, code=2)
    assert said in done.stderr
    assert journals(runlore) == []


def test_labels_that_hold_a_secret_are_told_before_anything_is_started(runlore: Runlore) -> None:
    """They are stored as they are; a look at the lines finds them, and so does a dry run."""
    runlore.env["DEPLOY_TOKEN"] = SECRET
    text = line("true") + line("true", key=f"deploy-{SECRET}") + line("true", tags={SECRET: "x"})
    path = from_file(runlore, text)

    for words in ([], ["--dry-run"]):
        told = runlore("submit", "--from", path, *words, code=2).stderr
        assert "error: line 2: the key holds" in told
        assert "error: line 3: the name of a tag holds" in told
        assert "3 lines, 2 wrong" in told
        assert SECRET not in told
    assert journals(runlore) == []


def test_nothing_to_do_is_done(runlore: Runlore) -> None:
    """No lines are no error; nor is a closed standard input."""
    assert runlore.ok("submit", "--from", "-", stdin=b"\n\n").stderr == "0 runs started\n"
    assert runlore.ok("submit", "--from", from_file(runlore, "")).stdout == ""
    assert runlore.shell("$RUNLORE submit --from - <&-").code == 0


def test_a_dry_run_looks_and_starts_nothing(runlore: Runlore) -> None:
    """At a file and at a stream alike."""
    runlore.root.rmdir()
    text = keyed(3) + line("true")

    assert runlore.ok("submit", "--from", from_file(runlore, text), "--dry-run").stderr == (
        "4 lines, 0 wrong, 1 without a key; nothing was started\n"
    )
    done = runlore("submit", "--from", "-", "--dry-run", "--json", stdin=f"{text}x".encode(), code=2)
    assert [record["type"] for record in done.records] == ["ready", "refused", "end"]
    assert done.records[-1]["reason"] == "dry_run"
    assert not runlore.root.exists()


def test_the_records_are_of_their_schemas(runlore: Runlore) -> None:
    """What is read, what is answered, and the end."""
    text = line("true", key="a") + line("true", key="a") + "x\n" + line("no-such-command-anywhere")

    records = runlore("submit", "--from", "-", "--json", stdin=text.encode(), code=2).records

    shapes = [
        jsonschema.Draft202012Validator(runlore.ok("schema", name, "--json").json)
        for name in ("control", "submitted", "submit_end", "submit_line")
    ]
    shapes[0].validate(records[0])
    for record in records[1:-1]:
        shapes[1].validate(record)
    shapes[2].validate(records[-1])
    shapes[3].validate(json.loads(line("true", timeout="3m", output_limit=5, metadata={"a": 1})))
    assert not shapes[3].is_valid({"argv": ["true"], "tag": {}})
    assert [(each["type"], each["existing"]) for each in records[1:-1]] == [
        ("submitted", False),
        ("submitted", True),
        ("refused", False),
        ("submitted", False),
    ]
    assert records[4]["error"]["code"] == "spawn_failed"
    assert records[-1] == {
        "type": "end",
        "reason": "done",
        "lines": 4,
        "started": 1,
        "existing": 1,
        "failed": 1,
        "refused": 1,
        "untried": None,
    }


def test_a_command_that_does_not_start_has_a_run_all_the_same(runlore: Runlore) -> None:
    """Its id is printed, why is said, and the others are started."""
    text = line("no-such-command-anywhere") + line("true") + line("true", secrets=["NOT_EXPORTED"])

    done = runlore("submit", "--from", "-", stdin=text.encode(), code=1)

    assert sorted(done.lines) == journals(runlore)
    assert len(done.lines) == 3
    assert "error: line 1: run" in done.stderr
    assert "secret NOT_EXPORTED is not set" in done.stderr
    assert done.stderr.splitlines()[-1] == "1 run started, 2 did not start"


# -- keys


def test_repeated_it_starts_what_is_missing(runlore: Runlore) -> None:
    """Ids come again in the order of the lines, for runs that are there as for new ones."""
    first = runlore.ok("submit", "--from", from_file(runlore, keyed(5)))
    again = runlore.ok("submit", "--from", from_file(runlore, keyed(8)))

    assert again.lines[:5] == first.lines
    assert sorted(again.lines) == journals(runlore)
    assert again.stderr == "3 runs started, 5 there before\n"


def test_a_key_with_another_spec_is_refused_for_its_line(runlore: Runlore) -> None:
    """The line that comes first has it, however many are launched at once."""
    text = line("sleep", "60", key="k") + "".join(line("true", str(n), key="k") for n in range(5))

    done = runlore("submit", "--from", from_file(runlore, text + line("true", key="other")), "--json", code=5)

    errors = [record["error"] and record["error"]["code"] for record in done.records[1:-1]]
    assert errors == [None, *["conflict"] * 5, None]
    assert "key:k" in done.records[2]["error"]["text"]
    assert len(journals(runlore)) == 2


def test_keys_of_line_numbers_make_any_file_repeatable(runlore: Runlore) -> None:
    """A line's own key goes before; blank lines count, so that numbers are those of an editor."""
    text = line("true") + "\n" + line("true") + line("true", key="own")

    first = runlore.ok("submit", "--from", from_file(runlore, text), "--key-prefix", "sweep")
    again = runlore.ok("submit", "--from", "-", "--key-prefix", "sweep", stdin=text.encode())

    assert first.lines == again.lines
    assert set(keys(runlore)) == {"sweep:1", "sweep:3", "own"}
    assert "warning" not in first.stderr


def test_lines_without_a_key_are_warned_of(runlore: Runlore) -> None:
    """Because a repetition would start them twice; once, not for each, and not for who wants ids only."""
    text = keyed(1) + line("true") * 2

    warning = runlore.ok("submit", "--from", from_file(runlore, text)).stderr.splitlines()[0]
    assert warning.startswith("warning: 2 of 3 lines have no key")
    assert "--key-prefix" in warning
    stream = runlore.ok("submit", "--from", "-", stdin=text.encode()).stderr
    assert stream.count("warning") == 1
    assert runlore.ok("submit", "-q", "--from", "-", stdin=text.encode()).stderr == ""


def test_two_at_once_start_each_run_once(runlore: Runlore) -> None:
    """The same file twice at the same time: the same ids, and no run too many."""
    path = from_file(runlore, keyed(20))
    with runlore.started("submit", "--from", path) as one, runlore.started("submit", "--from", path) as two:
        outputs = [process.communicate(timeout=60)[0] for process in (one, two)]

    assert (one.returncode, two.returncode) == (0, 0)
    assert outputs[0] == outputs[1]
    assert sorted(outputs[0].decode().split()) == journals(runlore)
    assert len(journals(runlore)) == 20


@pytest.mark.parametrize("victim", ["itself", "its nursery", "all of it"])
def test_killed_and_repeated_it_has_started_each_run_once(
    runlore: Runlore, victim: str, sized: Callable[[int, int], int]
) -> None:
    """SIGKILL wherever it is, again and again; then every key has exactly one run."""
    count, kills = sized(16, 400), sized(3, 60)
    path = from_file(runlore, keyed(count))
    for kill in range(kills):
        known = len(journals(runlore))
        with runlore.started("submit", "--from", path, start_new_session=True) as process:
            _until_some_are_there(runlore, known + kill, process)
            nursery = _children(process.pid)
            if victim != "its nursery":
                process.kill()
            if victim != "itself":
                for pid in nursery:
                    with suppress(ProcessLookupError):  # it ends by itself without its parent
                        os.kill(pid, signal.SIGKILL)
            if victim == "its nursery":
                assert process.wait(60) == 0

    done = runlore.ok("submit", "--from", path)

    assert keys(runlore) == {f"k{number}": 1 for number in range(count)}
    assert len(set(done.lines)) == count


def _until_some_are_there(runlore: Runlore, known: int, process: "subprocess.Popen[bytes]") -> None:
    runlore.until(lambda: len(journals(runlore)) > known or process.poll() is not None)


def _children(pid: int) -> list[int]:
    """What a process has forked, and is still its child."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


# -- a stream


def test_an_id_is_printed_before_the_next_line_is_there(runlore: Runlore) -> None:
    """So whoever writes the lines can wait for the ids; and nothing piles up in the meantime."""
    with runlore.started("submit", "--from", "-", stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        ids: list[str] = []
        for number in range(12):
            process.stdin.write(line("sleep", "60", key=f"k{number}").encode())
            process.stdin.flush()
            ids.append(process.stdout.readline().decode().strip())
            if number == 1:
                before = len(os.listdir(f"/proc/{process.pid}/fd"))
        (nursery,) = _children(process.pid)
        runlore.until(lambda: len(os.listdir(f"/proc/{process.pid}/fd")) <= before)
        runlore.until(lambda: all(_state(pid) not in "ZX" for pid in _children(nursery)))
        process.stdin.close()
        assert process.wait(30) == 0
    assert sorted(ids) == journals(runlore)


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "gone"


def test_a_stream_of_nothing_but_wrong_lines_ends(runlore: Runlore) -> None:
    """More of them in one piece than answers may wait; each has its own."""
    done = runlore("submit", "--from", "-", "--json", stdin=b"x\n" * 3000 + keyed(1).encode(), code=2)

    assert [record["line"] for record in done.records[1:-1]] == list(range(1, 3002))
    assert (done.records[-1]["refused"], done.records[-1]["started"]) == (3000, 1)


def test_a_line_cut_by_the_end_is_told(runlore: Runlore) -> None:
    """A writer that died in the middle of a line started what was whole."""
    done = runlore("submit", "--from", "-", stdin=keyed(2).encode()[:-3], code=2)
    assert len(journals(runlore)) == len(done.lines) == 1
    assert "error: line 2: this is not JSON" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_says_what_goes_on(runlore: Runlore, number: signal.Signals) -> None:
    """It ends by the signal; every run that exists was told, and lives."""
    with runlore.started("submit", "--from", "-", stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(keyed(30, "sleep", "60").encode())
        process.stdin.flush()
        runlore.until(lambda: len(journals(runlore)) > 3)
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=60)

    assert process.returncode == -number
    assert sorted(stdout.decode().split()) == journals(runlore)
    assert "interrupted: no more is started; what was started goes on" in stderr.decode()
    assert "the rest was not read; the same command again starts what is missing" in stderr.decode()
    count = len(journals(runlore))
    runlore.until(lambda: runlore.ok("ps", "--json").json["counts"] == {"running": count})
    assert len(journals(runlore)) == count


def test_a_reader_that_goes_ends_it_and_no_run_is_untold(runlore: Runlore) -> None:
    """As `| head -1` does: ids that found no reader are said on standard error."""
    first, *others = keyed(30).encode().splitlines(keepends=True)
    with runlore.started("submit", "--from", "-", stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(first)
        process.stdin.flush()
        read = process.stdout.readline().decode().strip()
        process.stdout.close()
        process.stdin.write(b"".join(others))
        process.stdin.flush()
        assert process.wait(30) == -signal.SIGPIPE
        assert process.stderr is not None
        said = process.stderr.read().decode().splitlines()

    (told,) = [text for text in said if text.startswith("started all the same: ")]
    untold = told.partition(": ")[2].split()
    assert len(untold) > 0
    assert sorted([read, *untold]) == journals(runlore)


def test_it_is_ready_to_launch_before_its_options_are_read(runlore: Runlore) -> None:
    """What forks the keepers never loads the option parser, which they would carry for hours."""
    run_id = runlore.ok("submit", "--from", "-", stdin=line("sleep", "60").encode()).lines[0]
    assert len([pid for pid in runlore.processes() if run_id in _title(pid)]) == 2
    argv = [str(Path(COMMAND).with_name("python")), "-X", "importtime", COMMAND, "submit", "--from", "-"]
    done = subprocess.run(argv, env=runlore.environment(), input=b"", capture_output=True, check=True)
    order = [text.rpartition(b"|")[2].strip() for text in done.stderr.splitlines()]
    assert order.index(b"runlore.runtimes.launch") < order.index(b"click")


def _title(pid: int) -> str:
    """Return what a process calls itself; nothing if it has gone meanwhile."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[0]
    except OSError:
        return ""


# -- what the registry refuses


def test_without_room_it_stops_and_goes_on_when_repeated(runlore: Runlore) -> None:
    """The cap concerns every line: 5, with what is there; the others were not tried."""
    (runlore.root / "config.toml").write_text("[limits]\nkeepers = 3\n")
    path = from_file(runlore, keyed(40, "sleep", "60"))

    done = runlore("submit", "--from", path, "--json", code=5)

    end = done.records[-1]
    assert (end["reason"], end["started"]) == ("refused", 3)
    assert end["untried"] > 0
    assert end["lines"] + end["untried"] == 40
    assert {each["error"]["code"] for each in done.records[1:-1] if each["error"]} == {"no_room"}
    assert len(journals(runlore)) == 3
    assert len(os.listdir(runlore.root / "runs")) == 3
    assert len([name for name in os.listdir(runlore.root / "keys") if name[0] != "."]) == 3

    runlore.ok("stop", "--force", "--filter", "status = running")
    assert (
        runlore("submit", "--from", path, code=5)
        .stderr.splitlines()[-1]
        .startswith("3 runs started, 3 there before, ")
    )


def test_it_can_wait_for_room(runlore: Runlore) -> None:
    """All are started in the end, and never more than may be live at a time."""
    (runlore.root / "config.toml").write_text("[limits]\nkeepers = 2\n")
    command = ["sh", "-c", "mkdir live/$$; ls live | wc -l; sleep 0.1; rmdir live/$$"]
    (runlore.home / "live").mkdir()
    path = from_file(runlore, keyed(8, *command))

    done = runlore.ok("submit", "--from", path, "--wait-for-room")

    assert len(done.lines) == len(set(done.lines)) == 8
    runlore.ok("wait", *done.lines)
    assert {int(runlore.ok("logs", run_id).stdout) for run_id in done.lines} <= {1, 2}


def test_who_waits_for_room_can_be_interrupted(runlore: Runlore) -> None:
    """What has no room yet is not submitted."""
    (runlore.root / "config.toml").write_text("[limits]\nkeepers = 1\n")
    path = from_file(runlore, keyed(4, "sleep", "60"))
    with runlore.started("submit", "--from", path, "--wait-for-room") as process:
        assert process.stdout is not None
        run_id = process.stdout.readline().decode().strip()
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)

    assert process.returncode == -signal.SIGINT
    assert (stdout, journals(runlore)) == (b"", [run_id])
    assert "error: line 2: " in stderr.decode()
    assert "no room" in stderr.decode()


def test_failing_fast_tries_no_more(runlore: Runlore) -> None:
    """What was launched with it is told all the same."""
    text = "garbage\n" + keyed(60)

    done = runlore("submit", "--from", "-", "--fail-fast", "--json", stdin=text.encode(), code=2)

    assert done.records[-1]["reason"] == "fail_fast"
    started = [each["run_id"] for each in done.records if each.get("run_id")]
    assert sorted(started) == journals(runlore)
    assert len(started) == AT_ONCE


def test_settings_that_cannot_be_obeyed_stop_it(runlore: Runlore) -> None:
    """As they stop `run`; nothing is recorded."""
    (runlore.root / "config.toml").write_text("[limits]\nkeeper = 3\n")

    done = runlore("submit", "--from", "-", stdin=keyed(50).encode(), code=2)

    assert "did you mean keepers?" in done.stderr
    assert done.stderr.count("\n") == 1
    assert journals(runlore) == []


def test_no_secret_of_a_line_is_recorded_or_said(runlore: Runlore) -> None:
    """Values come from what was exported; a label that holds one is masked or refused, never told."""
    runlore.env["MY_TOKEN"] = SECRET
    text = line("sh", "-c", "echo $MY_TOKEN", secrets=["MY_TOKEN"], metadata={"said": SECRET})
    text += line("echo", SECRET) + line("true", key=f"k-{SECRET}") + line("true", name=f"latest:{SECRET}")

    done = runlore("submit", "--from", "-", stdin=text.encode(), code=2)

    assert len(done.lines) == 2
    runlore.ok("wait", *done.lines)
    runlore.until(lambda: not runlore.processes())  # keepers that are about to go take files away
    for path in runlore.root.rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path
    assert SECRET not in done.stdout + done.stderr


def _fill(path: Path) -> None:
    """Leave no room on a disk."""
    with path.open("wb", buffering=0) as greedy, suppress(OSError):
        while greedy.write(bytes(4096)):
            continue


@pytest.mark.needs("root")
def test_on_a_full_disk_it_stops_and_goes_on_when_there_is_room(runlore: Runlore, tmp_path: Path) -> None:
    """What was told exists and ends; then the same command starts what is missing, and nothing twice."""
    disk = tmp_path / "small"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs", disk], check=True)
    runlore.root = disk / "registry"
    try:
        runlore.ok("submit", "--from", from_file(runlore, keyed(2)))
        path = from_file(runlore, keyed(6))
        _fill(disk / "greedy")

        done = runlore("submit", "--from", path, "--json")

        end = done.records[-1]
        assert (end["existing"], end["reason"]) == (2, "refused")
        errors = [each["error"] for each in done.records[1:-1] if each["error"]]
        assert all("No space left on device" in error["text"] for error in errors), errors
        assert done.code == errors[0]["exit_code"]  # a run may find room to begin and none to start
        told = {each["run_id"] for each in done.records[1:-1] if each["run_id"]}
        assert told <= set(journals(runlore))
        (disk / "greedy").unlink()
        again = runlore.ok("submit", "--from", path)
        assert sorted(again.lines) == journals(runlore)
        assert keys(runlore) == {f"k{number}": 1 for number in range(6)}
        ended = [line.partition("  ")[2] for line in runlore("wait", *again.lines).lines]
        assert len(ended) == len(again.lines)
        assert {line for line in ended if not line.startswith("succeeded")} <= {"failed (not started)"}
    finally:
        runlore.kill_all()
        subprocess.run(["umount", "--lazy", disk], check=True)
