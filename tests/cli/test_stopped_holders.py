"""Commands that need a lock which a stopped process holds: they say so, and nothing is lost by it."""

import os
import signal

from tests.cli.command import Runlore
from tests.journal.lock_holder import holder


def test_a_command_that_appends_says_whom_it_waits_for(runlore: Runlore) -> None:
    """It goes on as soon as the other one does; the note is there once."""
    runlore.ok("run", "-q", "true")
    run_id = runlore.ok("ls", "-q").stdout.strip()
    with (
        holder(str(runlore.journal(run_id)), stopped=True) as pid,
        runlore.started("note", run_id, "looks good") as noting,
    ):
        assert noting.stderr is not None
        told = noting.stderr.readline().decode()
        assert told.startswith(f"waiting: process {pid} (")
        assert f"holds the lock of {runlore.journal(run_id)} and is stopped" in told
        assert f"`kill -CONT {pid}`" in told
        os.kill(pid, signal.SIGKILL)
        assert noting.wait() == 0
    assert runlore.ok("history", run_id).stdout.count("looks good") == 1


def test_a_submission_does_not_wait_for_a_submitter_who_was_stopped(runlore: Runlore) -> None:
    """At the gate where keepers are counted, and at a key; refused with what to do, and nothing is left."""
    runlore.ok("run", "-q", "--key", "once", "true")
    (claim,) = (path for path in (runlore.root / "keys").iterdir() if not path.name.startswith("."))
    for path, words in ((runlore.root / "keepers.slots", ["true"]), (claim, ["--key", "once", "true"])):
        with holder(str(path), stopped=True) as pid:
            told = runlore("run", "-d", *words, code=5).stderr
            assert f"holds the lock of {path} and is stopped; let it go on: `kill -CONT {pid}`" in told
            assert told.endswith("nothing was submitted\n")
            assert len(runlore.ok("ls", "-q").lines) == 1
    runlore.ok("run", "-q", "true")


def test_who_only_reads_waits_for_nobody(runlore: Runlore) -> None:
    """A listing, a history, the index: whoever holds whatever lock."""
    runlore.ok("run", "-q", "true")
    run_id = runlore.ok("ls", "-q").stdout.strip()
    (runlore.root / "index" / "making").touch(0o600)
    paths = (runlore.journal(run_id), runlore.root / "keepers.slots", runlore.root / "index" / "making")
    for path in paths:
        with holder(str(path), stopped=True):
            for words in (["ps"], ["ls"], ["show", run_id], ["events", run_id], ["history", run_id], ["df"]):
                assert runlore.ok(*words).stderr.count("waiting") == 0
