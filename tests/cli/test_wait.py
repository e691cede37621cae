"""`runlore wait`: until runs have ended, and what that means for the exit code."""

import os
import signal

import pytest

from tests.cli.command import Runlore, keepers_waited_for, waits_for_a_keeper


def test_success_is_0_and_everything_else_1(ended: Runlore) -> None:
    """All of them have to have succeeded."""
    good = ended.ok("ls", "-q", "--name", "good").lines

    assert [line.split()[1] for line in ended.ok("wait", *good).lines] == ["succeeded", "succeeded"]
    for name in ("bad", "killed", "late", "missing"):
        ended("wait", name, code=1)
    ended("wait", *good, "bad", code=1)


def test_waiting_ends_with_the_run(runlore: Runlore) -> None:
    """Not before, and without a word of ours in between."""
    run_id = runlore.begin("sleep", "0.3")

    assert runlore.ok("wait", run_id).stdout.startswith(f"{run_id[-8:]}  succeeded  ")


def test_time_that_runs_out_is_124(runlore: Runlore) -> None:
    """The run goes on; JSON says timed_out."""
    run_id = runlore.begin("sleep", "60")
    done = runlore("wait", run_id, "--timeout", "0.2", code=124)
    view = runlore("wait", run_id, "--timeout", "0", "--json", code=124).json

    assert done.stderr == "timed out; 1 run still going\n"
    assert (view["schema"], view["timed_out"], view["counts"]) == ("runlore.wait/1", True, {"running": 1})


def test_any_is_content_with_the_first(runlore: Runlore) -> None:
    """The one that ended decides; the other goes on."""
    slow, quick = runlore.begin("sleep", "60"), runlore.begin("sh", "-c", "exit 0")

    assert runlore.ok("wait", "--any", "-q", slow, quick).lines == [quick]
    assert runlore.ok("show", slow, "--fields", "status").stdout == "running\n"


def test_a_run_whose_keeper_is_killed_has_ended(runlore: Runlore) -> None:
    """Its end is noticed, counts as a failure, and is written down."""
    run_id = runlore.begin("sleep", "60")
    with runlore.started("wait", run_id) as process:
        runlore.kill_all_but(process.pid)
        output, _ = process.communicate()

    assert process.returncode == 1
    assert b"failed (lost)" in output
    assert runlore.ok("show", run_id, "--json").json["provisional"] is False


def test_ctrl_c_stops_nothing_and_says_so(runlore: Runlore) -> None:
    """Whoever is tired of waiting leaves."""
    run_id = runlore.begin("sleep", "60")
    with runlore.started("wait", run_id) as process:
        runlore.until(lambda: waits_for_a_keeper(process.pid))
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()

    assert process.returncode == -signal.SIGINT
    assert errors == b"1 run not waited for any longer; nothing was stopped\n"
    assert runlore.ok("show", run_id, "--fields", "status").stdout == "running\n"


def test_ctrl_c_counts_the_runs_that_are_left(runlore: Runlore) -> None:
    """One of two ended while both were waited for."""
    os.mkfifo(runlore.home / "gate")
    both = [runlore.begin("sleep", "60"), runlore.begin("cat", str(runlore.home / "gate"))]
    with runlore.started("wait", *both) as process:
        runlore.until(lambda: keepers_waited_for(process.pid) == 2)
        (runlore.home / "gate").write_text("")
        runlore.until(lambda: keepers_waited_for(process.pid) == 1)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()

    assert errors == b"1 run not waited for any longer; nothing was stopped\n"


@pytest.mark.parametrize("text", ["5 parsecs", "-1", "1e400", "", "NaN"])
def test_a_timeout_that_is_none_is_refused(ended: Runlore, text: str) -> None:
    """It is never taken for "for ever" or "not at all"."""
    ended("wait", "good", "--timeout", text, code=2)
