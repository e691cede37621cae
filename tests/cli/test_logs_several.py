"""`runlore logs` of several runs, and where a window of time ends."""

import os
import re
import signal

import pytest

from tests.cli.command import Runlore

LINES = 200
CHATTER = f"n=0; while [ $n -lt {LINES} ]; do n=$((n+1)); printf half-; echo $1-$n; done"


def test_each_line_says_whose_it_is(runlore: Runlore) -> None:
    """Names are aligned, and lines are in the order of the time at which they came."""
    runlore.ok("run", "-q", "--name", "api", "sh", "-c", "echo one; sleep 0.05; echo two >&2")
    runlore.ok("run", "-q", "--name", "worker", "echo", "three")
    done = runlore.ok("logs", "worker", "api")

    assert done.lines == ["api     | one", "api     | two", "worker  | three"]
    assert done.stderr == ""


def test_runs_of_one_name_are_told_apart(runlore: Runlore) -> None:
    """By their short ids; a run without a name has nothing else."""
    ids: list[str] = []
    for words in (["--name", "api", "echo", "a"], ["--name", "api", "echo", "b"], ["echo", "c"]):
        ids.append(runlore.ok("run", "-q", "-d", *words).stdout.strip())
        runlore.ok("wait", ids[-1])  # output is in the order in which it was taken in
    shown = runlore.ok("logs", *ids).lines

    assert shown == [
        f"api/{ids[0][-8:]}  | a",
        f"api/{ids[1][-8:]}  | b",
        f"{ids[2][-8:]}      | c",
    ]


def test_a_run_named_twice_is_shown_once(runlore: Runlore) -> None:
    """And, as it is alone, without a name before its lines."""
    run_id = runlore.ok("run", "-q", "-d", "--name", "api", "echo", "x").stdout.strip()
    runlore.ok("wait", run_id)

    assert runlore.ok("logs", run_id, "api").stdout == "x\n"


def test_no_line_is_mixed_lost_or_torn(runlore: Runlore) -> None:
    """Runs that write at once, each line in two halves, to their very end."""
    script = runlore.home / "chatter.sh"
    script.write_text(CHATTER)
    names = ("aa", "b", "cccc")
    for name in names:
        runlore.begin("--name", name, "sh", str(script), name)
    done = runlore.ok("logs", "-f", *names)

    for name in names:
        own = [line for line in done.lines if line.startswith(f"{name:4}  | ")]
        assert own == [f"{name:4}  | half-{name}-{n}" for n in range(1, LINES + 1)]
    assert len(done.lines) == LINES * len(names)


def test_the_last_lines_are_those_of_each_run(runlore: Runlore) -> None:
    """As docker compose and kubectl count."""
    for name in ("a", "b"):
        runlore.ok("run", "-q", "--name", name, "seq", "5")

    assert runlore.ok("logs", "-n", "2", "a", "b").lines == ["a  | 4", "a  | 5", "b  | 4", "b  | 5"]
    assert runlore.ok("logs", "-n", "0", "a", "b").lines == []


def test_following_only_what_comes(runlore: Runlore) -> None:
    """`-n 0 -f` begins with the next line, of whichever run."""
    script = (
        "echo old; while [ ! -e go ]; do sleep 0.02; done; echo new; while [ ! -e end ]; do sleep 0.02; done"
    )
    runs = [runlore.begin("--name", name, "sh", "-c", script) for name in ("a", "b")]
    for run_id in runs:
        runlore.until_written(run_id, "old")
    with runlore.started("logs", "-f", "-n", "0", "--json", "a", "b") as process:
        assert process.stdout is not None
        assert b'"ready"' in process.stdout.readline()
        (runlore.home / "go").touch()
        texts = [process.stdout.readline() for _ in range(2)]
        (runlore.home / "end").touch()
        rest = process.stdout.read()
        assert process.wait() == 0

    assert all(b'"text":"new"' in text for text in texts)
    assert rest.count(b"\n") == 1
    assert b'"reason":"ended"' in rest


def test_a_line_that_has_not_ended_waits_in_a_pipe(runlore: Runlore) -> None:
    """Another run does not tear it; what has no newline in the end comes with the end."""
    runlore.begin(
        "--name", "slow", "sh", "-c", "printf half; while [ ! -e go ]; do sleep 0.02; done; printf -- -end"
    )
    quick = runlore.begin("--name", "quick", "echo", "whole")
    runlore.ok("wait", quick)
    with runlore.started("logs", "-f", "slow", "quick") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"quick  | whole\n"
        (runlore.home / "go").touch()
        assert process.stdout.read() == b"slow   | half-end\n"


def test_following_survives_whoever_is_killed(runlore: Runlore) -> None:
    """A keeper that is replaced, or a wrapper that is gone: the output goes on, and ends with the runs."""
    script = "echo up; while [ ! -e go ]; do sleep 0.02; done; seq 1000; echo tail"
    runs = [runlore.begin("--name", name, "sh", "-c", script) for name in ("a", "b")]
    with runlore.started("logs", "-f", "a", "b") as process:
        assert process.stdout is not None
        assert sorted(process.stdout.readline() for _ in runs) == [b"a  | up\n", b"b  | up\n"]
        for run_id, part in zip(runs, ("owner.pid", "handle.wrapper_pid"), strict=True):
            pid = int(runlore.ok("show", run_id, "--fields", part).stdout)
            os.kill(pid, signal.SIGKILL)
        (runlore.home / "go").touch()
        rest = process.stdout.read().decode().splitlines()
        assert process.wait() == 0

    for name in "ab":
        own = [line for line in rest if line.startswith(f"{name}  | ")]
        assert own == [*(f"{name}  | {n}" for n in range(1, 1001)), f"{name}  | tail"]


def test_a_hole_is_marked_where_it_is(runlore: Runlore) -> None:
    """What a limit gave up is a line of its own, with the name of its run."""
    runlore.ok("run", "-q", "--name", "big", "--output-limit", "8KiB", "seq", "400000")
    runlore.ok("run", "-q", "--name", "small", "echo", "x")
    lines = runlore.ok("logs", "big", "small").lines
    gaps = [line for line in lines if "are missing here" in line]

    assert len(gaps) == 1
    assert re.fullmatch(r"big    \| \[[\d,]+ bytes of stdout are missing here\]", gaps[0])
    assert (lines[0], lines[-2:]) == ("big    | 1", ["big    | 400000", "small  | x"])
    missing = int(gaps[0].split("[")[1].split()[0].replace(",", ""))
    whole = sum(len(f"{n}\n") for n in range(1, 400001))
    kept = runlore.ok("logs", "--raw", "big").stdout
    assert len(kept) + missing == whole


def test_one_without_output_hides_no_other(runlore: Runlore) -> None:
    """The others are shown; what is missing is said, and the exit code tells."""
    run_id = runlore.ok("run", "-q", "-d", "--name", "gone", "echo", "x").stdout.strip()
    runlore.ok("run", "-q", "--name", "there", "echo", "y")
    runlore.ok("wait", run_id)
    (runlore.root / "runs" / run_id / "transcript").unlink()
    done = runlore("logs", "-f", "gone", "there", code=3)

    assert done.stdout == "there  | y\n"
    assert f"run {run_id} has no transcript" in done.stderr


def test_ctrl_c_leaves_all_of_them_alone(runlore: Runlore) -> None:
    """And says how to follow them again."""
    runs = [runlore.begin("--name", name, "sh", "-c", "echo up; sleep 60") for name in ("a", "b")]
    with runlore.started("logs", "-f", "a", "b") as process:
        assert process.stdout is not None
        for _ in runs:
            process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()

    assert process.returncode == -signal.SIGINT
    again = " ".join(run_id[-8:] for run_id in runs)
    assert errors.decode() == f"2 runs go on; `runlore logs -f {again}` follows them again\n"
    assert runlore.ok("ps", "-q", "--status", "running").stdout.count("\n") == 2


def test_a_reader_that_leaves_ends_it_quietly(runlore: Runlore) -> None:
    """As every program in a pipe."""
    for name in ("a", "b"):
        runlore.ok("run", "-q", "--name", name, "seq", "100000")
    done = runlore.shell("$RUNLORE logs a b | head -1; echo ${PIPESTATUS[0]}")

    assert done.stdout == "a  | 1\n141\n"
    assert done.stderr == ""


@pytest.mark.parametrize("runs", ["a", "a b"])
def test_a_reader_that_leaves_ends_it_though_nothing_comes(runlore: Runlore, runs: str) -> None:
    """A follower of silent runs does not stay behind for ever."""
    for name in ("a", "b"):
        runlore.begin("--name", name, "sh", "-c", "echo up; sleep 60")
    done = runlore.shell(f"$RUNLORE logs -f {runs} | head -1; echo ${{PIPESTATUS[0]}}")

    assert done.stdout.split()[-1] == "141"
    assert done.stderr == ""


def test_following_until_a_time_ends_there(runlore: Runlore) -> None:
    """Whether or not anything is written; the run goes on."""
    run_id = runlore.begin("sh", "-c", "echo up; sleep 60")
    runlore.until_written(run_id, "up")
    for words in ([], ["-t"], ["--json"]):
        runlore.ok("logs", "-f", "--until", "0s", *words)
    last = runlore.ok("logs", "-f", "--until", "0s", "--json", run_id).records[-1]

    assert (last["type"], last["reason"]) == ("end", "until")
    assert runlore.ok("logs", "-f", "-n", "1", "--until", "0s").stdout == "up\n"
    assert runlore.ok("show", run_id, "--fields", "status").stdout == "running\n"


def test_the_last_lines_before_a_time(runlore: Runlore) -> None:
    """-n counts back from --until."""
    script = "seq 3; while [ ! -e go ]; do sleep 0.02; done; seq 4 6"
    run_id = runlore.begin("sh", "-c", script)
    runlore.until_written(run_id, "3")
    first = runlore.ok("logs", "--json", "-n", "1", run_id).records[1]["at"]
    (runlore.home / "go").touch()
    runlore.ok("wait", run_id)
    later = runlore.ok("logs", "--json", "-n", "1", run_id).records[1]["at"]

    assert first < later
    assert runlore.ok("logs", "-n", "2", "--until", later, run_id).lines == ["2", "3"]
    assert runlore.ok("logs", "--until", first, run_id).lines == []


@pytest.mark.parametrize("words", [["--raw"], ["-t", "--raw"]], ids=" ".join)
def test_raw_bytes_of_two_runs_are_refused(ended: Runlore, words: list[str]) -> None:
    """Nothing would tell them apart."""
    assert ended("logs", "good", "bad", *words, code=2).stderr.count("\n") == 1


def test_colours_are_one_per_run(runlore: Runlore) -> None:
    """Where colours are wanted, and only on the name."""
    for name in ("a", "b"):
        runlore.ok("run", "-q", "--name", name, "echo", "x")

    assert runlore.ok("logs", "a", "b", "--color", "always").lines == [
        "\x1b[36ma  |\x1b[0m x",
        "\x1b[33mb  |\x1b[0m x",
    ]


def test_a_long_name_leaves_room_for_the_text(runlore: Runlore) -> None:
    """It is cut; a short one beside it is aligned with what is left of it."""
    runlore.ok("run", "-q", "--name", "a", "echo", "x")
    runlore.ok("run", "-q", "--name", "b" * 60, "echo", "y")

    assert runlore.ok("logs", "a", "b" * 60).lines == [f"a{'':23}  | x", f"{'b' * 23}…  | y"]
