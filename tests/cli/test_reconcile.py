"""`runlore reconcile`: what is shown already is written down."""

import pytest

from tests.cli.command import Runlore


@pytest.fixture
def lost(runlore: Runlore) -> str:
    """A run whose every process was killed."""
    run_id = runlore.begin("sleep", "60")
    runlore.kill_all()
    runlore.until(lambda: runlore.ok("show", run_id, "--fields", "status").stdout == "failed\n")
    return run_id


def test_a_dry_run_writes_nothing(runlore: Runlore, lost: str) -> None:
    """It tells what would be written."""
    before = runlore.journal(lost).read_bytes()
    done = runlore.ok("reconcile", "--dry-run")
    view = runlore.ok("reconcile", "--dry-run", "--json").json

    assert done.stdout.startswith(f"{lost}  failed (owner lost)")
    assert (view["schema"], view["dry_run"], view["items"][0]["written"]) == (
        "runlore.reconcile/1",
        True,
        False,
    )
    assert runlore.journal(lost).read_bytes() == before


def test_writing_changes_nothing_that_is_shown_but_provisional(runlore: Runlore, lost: str) -> None:
    """And the position, the head, the seal, the observation it rests on, and what its files tell."""
    may_change = {
        "provisional",
        "seq",
        "journal_head",
        "owner_epoch",
        "sealed",
        "observation",
        "health",
        "seen",
    }
    before = runlore.ok("show", lost, "--json").json
    done = runlore.ok("reconcile", lost)
    after = runlore.ok("show", lost, "--json").json
    for view in (before, after):
        del view["retention"]["reason"]  # the heartbeat, as long as it is there

    assert done.lines[-1] == "1 run written down"
    assert {name for name in before if before[name] != after[name]} <= may_change
    assert (before["provisional"], after["provisional"], after["sealed"]) == (True, False, True)


def test_a_second_time_there_is_nothing_to_do(runlore: Runlore, lost: str) -> None:
    """Reconciling is idempotent."""
    assert runlore.ok("reconcile", "-q").lines == [lost]
    done = runlore.ok("reconcile")

    assert (done.stdout, done.stderr) == ("", "nothing to reconcile\n")


def test_what_a_lost_run_printed_is_kept_and_listed(runlore: Runlore) -> None:
    """Nothing of it is thrown away when its end is written down, and the listing still counts it."""
    run_id = runlore.begin("sh", "-c", "echo half a result; sleep 60")
    runlore.until_written(run_id, "half a result")
    runlore.kill_all()
    runlore.until(lambda: runlore.ok("show", run_id, "--fields", "status").stdout == "failed\n")
    runlore.ok("reconcile")

    assert runlore.ok("logs", run_id).stdout == "half a result\n"
    assert runlore.ok("ls", "--json").json["items"][0]["transcript"]["bytes"] == len("half a result\n")


def test_commands_that_act_do_it_in_passing(runlore: Runlore, lost: str) -> None:
    """A later run writes it down without being asked; one that has no time for it leaves it to the next."""

    def is_written_behind_another() -> bool:
        runlore.ok("run", "-q", "true")
        return runlore.ok("show", lost, "--fields", "provisional").stdout == "false\n"

    runlore.until(is_written_behind_another)


def test_looking_never_does(runlore: Runlore, lost: str) -> None:
    """Readers never write."""
    before = runlore.journal(lost).read_bytes()
    for words in (
        ["ps"],
        ["show", lost],
        ["logs", lost],
        ["history", lost],
        ["events", lost],
        ["verify"],
        ["info"],
    ):
        runlore.ok(*words)

    assert runlore.journal(lost).read_bytes() == before


def test_a_live_run_is_left_alone(runlore: Runlore) -> None:
    """Its keeper says how it ends."""
    run_id = runlore.begin("sleep", "60")

    assert runlore.ok("reconcile", run_id).stderr == "nothing to reconcile\n"
    assert runlore.ok("show", run_id, "--fields", "status").stdout == "running\n"
