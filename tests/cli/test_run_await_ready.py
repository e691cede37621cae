"""`runlore run --await-ready`: booting until something inside says `runlore emit ready`."""

import signal
import subprocess
from pathlib import Path

import pytest

from runlore.cli.main import is_foreground, spelled_out
from tests.cli.command import Runlore

SERVER = "echo warming up; runlore emit ready; exec sleep 600"


def catches_interrupts(pid: int) -> bool:
    """Say whether the process has a handler for Ctrl-C by now."""
    (mask,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "SigCgt" in line]
    return bool(int(mask.split()[1], 16) >> (signal.SIGINT - 1) & 1)


def test_it_returns_once_the_run_is_ready(runlore: Runlore) -> None:
    """With the id, and the run is running by then."""
    done = runlore.ok("run", "-d", "--await-ready", "30s", "sh", "-c", SERVER)

    assert (done.stderr, len(done.lines)) == ("", 1)
    assert runlore.ok("show", done.lines[0], "--fields", "status").stdout == "running\n"


def test_it_is_booting_meanwhile(runlore: Runlore) -> None:
    """Everybody sees that it is not ready, and `emit ready` from anywhere inside makes it so."""
    with runlore.started("run", "-d", "--await-ready", "sleep", "600") as process:
        runlore.until(lambda: "booting" in runlore("ps").stdout)
        (run_id,) = runlore.ok("ls", "-q").lines
        runlore.ok("emit", "ready", env={"RUNLORE_RUN_ID": run_id})
        assert process.wait(30) == 0
        assert process.stdout is not None
        assert process.stdout.read().decode().strip() == run_id


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--await-ready", "0.2", "sleep", "600"], "not ready after 0.2 s"),
        (["--await-ready", "sh", "-c", "exit 3"], "it failed before it was ready: exit code 3"),
        (["--await-ready", "true"], "it succeeded before it was ready"),
    ],
    ids=str,
)
def test_a_run_that_is_never_ready(runlore: Runlore, words: list[str], text: str) -> None:
    """1, with the id on stdout and the reason on stderr: it is on record."""
    done = runlore("run", "-d", *words, code=1)

    assert text in done.stderr
    assert runlore.ok("show", done.lines[0], "-q").lines == done.lines


def test_in_the_foreground(runlore: Runlore) -> None:
    """The exit code is the command's, and what ended it is said."""
    late = runlore("run", "--await-ready", "0.2", "sleep", "600", code=143)
    runlore.ok("run", "--await-ready", "sh", "-c", "runlore emit ready")
    three = runlore("run", "--await-ready=30s", "sh", "-c", "exit 3", code=3)

    assert "not ready after 0.2 s" in late.stderr
    assert "failed before it was ready" in three.stderr
    shown = runlore.ok("ls", "--fields", "status,reason.code").lines
    assert shown == ["failed\texit_nonzero", "succeeded\t", "failed\tboot_timeout"]


def test_ctrl_c_leaves_the_run_alone(runlore: Runlore) -> None:
    """Who waits may go; the run goes on booting, and its id is told."""
    with runlore.started("run", "-d", "--await-ready", "sleep", "600") as process:
        runlore.until(lambda: "booting" in runlore("ps").stdout)
        runlore.until(lambda: catches_interrupts(process.pid))
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == -signal.SIGINT
        assert process.stderr is not None
        assert "goes on" in process.stderr.read().decode()

    assert runlore.ok("ls", "--fields", "status").stdout == "booting\n"


def test_the_same_limit_when_it_is_run_again(runlore: Runlore) -> None:
    """The recipe has it, so the command that runs it again has it too."""
    runlore.ok("run", "--await-ready", "90", "true")

    assert "--await-ready=1m30s" in runlore.ok("show", "--json").json["rerun"]
    dry = runlore.ok("run", "--dry-run", "--await-ready", "90", "--json", "true").json
    assert dry["await_ready_s"] == 90


@pytest.mark.parametrize(
    ("words", "spelled"),
    [
        ("run --await-ready ls", "run --await-ready=60s ls"),
        ("run --await-ready 5 ls", "run --await-ready=5 ls"),
        ("run --await-ready 1m30s -d ls", "run --await-ready=1m30s -d ls"),
        ("run --await-ready -d ls", "run --await-ready=60s -d ls"),
        ("run --await-ready -- 5", "run --await-ready=60s -- 5"),
        ("run --await-ready", "run --await-ready=60s"),
        ("run --await-ready 7z x", "run --await-ready=60s 7z x"),
        ("run --name --await-ready ls", "run --name --await-ready ls"),
        ("run -- --await-ready 5", "run -- --await-ready 5"),
        ("run ls --await-ready 5", "run ls --await-ready 5"),
        ("run --await-ready=5 ls", "run --await-ready=5 ls"),
        ("ps --await-ready 5", "ps --await-ready 5"),
    ],
)
def test_the_next_word_is_a_time_if_it_looks_like_one(words: str, spelled: str) -> None:
    """TIME may be left out, and CMD is never taken for it."""
    assert spelled_out(words.split()) == spelled.split()


def test_whose_exit_code_it_is(runlore: Runlore) -> None:
    """The early look at argv takes the time for what it is."""
    assert not is_foreground(spelled_out(["run", "--await-ready", "5", "-d", "ls"]))
    assert is_foreground(spelled_out(["run", "--await-ready", "ls", "-d"]))
    assert "is not a duration" in runlore("run", "--await-ready=soon", "true", code=125).stderr


def test_the_keeper_dies_while_somebody_waits(runlore: Runlore) -> None:
    """Whoever waits goes on waiting for the next keeper's word, in the journal."""
    with runlore.started("run", "-d", "--await-ready", "sleep", "600", stderr=subprocess.PIPE) as process:
        runlore.until(lambda: "booting" in runlore("ps").stdout)
        view = runlore.ok("show", "--json").json
        runlore.until((runlore.root / "runs" / view["run_id"] / "wrapper").exists)
        subprocess.run(["kill", "-9", str(view["owner"]["pid"])], check=True)
        runlore.ok("emit", "ready", env={"RUNLORE_RUN_ID": view["run_id"]})
        assert process.wait(30) == 0

    assert runlore.ok("show", "--fields", "status,owner_epoch").stdout == "running\t2\n"
