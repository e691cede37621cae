"""Signalling and pausing reach exactly the processes of a run, and leave alone what cannot be told apart."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs

from runlore.journal import events
from runlore.journal.errors import AlreadyEnded, BadInput, Elsewhere, NoHandle, NotFound, Unverifiable
from runlore.journal.layout import Layout
from runlore.journal.values import Identity
from runlore.projections.health import STALLED_AFTER_S
from runlore.runtimes import heartbeat, identity
from runlore.runtimes.identity import identify, read_stat
from runlore.runtimes.registry import Registry
from runlore.runtimes.run import Run
from tests.runtimes.keeping import Keeping, Kept, python, until
from tests.runtimes.kept_runs import Owned, myself, registry_at

FAMILY = """
import os, signal, sys
if sys.argv[1] == "top":
    between = os.fork()
    if between == 0:
        os.setsid()
        if os.fork() == 0:
            os.execv(sys.executable, [sys.executable, "-I", "-S", "-c", sys.argv[2], "orphan", sys.argv[2]])
        os._exit(0)
    os.waitpid(between, 0)
signal.pthread_sigmask(signal.SIG_BLOCK, {10})
print(sys.argv[1], flush=True)
while True:
    print(sys.argv[1], "heard", signal.sigwait({10}), flush=True)
"""


@pytest.fixture
def sleeper() -> Iterator[Identity]:
    """A process that lives as long as the test."""
    with subprocess.Popen(["sleep", "600"]) as process:
        found = identify(process.pid)
        assert found is not None
        yield found
        process.kill()


def handle(kept: Kept) -> Run:
    """The run as Python programs have it."""
    return Run(Registry(kept.layout), kept.run_id)


def family(keeping: Keeping) -> Kept:
    """A command and an orphan of it in a session of its own; both say when they hear SIGUSR1."""
    kept = keeping.submit(*python(FAMILY, "top", FAMILY))
    kept.started()  # what a command prints may be read before it is on record that it runs
    until(lambda: sorted(kept.output().split()) == [b"orphan", b"top"], "both")
    return kept


def states(kept: Kept) -> set[bool]:
    """Whether the processes of the run's tree are stopped."""
    return {stat.stopped for member in kept.tree() if (stat := read_stat(member.identity.pid))}


def notes(kept: Kept) -> list[str]:
    """What its notes say."""
    return [event.text for event in kept.events() if isinstance(event, events.RunNoted)]


def test_a_signal_to_the_command(keeping: Keeping) -> None:
    """It alone hears it, and the journal says who sent what to whom."""
    kept = family(keeping)
    command = kept.started().pid
    done = handle(kept).signal(signal.SIGUSR1)
    until(lambda: b"top heard 10" in kept.output())

    assert done.pids == (command,)
    assert b"orphan heard" not in kept.output()
    assert notes(kept) == [f"SIGUSR1 sent to process {command}"]
    noted = kept.event(events.RunNoted)
    assert noted.by is not None
    assert noted.by.pid == os.getpid()


def test_a_signal_to_everything(keeping: Keeping) -> None:
    """Orphans in sessions of their own hear it too; keeper and wrapper do not."""
    kept = family(keeping)
    done = handle(kept).signal(signal.SIGUSR1, tree=True)
    until(lambda: kept.output().count(b"heard 10") == 2)

    assert set(done.pids) == {member.identity.pid for member in kept.tree()}
    assert not {kept.keeper().pid, kept.wrapper().pid} & set(done.pids)


def test_a_signal_that_ends_the_command(keeping: Keeping) -> None:
    """The run ends by that signal, as if anybody else had sent it."""
    kept = keeping.submit("sleep", "600")
    kept.started()
    handle(kept).signal(signal.SIGKILL)

    assert (kept.end().status, kept.end().signal) == ("failed", signal.SIGKILL)


def test_pausing_and_going_on(keeping: Keeping) -> None:
    """Everything of the run stands still, and goes on; doing it again does and says nothing."""
    kept = family(keeping)
    run = handle(kept)
    assert not run.view().paused
    first, second = run.pause("the GPU is needed"), run.pause("again")
    view = run.view()

    assert (len(first.pids), second.pids) == (2, ())
    assert states(kept) == {True}
    assert (view.status, view.health, view.paused) == ("running", "live", True)
    assert len(run.unpause().pids) == 2
    assert run.unpause().pids == ()
    assert states(kept) == {False}
    assert not run.view().paused
    assert notes(kept) == ["paused: the GPU is needed", "unpaused"]


def test_what_forks_while_it_is_paused(keeping: Keeping) -> None:
    """A command that forks all the time leaves nothing running behind."""
    code = "import os\nos.write(1, b'up ')\nwhile True:\n if os.fork() == 0: os._exit(0)\n os.wait()"
    kept = keeping.submit(*python(code))
    kept.started()
    until(kept.output)
    handle(kept).pause()

    assert states(kept) == {True}
    kept.stop(force=True)
    assert kept.end().status == "cancelled"


def test_stopping_a_paused_run(keeping: Keeping) -> None:
    """It may end in its own way, as if it had not been paused."""
    code = (
        "import os, signal\n"
        "signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b'bye'), os._exit(3)))\n"
        "os.write(1, b'up ')\nwhile True: signal.pause()"
    )
    kept = keeping.submit(*python(code))
    kept.started()
    until(kept.output)
    handle(kept).pause()
    kept.stop()

    assert (kept.end().status, kept.end().exit_code) == ("cancelled", 3)
    assert kept.output() == b"up bye"


def test_a_paused_run_whose_keeper_was_killed(keeping: Keeping) -> None:
    """It can go on and be paused without one: its processes are known by more than a parent."""
    kept = family(keeping)
    kept.kill(kept.keeper())
    run = handle(kept)
    run.pause()

    assert states(kept) == {True}
    assert run.view().paused
    run.unpause()
    assert states(kept) == {False}


TRACKED = """
import signal, sys
from runlore.runtimes.registry import Registry
from runlore.journal.layout import Layout
with Registry(Layout(sys.argv[1])).track("worker") as run:
    print(run.id, flush=True)
    sys.stdin.read()
"""


def test_a_process_that_is_its_own_run(keeping: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paused it beats no more, and is not called stalled for it."""
    registry_at(keeping.layout.root)
    script = f"sys.argv[1:] = [{keeping.layout.root!r}]\n{TRACKED}"
    argv = keeping.caller_argv(script)
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        run = Registry(keeping.layout).get(process.stdout.readline().strip())
        run.pause()
        monkeypatch.setattr(heartbeat, "age_s", lambda *_: STALLED_AFTER_S + 1)
        view = run.view()
        assert (view.paused, view.health) == (True, "live")
        run.unpause()
        assert run.view().health == "stalled"
        process.communicate("")
    monkeypatch.undo()

    assert run.view().status == "succeeded"


# -- what is refused


def test_whom_nothing_can_be_sent_to(registry_root: Path, sleeper: Identity, tmp_path: Path) -> None:
    """Not there, over, lost, not started, elsewhere and doubtful are six different answers."""
    layout = registry_at(registry_root)
    registry = Registry(layout)
    over = Owned(layout).boot().start().succeed().die()
    lost = Owned(layout).boot().start().die()
    booting = Owned(layout).boot(by=myself())
    inside = structs.replace(sleeper, pid_ns=sleeper.pid_ns + 1)
    elsewhere = Owned(layout).boot(by=myself()).start(command=inside)
    live = Owned(layout).boot(by=myself()).start(command=sleeper)
    shutil.copytree(layout.root, tmp_path / "copy")
    copy = Registry(Layout(str(tmp_path / "copy")))

    for act in (Run.pause, Run.unpause, lambda run: run.signal(signal.SIGUSR1)):
        with pytest.raises(NotFound):
            act(registry.get("nobody"))
        with pytest.raises(AlreadyEnded, match="nothing to"):
            act(registry.get(over))
        with pytest.raises(AlreadyEnded):
            act(registry.get(lost))
        with pytest.raises(NoHandle, match="booting"):
            act(registry.get(booting.run_id))
        with pytest.raises(Elsewhere, match="pid namespace"):
            act(registry.get(elsewhere.run_id))
        with pytest.raises(Unverifiable, match="its owner lives"):
            act(copy.get(live.run_id))
    assert not read_stat(sleeper.pid).stopped  # type: ignore[union-attr]


def test_a_stranger_with_the_commands_pid(registry_root: Path, sleeper: Identity) -> None:
    """A run whose command ended, and whose pid somebody else has now, is never acted on."""
    layout = registry_at(registry_root)
    stranger = structs.replace(sleeper, pidfd_inode=sleeper.pidfd_inode + 1, start_ticks=1)
    owned = Owned(layout).boot().start(command=stranger)
    run = Registry(layout).get(owned.run_id)

    with pytest.raises(AlreadyEnded):
        run.signal(signal.SIGKILL)
    assert run.signal(signal.SIGKILL, tree=True).pids == ()
    assert run.pause().pids == ()
    assert identity.look(sleeper) == "alive"


@pytest.mark.parametrize("number", [0, -1, 65, 10**9])
def test_a_number_that_is_no_signal(registry_root: Path, number: int) -> None:
    """It is refused before anybody is looked for."""
    layout = registry_at(registry_root)
    run = Registry(layout).get(Owned(layout).boot(by=myself()).start(command=myself()).run_id)

    with pytest.raises(BadInput):
        run.signal(number)


def test_a_registry_that_is_only_read(registry_root: Path, sleeper: Identity) -> None:
    """Who may not write there may not act on its runs either."""
    layout = registry_at(registry_root)
    run_id = Owned(layout).boot(by=myself()).start(command=sleeper).run_id

    with pytest.raises(PermissionError):
        Registry(layout, writable=False).get(run_id).pause()
