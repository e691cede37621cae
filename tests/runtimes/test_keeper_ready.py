"""A run that is waited for until it says that it is ready."""

import os
import signal
import sys

import pytest

from runlore.journal import machine
from runlore.journal.disk import REAL
from runlore.journal.errors import BadInput, DidNotStart
from runlore.journal.events import OwnerAdopted, RunFailed, RunReadied, RunStarted, RunStopRequested
from runlore.journal.values import RunId
from runlore.runtimes import saying
from runlore.runtimes.folding import RunFold
from runlore.runtimes.inside import Inside
from runlore.runtimes.messages import NotReady
from runlore.runtimes.observe import Observer
from runlore.runtimes.registry import Registry
from tests.runtimes.keeping import DEADLINE_S, Keeping, Kept, python, until
from tests.runtimes.test_keeper_care import DIES_AT_THE_START, PATCHED

NEVER_S = 600.0


def say_ready(kept: Kept) -> None:
    """Say it as a process inside the run does."""
    voice = Inside(REAL, kept.layout, kept.run_id, machine.actor("test"))
    voice.tell(saying.readied())
    voice.close()


def booting(keeping: Keeping, *argv: str, within_s: float = NEVER_S) -> Kept:
    """Return a run whose command runs by now, and has not said anything."""
    kept = keeping.submit(*(argv or ("sh", "-c", "echo up; exec sleep 600")), await_ready_s=within_s)
    until(lambda: kept.output() or argv, "the command's first word")
    return kept


def status(kept: Kept) -> str | None:
    """The status that is shown now."""
    folded = RunFold(REAL, kept.layout, kept.run_id)
    return Observer(REAL, kept.layout).look(folded).assessment.state.status


def not_ready(kept: Kept) -> NotReady:
    """What the keeper said of a command that was over first."""
    news = kept.link.wait_started(DEADLINE_S)
    assert isinstance(news, NotReady), news
    return news


def test_it_is_booting_until_it_says_so(keeping: Keeping) -> None:
    """The command runs, and the run does not; then the keeper answers with run.started, once."""
    kept = booting(keeping)
    assert status(kept) == "booting"
    assert kept.link.wait_started(0) is None

    say_ready(kept)
    started = kept.started()
    say_ready(kept)
    kept.stop()
    kept.end()

    assert started.pid == kept.event(RunStarted).handle.pid
    assert kept.tags().count("RunReadied") == 2
    order = [tag for tag in kept.tags() if tag in {"RunBooting", "RunReadied", "RunStarted"}]
    assert order[:3] == ["RunBooting", "RunReadied", "RunStarted"]


def test_a_run_that_nobody_waits_for(keeping: Keeping) -> None:
    """It may say that it is ready; nothing follows from it."""
    kept = keeping.submit("sleep", "600")
    kept.started()
    say_ready(kept)

    assert status(kept) == "running"
    assert kept.event(RunReadied).seq > kept.event(RunStarted).seq


def test_it_is_not_ready_in_time(keeping: Keeping) -> None:
    """Its whole tree is stopped, and it has failed: boot_timeout."""
    kept = keeping.submit("sh", "-c", "sleep 600 & sleep 600", await_ready_s=0.2)
    news = not_ready(kept)
    ended = kept.end()

    assert (news.code, news.text) == ("boot_timeout", "not ready after 0.2 s")
    assert ended.status == "failed"
    assert ended.reason is not None
    assert ended.reason.code == "boot_timeout"
    assert "RunStarted" not in kept.tags()
    assert kept.tree() == []
    folded = RunFold(REAL, kept.layout, kept.run_id)
    folded.advance()
    assert folded.state.reason is not None
    assert folded.state.reason.code == "boot_timeout"


@pytest.mark.parametrize(
    ("command", "status", "text"),
    [
        ("exit 3", "failed", "it failed before it was ready: exit code 3"),
        ("exit 0", "succeeded", "it succeeded before it was ready"),
    ],
)
def test_it_ends_before_it_is_ready(keeping: Keeping, command: str, status: str, text: str) -> None:
    """Its own result counts, from booting on, and whoever waited is told."""
    kept = keeping.submit("sh", "-c", command, await_ready_s=NEVER_S)

    assert not_ready(kept).text == text
    assert kept.end().status == status
    assert "RunStarted" not in kept.tags()


def test_a_command_that_is_not_there(keeping: Keeping) -> None:
    """Nobody waits for it to be ready."""
    kept = keeping.submit("no-such-command", await_ready_s=NEVER_S)

    assert kept.not_started().exit_code == 127
    assert kept.end().status == "failed"


def test_it_is_stopped_before_it_is_ready(keeping: Keeping) -> None:
    """It is cancelled; that it says so while it is being stopped does not make it run."""
    deaf = python("import signal; signal.signal(15, signal.SIG_IGN); print(1, flush=True); signal.pause()")
    kept = booting(keeping, *deaf)
    until(kept.output, "the command's first word")
    kept.stop(grace_s=NEVER_S)
    until(lambda: kept.event(RunStopRequested), "the request")
    say_ready(kept)
    kept.stop(force=True)

    assert kept.end().status == "cancelled"
    assert "RunStarted" not in kept.tags()


def test_the_time_limit_counts_from_the_command_on(keeping: Keeping) -> None:
    """A command that is never ready is stopped by whichever limit comes first."""
    kept = keeping.submit("sleep", "600", await_ready_s=NEVER_S, timeout_s=0.2)

    assert kept.end().status == "timed_out"


def test_its_keeper_is_killed_while_it_boots(keeping: Keeping) -> None:
    """The next keeper waits as the first one did, and hears what was said in between."""
    kept = booting(keeping)
    first = kept.keeper()
    os.kill(first.pid, signal.SIGKILL)
    say_ready(kept)
    until(lambda: status(kept) == "running", "the start")

    assert kept.event(OwnerAdopted).previous == first
    kept.stop()
    until(lambda: status(kept) == "cancelled", "the end")


def test_the_next_keeper_keeps_the_limit(keeping: Keeping) -> None:
    """The time counts from the command's start, whoever keeps it."""
    script = PATCHED.format(patch=DIES_AT_THE_START, argv="'sleep', '600', await_ready_s=0.2")
    told = keeping.as_caller(script).split()
    kept = keeping.watch(RunId(told[0].decode()))

    assert told[1:] == [b"failed"]
    assert kept.event(OwnerAdopted).epoch == 2
    reason = kept.event(RunFailed).reason
    assert reason is not None
    assert reason.code == "boot_timeout"


READY = """
import sys
sys.path[:0] = sys.argv[1:]
from runlore.runtimes.current import current
current().ready()
sys.stdin.read() or __import__("signal").pause()
"""


def test_submitting_from_python(keeping: Keeping) -> None:
    """`submit` returns once it is ready, and raises if it never is."""
    registry = Registry.open(keeping.layout.root)

    run = registry.submit([sys.executable, "-c", READY, *sys.path], await_ready=NEVER_S)
    keeping.watch(run.id)
    assert run.status == "running"

    with pytest.raises(DidNotStart, match="not ready after") as caught:
        registry.submit(["sleep", "600"], await_ready=0.1)
    assert caught.value.code == "boot_timeout"
    assert registry.view(caught.value.run_id).status == "failed"
    with pytest.raises(BadInput, match="time to be ready"):
        registry.submit(["true"], await_ready=float("inf"))
