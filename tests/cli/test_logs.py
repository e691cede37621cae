"""`runlore logs`: what the command wrote, to its last byte, and nothing a terminal would obey."""

import re
import signal

import pytest

from tests.cli.command import Runlore

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z "


@pytest.fixture(scope="module")
def talkative(tmp_path_factory: pytest.TempPathFactory) -> Runlore:
    """A registry with one run that wrote ten lines, three of them to stderr, the last without a newline."""
    command = Runlore(root=tmp_path_factory.mktemp("r") / "registry", home=tmp_path_factory.mktemp("h"))
    script = (
        "for n in 1 2 3 4 5 6 7; do echo line $n; done; sleep 0.1; echo e1 >&2; echo e2 >&2; printf e3 >&2"
    )
    command.ok("run", "-q", "sh", "-c", script)
    return command


def test_both_streams_are_data(talkative: Runlore) -> None:
    """Everything goes to stdout, in the order it was read; the last line gets its newline."""
    done = talkative.ok("logs", "latest")

    assert done.lines == [*(f"line {n}" for n in range(1, 8)), "e1", "e2", "e3"]
    assert done.stdout.endswith("e3\n")
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-n", "0"], []),
        (["-n", "2"], ["e2", "e3"]),
        (["-n", "4"], ["line 7", "e1", "e2", "e3"]),
        (["-n", "1000"], [*(f"line {n}" for n in range(1, 8)), "e1", "e2", "e3"]),
        (["--stream", "stderr"], ["e1", "e2", "e3"]),
        (["--stream", "stdout", "-n", "2"], ["line 6", "line 7"]),
        (["--since", "1h"], [*(f"line {n}" for n in range(1, 8)), "e1", "e2", "e3"]),
        (["--since", "0s"], []),
        (["--until", "1h"], []),
        (["--since", "2020-01-01", "--until", "2020-01-02"], []),
    ],
    ids=" ".join,
)
def test_parts_of_it(talkative: Runlore, words: list[str], expected: list[str]) -> None:
    """The last lines, one stream, a span of time."""
    done = talkative.ok("logs", "latest", *words)

    assert done.lines == expected
    assert ("nothing to show" in done.stderr) is not bool(expected)


def test_each_line_with_its_time(talkative: Runlore) -> None:
    """-t says when a line came, in UTC, to the millisecond."""
    assert all(
        re.match(STAMP + r"(line \d|e\d)$", line) for line in talkative.ok("logs", "latest", "-t").lines
    )


def test_raw_is_raw(runlore: Runlore) -> None:
    """Byte for byte what the stream carried: no newline added, nothing escaped."""
    runlore.ok("run", "-q", "sh", "-c", r"printf '\033[31mred\0\377'; printf 'err' >&2")

    raw = runlore.ok("logs", "--raw", "--stream", "stdout").stdout.encode("utf-8", "surrogateescape")
    assert raw == b"\x1b[31mred\0\xff"
    assert runlore.ok("logs", "--raw", "--stream", "stderr").stdout == "err"


def test_nothing_drives_the_readers_terminal(runlore: Runlore) -> None:
    """Escapes are visible, on a terminal and in a pipe; newlines stay, tabs become blanks."""
    runlore.ok("run", "-q", "sh", "-c", r"printf 'a\033[2J\007\ttab\rover\377\n'")

    shown = runlore.ok("logs").stdout
    assert not set(shown) & {"\x1b", "\x07", "\r"}
    assert "\\x1b[2J\\x07" in shown
    assert "\\rover\\xff\n" in shown


def test_colours_pass_only_if_asked_for(runlore: Runlore) -> None:
    """--color=always lets SGR sequences through and nothing else, and leaves no colour behind."""
    runlore.ok("run", "-q", "sh", "-c", r"printf '\033[31mred\033[2J\n'")

    assert runlore.ok("logs").stdout == "\\x1b[31mred\\x1b[2J\n"
    assert runlore.ok("logs", "--color", "always").stdout == "\x1b[31mred\\x1b[2J\x1b[0m\n"


def test_json_is_a_stream_of_lines(talkative: Runlore) -> None:
    """`ready` first, then lines with stream and time, `end` last with why."""
    first, *lines, last = talkative.ok("logs", "latest", "--json").records

    assert (first["type"], last["type"], last["reason"]) == ("ready", "end", "ended")
    assert {line["type"] for line in lines} == {"line"}
    assert [line["text"] for line in lines][-3:] == ["e1", "e2", "e3"]
    assert [line["newline"] for line in lines][-2:] == [True, False]
    assert lines[0]["stream"] == "stdout"


def test_a_run_that_wrote_nothing_says_so(runlore: Runlore) -> None:
    """An empty answer is explained."""
    runlore.ok("run", "-q", "true")
    done = runlore.ok("logs", "latest")

    assert done.stdout == ""
    assert "nothing to show of run " in done.stderr


def test_a_transcript_that_is_gone_is_said_to_be(runlore: Runlore) -> None:
    """A run without its output is not a run without output."""
    run_id = runlore.ok("run", "-q", "-d", "echo", "x").stdout.strip()
    runlore.ok("wait", run_id)
    (runlore.root / "runs" / run_id / "transcript").unlink()
    done = runlore("logs", run_id, code=3)

    assert "has no transcript" in done.stderr
    assert f"runlore show {run_id}" in done.stderr


def test_following_ends_with_the_run_and_its_tail(runlore: Runlore) -> None:
    """Nothing of the end is lost, however fast it comes."""
    run_id = runlore.begin("sh", "-c", "echo first; sleep 0.3; seq 5000; printf tail")
    done = runlore.ok("logs", "-f", run_id)

    assert done.stdout == "first\n" + "".join(f"{n}\n" for n in range(1, 5001)) + "tail\n"


def test_following_a_run_that_has_ended_ends_at_once(talkative: Runlore) -> None:
    """-f of an ended run is the whole output."""
    assert talkative.ok("logs", "-f", "latest").stdout == talkative.ok("logs", "latest").stdout


def test_following_begins_where_asked(runlore: Runlore) -> None:
    """`-f -n 1`: the last line so far, then what comes."""
    run_id = runlore.begin(
        "sh", "-c", "echo one; echo two; while [ ! -e go ]; do sleep 0.02; done; echo three"
    )
    runlore.until_written(run_id, "two")
    with runlore.started("logs", "-f", "-n", "1", run_id) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"two\n"
        (runlore.home / "go").touch()
        assert process.stdout.read() == b"three\n"
        assert process.wait() == 0


def test_a_prompt_without_a_newline_is_seen_while_it_waits(runlore: Runlore) -> None:
    """Whoever follows sees `Username: ` before its line has ended.

    What announces a secret waits for what follows it: docs/how-to/keep-secrets-out.md
    """
    run_id = runlore.begin("sh", "-c", "printf 'Username: '; sleep 60")
    with runlore.started("logs", "-f", run_id) as process:
        assert process.stdout is not None
        assert process.stdout.read(10) == b"Username: "


def test_ctrl_c_ends_the_following_and_not_the_run(runlore: Runlore) -> None:
    """And says so."""
    run_id = runlore.begin("sh", "-c", "echo ready; sleep 60")
    with runlore.started("logs", "-f", run_id) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()

    assert process.returncode == -signal.SIGINT
    assert errors.decode() == f"run {run_id} goes on; `runlore logs -f {run_id[-8:]}` follows it again\n"
    assert runlore.ok("show", run_id, "--fields", "status").stdout == "running\n"


def test_following_a_run_whose_keeper_is_killed_ends(runlore: Runlore) -> None:
    """A follower does not wait for a word that nobody will ever write."""
    run_id = runlore.begin("sh", "-c", "echo ready; sleep 60")
    with runlore.started("logs", "-f", run_id) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        runlore.kill_all_but(process.pid)
        assert process.wait() == 0


@pytest.mark.parametrize(
    "words",
    [["-n", "-1"], ["-n", "x"], ["--stream", "both"], ["--since", "5 parsecs"], ["--raw", "-t"]],
    ids=" ".join,
)
def test_what_cannot_be_asked_is_refused(talkative: Runlore, words: list[str]) -> None:
    """One line, exit 2."""
    assert talkative("logs", *words, code=2).stderr.count("\n") == 1


def test_a_character_cut_between_two_reads_is_not_torn(runlore: Runlore) -> None:
    """Bytes of one letter that came at different times are that letter, while following and afterwards."""
    script = r"printf 'a\342'; sleep 0.2; printf '\202\254b\n'; printf '\342'"
    run_id = runlore.begin("sh", "-c", script)

    assert runlore.ok("logs", "-f", run_id).stdout == "a€b\n\\xe2\n"
    assert runlore.ok("logs", run_id).stdout == "a€b\n\\xe2\n"


def test_streams_that_interrupt_each_other_keep_their_lines_apart(runlore: Runlore) -> None:
    """A prompt on one stream is not glued to a line of the other."""
    taken_in = 'until grep -q {} "$RUNLORE_ROOT/runs/$RUNLORE_RUN_ID/transcript"; do sleep 0.01; done'
    steps = (
        "printf 'name: '",
        taken_in.format("name:"),
        "echo warning >&2",
        taken_in.format("warning"),
        "echo x",
    )
    runlore.ok("run", "-q", "sh", "-c", "; ".join(steps))

    assert runlore.ok("logs").stdout == "name: \nwarning\nx\n"


def test_line_ends_of_other_systems_are_line_ends(runlore: Runlore) -> None:
    """CR LF overwrites nothing; a CR alone does, and shows."""
    runlore.ok("run", "-q", "printf", r"one\r\ntwo\rthree\r\n")

    assert runlore.ok("logs").stdout == "one\ntwo\\rthree\n"
