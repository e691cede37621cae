"""`runlore stop`: asks, waits until it is over, and says what became of it."""

import os
import signal

import pytest

from tests.cli.command import Runlore, waits_for_a_keeper

STUBBORN = "trap '' TERM; echo ready; while :; do sleep 0.05; done"


def test_it_is_over_when_stop_says_so(runlore: Runlore) -> None:
    """Nothing of the run's tree is left, the run is cancelled, the reason is on record."""
    run_id = runlore.begin("sh", "-c", "sleep 60 & exec sleep 60")
    done = runlore.ok("stop", run_id, "--reason", "disk is needed")

    assert done.stdout.startswith(f"{run_id[-8:]}  cancelled  ")
    view = runlore.ok("show", run_id, "--json").json
    assert (view["status"], view["signal"], view["stop"]["reason"]) == ("cancelled", 15, "disk is needed")
    runlore.until(lambda: not runlore.processes())


def test_what_ignores_term_is_killed_after_the_grace(runlore: Runlore) -> None:
    """The grace is the caller's choice."""
    run_id = runlore.begin("sh", "-c", STUBBORN)
    runlore.until_written(run_id, "ready")
    runlore.ok("stop", run_id, "--grace", "0.2")

    assert runlore.ok("show", run_id, "--fields", "status,signal").stdout == "cancelled\t9\n"


def test_force_skips_the_grace(runlore: Runlore) -> None:
    """KILL at once."""
    run_id = runlore.begin("sh", "-c", STUBBORN)
    runlore.until_written(run_id, "ready")
    runlore.ok("stop", run_id, "--force", "--grace", "1h")

    assert runlore.ok("show", run_id, "--fields", "signal,stop.force").stdout == "9\ttrue\n"


def test_a_second_request_says_that_there_was_a_first(runlore: Runlore) -> None:
    """The first time and reason stand; a forced one still makes it quicker."""
    run_id = runlore.begin("sh", "-c", STUBBORN)
    runlore.until_written(run_id, "ready")
    with runlore.started("stop", run_id, "--reason", "first", "--grace", "1h") as waiting:
        runlore.until(lambda: runlore.ok("show", run_id, "--fields", "stop.reason").stdout == "first\n")
        done = runlore.ok("stop", run_id, "--reason", "second", "--force")
        assert waiting.wait() == 0

    assert f"run {run_id} was asked to stop already" in done.stderr
    assert done.stderr.rstrip().endswith("first")
    assert runlore.ok("show", run_id, "--fields", "stop.reason").stdout == "first\n"


def test_a_run_that_has_ended_cannot_be_stopped(ended: Runlore) -> None:
    """That is told apart from one that is not there."""
    told = ended("stop", "bad", code=5).stderr
    assert told.endswith("has already ended: the request to stop it was not recorded\n")
    ended("stop", "nobody-here", code=3)


def test_stopping_what_was_cancelled_is_no_error(runlore: Runlore) -> None:
    """What was wanted is so."""
    run_id = runlore.begin("sleep", "60")
    runlore.ok("stop", run_id)

    assert "cancelled" in runlore.ok("stop", run_id).stdout


def test_one_that_is_refused_keeps_no_other_alive(runlore: Runlore) -> None:
    """All that can be stopped are; the exit code tells of the one that could not."""
    gone = runlore.ok("run", "-q", "-d", "true").stdout.strip()
    runlore.ok("wait", gone)
    live = runlore.begin("sleep", "60")
    done = runlore("stop", gone, live, code=5)

    assert gone in done.stderr
    assert done.stdout.startswith(f"{live[-8:]}  cancelled")


def test_a_name_means_the_live_run_of_that_name(runlore: Runlore) -> None:
    """Earlier runs of the same name do not make it ambiguous."""
    runlore.ok("run", "-q", "--name", "nightly", "true")
    live = runlore.begin("--name", "nightly", "sleep", "60")

    assert runlore.ok("stop", "nightly", "-q").lines == [live]


def test_several_live_runs_of_a_name_are_not_guessed_among(runlore: Runlore) -> None:
    """None is stopped; both are listed."""
    both = [runlore.begin("--name", "nightly", "sleep", "60") for _ in range(2)]
    done = runlore("stop", "nightly", code=3)

    assert all(run_id in done.stderr for run_id in both)
    assert runlore.ok("ps", "--json").json["counts"] == {"running": 2}


def test_ctrl_c_ends_the_waiting_and_the_request_stands(runlore: Runlore) -> None:
    """Whoever asked may leave before it is over."""
    run_id = runlore.begin("sh", "-c", STUBBORN)
    runlore.until_written(run_id, "ready")
    with runlore.started("stop", run_id, "--grace", "1h") as process:
        runlore.until(lambda: waits_for_a_keeper(process.pid))
        process.send_signal(signal.SIGINT)
        _, talk = process.communicate()

    assert process.returncode == -signal.SIGINT
    assert talk == b"not waited for any longer; the request to stop stands\n"
    assert runlore.ok("show", run_id, "--fields", "status").stdout == "running\n"


def test_a_dry_run_stops_nothing(runlore: Runlore) -> None:
    """It shows which runs are meant."""
    run_id = runlore.begin("--name", "n", "sleep", "60")
    done = runlore.ok("stop", "n", "--dry-run")
    view = runlore.ok("stop", "n", "--dry-run", "--json").json

    assert done.stdout == f"{run_id[-8:]}  running  would be stopped: n\n"
    assert (view["dry_run"], view["items"][0]["run_id"]) == (True, run_id)
    assert runlore.ok("show", run_id, "--fields", "status,stop.reason").stdout == "running\t\n"


def test_without_an_id_nothing_is_stopped(runlore: Runlore) -> None:
    """A destructive verb without an argument is an error."""
    runlore.begin("sleep", "60")
    runlore("stop", code=2)

    assert runlore.ok("ps", "--json").json["counts"] == {"running": 1}


@pytest.mark.parametrize("grace", ["-1", "5 parsecs", "1e400s", ""])
def test_a_grace_that_is_none_is_refused(ended: Runlore, grace: str) -> None:
    """It is never taken for no grace at all."""
    ended("stop", "good", "--grace", grace, code=2)


def test_a_stopped_owner_is_named(runlore: Runlore) -> None:
    """Nothing gets on while its keeper is stopped: who waits is told so, and what lets it go on."""
    run_id = runlore.begin("sleep", "60")
    keeper = runlore.ok("show", run_id, "--json").json["owner"]["pid"]
    os.kill(keeper, signal.SIGSTOP)
    with runlore.started("stop", run_id) as stopping, runlore.started("wait", run_id) as waiting:
        for process in (stopping, waiting):
            assert process.stderr is not None
            told = process.stderr.readline().decode()
            assert told == (
                f"run {run_id[-8:]} does not get on: its owner, process {keeper}, is stopped; "
                f"let it go on: `kill -CONT {keeper}`\n"
            )
        os.kill(keeper, signal.SIGCONT)
        assert (stopping.wait(), waiting.wait()) == (0, 1)


def test_a_stopped_owner_is_named_by_who_removes_its_run(runlore: Runlore) -> None:
    """`rm --force` waits for it as `stop` does, and removes the run once it has gone on."""
    run_id = runlore.begin("sleep", "60")
    keeper = runlore.ok("show", run_id, "--json").json["owner"]["pid"]
    os.kill(keeper, signal.SIGSTOP)
    with runlore.started("rm", "--force", run_id) as removing:
        assert removing.stderr is not None
        told = removing.stderr.readline().decode()
        assert f"its owner, process {keeper}, is stopped; let it go on: `kill -CONT {keeper}`" in told
        os.kill(keeper, signal.SIGCONT)
        assert removing.wait() == 0
    assert runlore.ok("trash", "-q").lines == [run_id]
