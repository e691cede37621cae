"""`runlore doctor`: what is wrong, what it means, what to type; its exit code says whether that matters."""

import os
import signal

from tests.cli.command import Runlore


def test_a_lost_run_and_its_cure(runlore: Runlore) -> None:
    """It is named with the command that helps; after that it is found no more."""
    run_id = runlore.begin("sleep", "600")
    everybody = runlore.processes()
    for number in (signal.SIGSTOP, signal.SIGKILL):  # so that none of them sees another one end
        for pid in everybody:
            os.kill(pid, number)
    runlore.until(lambda: runlore.ok("show", run_id, "--fields", "provisional").stdout == "true\n")
    done = runlore("doctor", code=1)

    assert f"run_lost run {run_id}: " in done.stdout
    assert f"next: runlore reconcile {run_id}" in done.stdout
    assert runlore("doctor", "-q", code=1).lines == [run_id]
    runlore.ok("reconcile", run_id)
    assert "run_lost" not in runlore("doctor").stdout


def test_programs_get_codes(runlore: Runlore) -> None:
    """As JSON, and as fields for shells."""
    run_id = runlore.begin("sleep", "600")
    runlore.ok("pause", run_id)
    answer = runlore("doctor", "--json").json
    (paused,) = [item for item in answer["items"] if item["code"] == "run_paused"]

    assert paused["run_id"] == run_id
    assert (paused["severity"], paused["next"]) == ("info", f"runlore unpause {run_id}")
    assert answer["counts"]["info"] >= 1
    assert f"run_paused\t{run_id}\n" in runlore("doctor", "--fields", "code,run_id").stdout


def test_where_there_is_no_registry(runlore: Runlore) -> None:
    """Nothing is made by looking."""
    assert "runlore init" in runlore("doctor").stdout
    assert not list(runlore.root.glob("*"))


def test_a_registry_that_others_may_change(runlore: Runlore) -> None:
    """It is an error, whoever looks."""
    runlore.ok("init")
    runlore.root.chmod(0o777)

    assert "chmod go-w" in runlore("doctor", code=1).stdout
