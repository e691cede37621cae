"""`runlore signal`, `pause` and `unpause`: act on the run that is meant, and say what was done."""

import pytest

from tests.cli.command import Runlore

LISTENER = "trap 'echo heard' USR1; echo up; while :; do sleep 0.01; done"


def test_a_signal_by_name(runlore: Runlore) -> None:
    """The command hears it; `history` tells who sent it."""
    run_id = runlore.begin("--name", "server", "sh", "-c", LISTENER)
    runlore.until_written(run_id, "up")
    done = runlore.ok("signal", "-s", "usr1", "server")
    runlore.until_written(run_id, "heard")

    assert done.stdout == f"{run_id[-8:]}  running  SIGUSR1 to 1 process\n"
    assert "SIGUSR1 sent to process" in runlore.ok("history", run_id).stdout
    assert runlore.ok("signal", "-s", "10", run_id, "--json").json["items"][0]["changed"]


def test_pausing_shows_everywhere(runlore: Runlore) -> None:
    """`ps`, `show` and JSON tell it; the status stays what it was; twice is as good as once."""
    run_id = runlore.begin("sh", "-c", "sleep 600 & wait")
    assert runlore.ok("pause", run_id, "--reason", "lunch").stdout.startswith(
        f"{run_id[-8:]}  running, paused"
    )
    again = runlore.ok("pause", run_id, "--json").json["items"][0]

    assert (again["changed"], again["paused"], again["pids"]) == (False, True, [])
    assert "running, paused" in runlore.ok("ps").stdout
    assert runlore.ok("show", run_id, "--fields", "status,health,paused").stdout == "running\tlive\ttrue\n"
    assert "paused: lunch" in runlore.ok("history", run_id).stdout
    assert "paused" not in runlore.ok("unpause", run_id).stdout
    assert runlore.ok("unpause", run_id).stdout.endswith("nothing to do\n")
    runlore.ok("pause", run_id)
    assert "cancelled" in runlore.ok("stop", run_id).stdout


@pytest.mark.parametrize("words", [["signal", "-s", "HUP"], ["pause"], ["unpause"]], ids=str)
def test_what_cannot_be_acted_on(ended: Runlore, words: list[str]) -> None:
    """A run that is over is 5, none at all 3; no run at all is a usage error."""
    assert "already ended" in ended(*words, "bad", code=5).stderr
    ended(*words, "nobody", code=3)
    ended(*words, code=2)


@pytest.mark.parametrize("odd", ["0", "65", "NOPE", "", "-1", "9" * 50])
def test_a_signal_that_is_none(ended: Runlore, odd: str) -> None:
    """It is named, with the way to find the right one."""
    assert "no signal" in ended("signal", f"--signal={odd}", "bad", code=2).stderr


def test_no_signal_is_the_default(ended: Runlore) -> None:
    """Unlike `kill`: nobody ends a run by leaving something out."""
    assert "-s" in ended("signal", "bad", code=2).stderr
