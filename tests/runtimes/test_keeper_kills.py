"""Whatever single process of ours is killed, the run's exit code and its timeline are right."""

import os
import signal
import subprocess
import sys

import pytest

from runlore.journal import events
from runlore.journal.disk import REAL
from runlore.journal.exit_record import ExitRecord
from runlore.journal.ids import is_run_id
from runlore.journal.values import RunId
from runlore.runtimes import exit_file
from tests.runtimes.keeping import DEADLINE_S, Keeping, Kept, until

WAITS = "read line < fifo; echo done; exit 42"


@pytest.fixture
def waiting(keeping: Keeping) -> Kept:
    """A run whose command waits for somebody to write to `fifo`."""
    os.mkfifo(keeping.folder / "fifo")
    kept = keeping.submit("sh", "-c", f"echo begun; {WAITS}")
    kept.started()
    until(kept.output)
    return kept


def go_on(keeping: Keeping) -> None:
    """Let the waiting command end."""
    (keeping.folder / "fifo").write_text("go on\n")


def exit_of(kept: Kept) -> ExitRecord:
    """The exit record, once it is written."""
    return until(lambda: exit_file.read(REAL, str(kept.path("exit"))), "the exit record")


def test_the_caller_is_killed(keeping: Keeping) -> None:
    """SIGKILL right after the id was told changes nothing: the run ends, and all of it is on record."""
    script = (
        "kept = keeping.submit('sh', '-c', 'read line < fifo; echo done; exit 42')\n"
        "print(kept.run_id, flush=True)\nkept.end()"
    )
    os.mkfifo(keeping.folder / "fifo")
    with subprocess.Popen(keeping.caller_argv(script), stdout=subprocess.PIPE) as caller:
        assert caller.stdout is not None
        run_id = RunId(caller.stdout.readline().decode().strip())
        caller.kill()
    kept = keeping.watch(run_id)
    go_on(keeping)
    until(lambda: "RunSealed" in kept.tags(), "the seal")

    assert is_run_id(run_id)
    assert kept.event(events.RunFailed).exit_code == 42
    assert kept.output() == b"done\n"


def test_the_callers_whole_session_is_killed(keeping: Keeping) -> None:
    """A closed terminal, or a kill of the caller's process group, does not reach the run."""
    script = (
        "import os, signal\nfrom runlore.runtimes import launch\nlink = launch.fork_keeper()\n"
        "spec = keeping.spec('sh', '-c', 'read line < fifo; exit 42')\n"
        "print(link.submit(spec).run_id, flush=True)\n"
        "link.wait_started(); os.killpg(0, signal.SIGHUP); os.killpg(0, signal.SIGKILL)"
    )
    os.mkfifo(keeping.folder / "fifo")
    caller = subprocess.run(
        keeping.caller_argv(script),
        stdout=subprocess.PIPE,
        start_new_session=True,
        check=False,
        timeout=DEADLINE_S,
    )
    kept = keeping.watch(RunId(caller.stdout.decode().strip()))
    go_on(keeping)
    until(lambda: "RunSealed" in kept.tags(), "the seal")

    assert caller.returncode in {-signal.SIGHUP, -signal.SIGKILL}
    assert kept.event(events.RunFailed).exit_code == 42


def test_the_wrapper_is_killed(keeping: Keeping, waiting: Kept) -> None:
    """The keeper reaps the command in its place: true exit code, whole output, normal end."""
    waiting.kill(waiting.wrapper())
    go_on(keeping)
    ended = waiting.end()

    assert (ended.status, ended.exit_code) == ("failed", 42)
    assert waiting.output() == b"begun\ndone\n"
    assert exit_of(waiting).exit_code == 42
    assert waiting.event(events.RunCollecting).usage is not None


def test_the_wrapper_is_killed_while_the_run_is_being_stopped(waiting: Kept) -> None:
    """The stop goes on, and the run is cancelled."""
    waiting.kill(waiting.wrapper())
    waiting.stop(reason="enough")
    ended = waiting.end()

    assert (ended.status, ended.signal) == ("cancelled", signal.SIGTERM)
    assert exit_of(waiting).reason is not None


def test_wrapper_and_command_are_killed_together(keeping: Keeping) -> None:
    """The signal that ended the command is on record."""
    kept = keeping.submit("sleep", "600")
    command = kept.started().pid
    os.kill(kept.wrapper().pid, signal.SIGSTOP)
    os.kill(command, signal.SIGKILL)
    kept.kill(kept.wrapper())

    assert kept.end().signal == signal.SIGKILL


def test_the_wrapper_dies_before_the_command_runs(keeping: Keeping) -> None:
    """The run is failed with the reason; the command never runs."""
    dying = "wrapper.record_identity = lambda path: os.kill(os.getpid(), signal.SIGKILL)"
    told = keeping.as_caller(DYING_WRAPPER.format(dying=dying), stderr=subprocess.STDOUT)

    assert told == b"failed None spawn_failed\n"


def test_the_wrapper_dies_as_the_command_begins(keeping: Keeping) -> None:
    """Before anybody was told of the command its keeper finds it, and has its exit code in the end."""
    dying = (
        "begin = spawn.spawn\nspawn.spawn = lambda plan: (begin(plan), os.kill(os.getpid(), signal.SIGKILL))"
    )
    told = keeping.as_caller(DYING_WRAPPER.format(dying=dying), stderr=subprocess.STDOUT)

    assert told == b"failed 42 exit_nonzero\n"


@pytest.mark.parametrize(
    ("module", "name"), [("reap.exit_file", "write"), ("reap.os", "wait4"), ("reap.os", "waitid")]
)
def test_the_wrapper_dies_while_it_takes_the_exit(keeping: Keeping, module: str, name: str) -> None:
    """Whether it had looked, written or reaped by then: the exit code is right."""
    dying = (
        "from runlore.runtimes import reap\n"
        f"original = {module}.{name}\n"
        "def dying(*arguments):\n"
        "    result = original(*arguments)\n"
        "    if open('/proc/self/comm').read() == 'runlore-wrapper\\n' and result is not None:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return result\n"
        f"{module}.{name} = dying"
    )
    if name == "write":  # it returns nothing: die before it instead
        dying = dying.replace("result = original(*arguments)", "result = 1").replace(
            "return result", "return original(*arguments)"
        )
    told = keeping.as_caller(DYING_WRAPPER.format(dying=dying), stderr=subprocess.STDOUT)

    assert told == b"failed 42 exit_nonzero\n"


DYING_WRAPPER = """
import os, signal
from runlore.runtimes import launch, spawn, wrapper

{dying}
link = launch.fork_keeper()
link.submit(keeping.spec("sh", "-c", "exit 42"))
while not link.closed:
    link.wait_news(1)
print(link.ended.status, link.ended.exit_code, link.ended.reason.code)
"""


def test_the_keeper_is_told_to_end(waiting: Kept) -> None:
    """SIGTERM to the keeper stops its run as anybody's request would, on record."""
    os.kill(waiting.keeper().pid, signal.SIGTERM)
    ended = waiting.end()

    assert ended.status == "cancelled"
    assert "SIGTERM" in waiting.event(events.RunStopRequested).reason


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGPIPE])
def test_the_keeper_gets_a_stray_signal(keeping: Keeping, waiting: Kept, number: signal.Signals) -> None:
    """Nothing happens to the run."""
    os.kill(waiting.keeper().pid, number)
    os.kill(waiting.wrapper().pid, number)
    go_on(keeping)

    assert waiting.end().exit_code == 42


def test_a_caller_that_never_submits(keeping: Keeping) -> None:
    """A keeper without a spec ends, and leaves nothing."""
    told = keeping.as_caller(
        "import os\nfrom runlore.runtimes import launch\n"
        "with launch.fork_keeper(): pass\nos.wait()\n"
        "with launch.exec_keeper(): pass\nprint('both ended')"
    )

    assert told == b"both ended\n"
    assert os.listdir(keeping.layout.root) == []


def test_a_keeper_with_a_defect_before_the_run_exists(keeping: Keeping) -> None:
    """The caller gets an error that says so, and nothing is printed behind its back."""
    told = keeping.as_caller(
        "from runlore.runtimes import boot, launch\n"
        "def broken(*_): raise ZeroDivisionError('a defect')\n"
        "boot.create_run = broken\nlink = launch.fork_keeper()\n"
        "try: link.submit(keeping.spec('true'))\n"
        "except Exception as error: print(type(error).__name__, error)",
        stderr=subprocess.STDOUT,
    )

    assert told.startswith(b"RunloreError the keeper failed before the run existed: ZeroDivisionError")


def test_a_keeper_with_a_defect_before_the_command_runs(keeping: Keeping) -> None:
    """The run is failed, with the defect as its reason."""
    told = keeping.as_caller(
        "from runlore.runtimes import capture, keeping as working, launch\n"
        "def broken(*_): raise ZeroDivisionError('a defect')\n"
        "working.new_memfd = broken\nlink = launch.fork_keeper()\n"
        "link.submit(keeping.spec('true'))\nprint(link.wait_started(9).text)",
        stderr=subprocess.STDOUT,
    )

    assert b"ZeroDivisionError: a defect" in told


def test_keepers_with_a_defect_while_the_command_runs(keeping: Keeping) -> None:
    """It is as if each had been killed: the command goes on, its exit is kept, the defect is noted.

    They are not started for ever: what they leave is enough to conclude the run.
    """
    told = keeping.as_caller(
        "import os\nfrom runlore.runtimes import launch\n"
        "from runlore.runtimes.keeper_loop import KeeperLoop\n"
        "def broken(*_): raise ZeroDivisionError('a defect')\n"
        "KeeperLoop._learn = broken\nlink = launch.fork_keeper()\n"
        "print(link.submit(keeping.spec('sh', '-c', 'exit 42')).run_id)\n"
        "while not link.closed: link.wait_news(9)\n",
        stderr=subprocess.STDOUT,
    )
    kept = keeping.watch(RunId(told.decode().strip()))

    assert exit_of(kept).exit_code == 42
    assert "ZeroDivisionError: a defect" in kept.note()
    assert kept.tags().count("OwnerAdopted") == 3


def test_nothing_is_left_to_wait_for_on_the_command_line() -> None:
    """The module that forks a keeper loads nothing that takes time: the fork comes first."""
    code = "import sys; from runlore.runtimes import launch; print(*sorted(set(sys.modules)))"
    argv = [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"]
    loaded = set(subprocess.run(argv, capture_output=True, check=True).stdout.decode().split())

    assert not loaded & {"msgspec", "subprocess", "ctypes", "selectors", "click", "json"}
