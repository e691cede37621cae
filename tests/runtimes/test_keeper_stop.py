"""Stopping ends the whole tree of a run, says by whom and why, and never ends anything else."""

import fcntl
import os
import signal
import subprocess
import termios
from pathlib import Path

import pytest
from msgspec import structs

from runlore.journal import events
from runlore.journal.disk import REAL
from runlore.journal.errors import AlreadyEnded, NotFound
from runlore.journal.values import RunId
from runlore.runtimes import exit_file, identity, signals
from runlore.runtimes.stop import request_stop
from tests.runtimes.keeping import DEADLINE_S, ME, Keeping, Kept, python, until
from tests.runtimes.test_keeper_care import LIMIT_BY_FILE, PATCHED

STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
depth = int(sys.argv[1])
if depth:
    between = os.fork()
    if between == 0:
        os.setsid()
        if os.fork() == 0:
            argv = [sys.executable, "-I", "-S", "-c", sys.argv[2], str(depth - 1), sys.argv[2]]
            os.execv(sys.executable, argv)
        os._exit(0)
    os.waitpid(between, 0)
print("up", flush=True)
while True: time.sleep(600)
"""


def stubborn(keeping: Keeping, depth: int) -> Kept:
    """A tree of processes that ignore TERM, each the orphaned leader of its own session."""
    kept = keeping.submit(*python(STUBBORN, str(depth), STUBBORN))
    until(lambda: kept.output() == b"up\n" * (depth + 1), "the whole tree")
    return kept


def test_a_command_that_ends_on_request(keeping: Keeping) -> None:
    """TERM ends it; the run is cancelled, with the reason and the person of the request."""
    kept = keeping.submit("sleep", "600")
    kept.started()
    kept.stop(reason="enough for today")
    ended = kept.end()
    final = kept.event(events.RunCancelled)

    assert (ended.status, ended.exit_code, ended.signal) == ("cancelled", None, signal.SIGTERM)
    assert final.reason is not None
    assert (final.reason.code, final.reason.text, final.reason.by) == ("cancelled", "enough for today", ME)
    assert "RunCollecting" in kept.tags()


def test_a_command_that_ends_in_its_own_way(keeping: Keeping) -> None:
    """It may clean up, print and choose its exit code; the run is cancelled all the same."""
    code = (
        "import os, signal\n"
        "signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b'bye\\n'), os._exit(3)))\n"
        "os.write(1, b'up\\n')\nwhile True: signal.pause()"
    )
    kept = keeping.submit(*python(code))
    until(kept.output)
    kept.stop()
    ended = kept.end()

    assert (ended.status, ended.exit_code) == ("cancelled", 3)
    assert kept.output() == b"up\nbye\n"


def test_a_tree_that_ignores_the_request(keeping: Keeping) -> None:
    """After the grace every process of it is killed: orphans in sessions of their own too."""
    kept = stubborn(keeping, 3)
    assert len(kept.tree()) == 4
    kept.stop(grace_s=0.05)
    ended = kept.end()

    assert (ended.status, ended.signal) == ("cancelled", signal.SIGKILL)
    assert kept.tree() == []
    assert kept.event(events.RunCollecting).survivors == ()


def test_what_the_command_leaves_behind_is_stopped_too(keeping: Keeping) -> None:
    """The command ends on request, its child does not: the run ends when the child is gone as well."""
    code = (
        "import os, signal, time\n"
        "if os.fork() == 0:\n"
        "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "    os.write(1, b'up\\n'); os.close(1); os.close(2)\n"
        "    time.sleep(600)\n"
        "signal.pause()"
    )
    kept = keeping.submit(*python(code))
    until(kept.output)
    kept.stop(grace_s=0.3)
    kept.end()

    assert kept.tree() == []


def test_a_forced_stop(keeping: Keeping) -> None:
    """There is no grace."""
    kept = stubborn(keeping, 1)
    kept.stop(force=True)

    assert kept.end().status == "cancelled"
    assert kept.tree() == []


def test_a_stop_that_is_forced_later(keeping: Keeping) -> None:
    """The second request ends the grace of the first, whose reason stays."""
    kept = stubborn(keeping, 1)
    first = kept.stop(reason="first", grace_s=1e6)
    second = kept.stop(reason="second", force=True)
    kept.end()
    final = kept.event(events.RunCancelled)

    assert (first.first, second.first, second.reason, second.at) == (True, False, "first", first.at)
    assert final.reason is not None
    assert final.reason.text == "first"


def test_a_stop_that_was_asked_for_already(keeping: Keeping) -> None:
    """Nothing more is recorded; the first time and reason are told."""
    kept = stubborn(keeping, 0)
    first = kept.stop(reason="first", grace_s=1e6)
    second = kept.stop(reason="second")

    assert second.record is None
    assert (second.at, second.reason) == (first.at, "first")
    kept.stop(force=True)
    kept.end()


def test_a_stopped_process_is_stopped_for_good(keeping: Keeping) -> None:
    """A tree that SIGSTOP froze still takes its TERM."""
    kept = keeping.submit("sleep", "600")
    os.kill(kept.started().pid, signal.SIGSTOP)
    kept.stop(grace_s=1e6)

    assert kept.end().signal == signal.SIGTERM


def test_a_run_that_ended_before_the_request(keeping: Keeping) -> None:
    """Its result stays, and the request is refused."""
    kept = keeping.run("true")

    with pytest.raises(AlreadyEnded):
        kept.stop()
    assert kept.event(events.RunSucceeded).exit_code == 0


def test_a_run_that_does_not_exist(keeping: Keeping) -> None:
    """There is nothing to stop."""
    keeping.run("true")

    with pytest.raises(NotFound):
        request_stop(REAL, keeping.layout, RunId("20260101-000000-aaaaaaaa"), by=ME)


def test_a_command_that_ended_before_the_keeper_heard(keeping: Keeping) -> None:
    """A success that is on disk before the request was made stays a success."""
    code = (
        "import os\nif os.fork() == 0:\n    print('daemon', flush=True); open('fifo').read(); os._exit(0)\n"
    )
    os.mkfifo(keeping.folder / "fifo")
    kept = keeping.submit(*python(code))
    until(lambda: has_exit_record(kept), "the exit record")
    kept.stop(reason="too late")
    ended = kept.end()
    (keeping.folder / "fifo").write_text("")

    assert (ended.status, ended.exit_code) == ("succeeded", 0)


def test_a_stop_before_the_start(keeping: Keeping) -> None:
    """A run that was stopped before its command was started is cancelled, and nothing runs."""
    told = keeping.as_caller(
        "from runlore.runtimes import boot, launch\nfrom tests.runtimes.keeping import ME\n"
        "from runlore.runtimes.stop import request_stop\noriginal = boot.take_over\n"
        "def stopped(run):\n"
        "    original(run)\n"
        "    request_stop(run.disk, run.layout, run.run_id, by=ME, reason='never mind')\n"
        "boot.take_over = stopped\nlink = launch.fork_keeper()\n"
        "print(link.submit(keeping.spec('touch', 'ran')).run_id)\nprint(link.wait_started().code)\n"
        "while not link.closed: link.wait_news(1)\nprint(link.ended.status)"
    ).split()
    kept = keeping.watch(RunId(told[0].decode()))

    assert told[1:] == [b"cancelled", b"cancelled"]
    assert kept.tags() == ["RunQueued", "RunBooting", "RunStopRequested", "RunCancelled", "RunSealed"]
    assert not (keeping.folder / "ran").exists()


def test_a_run_that_takes_too_long(keeping: Keeping) -> None:
    """It is ended like a stop would, and on record as timed out."""
    kept = keeping.run("sleep", "600", timeout_s=0.05)
    final = kept.event(events.RunTimedOut)

    assert final.reason is not None
    assert (final.reason.code, final.signal) == ("timeout", signal.SIGTERM)
    assert "0.05 s" in final.reason.text


def test_a_run_that_ends_in_time(keeping: Keeping) -> None:
    """Its time limit leaves no mark."""
    assert keeping.run("true", timeout_s=60.0).end().status == "succeeded"


def test_a_nested_run_ends_with_the_outer_one(keeping: Keeping) -> None:
    """A run started inside a run belongs to its tree; its own keeper stops it, and says so on record."""
    command = (
        "import os, signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, {15}); os.write(1, b'up\\n')\n"
        "os.write(1, b'%d\\n' % signal.sigwaitinfo({15}).si_pid)"
    )
    inner = (
        f"kept = keeping.submit(*python({command!r})); kept.started()\n"
        "print(kept.run_id, flush=True); kept.end()"
    )
    outer = keeping.submit(*keeping.caller_argv(inner))
    nested = keeping.watch(RunId(until(outer.output).decode().strip()))
    until(lambda: nested.output() == b"up\n")
    outer.stop()
    outer.end()
    until(lambda: "RunSealed" in nested.tags(), "the inner seal")

    assert nested.event(events.RunCancelled).exit_code == 0
    assert nested.output() == b"up\n%d\n" % nested.keeper().pid


def test_a_nested_run_that_has_to_be_killed(keeping: Keeping) -> None:
    """When the outer grace is over, the inner keeper still gets to write down what happened."""
    inner = (
        f"kept = keeping.submit(*python({STUBBORN!r}, '0', '')); kept.started()\n"
        "print(kept.run_id, flush=True); kept.end()"
    )
    outer = keeping.submit(*keeping.caller_argv(inner))
    nested = keeping.watch(RunId(until(outer.output).decode().strip()))
    until(lambda: nested.output() == b"up\n")
    outer.stop(grace_s=1e6)
    until(lambda: "RunStopRequested" in nested.tags(), "the inner keeper's own stop")
    outer.stop(force=True)
    outer.end()

    assert outer.tree() == []
    assert nested.event(events.RunCancelled).signal == signal.SIGKILL


@pytest.mark.needs("root")  # the kernel shows nobody else what a keeper holds
def test_a_limit_that_comes_right_after_the_end(keeping: Keeping) -> None:
    """A command that had ended when its time was up is no timeout, though nobody had noticed its end yet."""
    os.mkfifo(keeping.folder / "fifo")
    late = keeping.folder / "late"
    argv = "'sh', '-c', 'read line < fifo', timeout_s=600.0"
    script = PATCHED.format(patch=LIMIT_BY_FILE.format(path=str(late)), argv=argv)
    with subprocess.Popen(keeping.caller_argv(script), stdout=subprocess.PIPE) as caller:
        assert caller.stdout is not None
        kept = keeping.watch(RunId(caller.stdout.readline().decode().strip()))
        until(lambda: "RunStarted" in kept.tags(), "the start")
        command, wrapper = kept.event(events.RunStarted).handle.pid, kept.wrapper()
        assert command is not None
        os.kill(wrapper.pid, signal.SIGSTOP)
        (keeping.folder / "fifo").write_text("go on\n")
        until(lambda: (stat := identity.read_stat(command)) and stat.dead, "the command's end")
        late.touch()
        until(lambda: has_unread_pipe(wrapper.pid), "the keeper's wish to stop it")
        os.kill(wrapper.pid, signal.SIGCONT)
        told = caller.communicate(timeout=DEADLINE_S)[0]

    assert told == b"succeeded\n"


def has_unread_pipe(pid: int) -> bool:
    """Say whether somebody wrote to a process that did not read it yet."""
    folder = Path(f"/proc/{pid}/fd")
    for path in folder.iterdir():
        if os.readlink(path).startswith("pipe:"):
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            unread = fcntl.ioctl(fd, termios.FIONREAD, b"\0\0\0\0")
            os.close(fd)
            if any(unread):
                return True
    return False


def test_nobody_else_is_signalled(keeping: Keeping) -> None:
    """A process that has the pid of one that ended is never signalled in its place."""
    stranger = keeping.submit("sleep", "600")
    known = identity.identify(stranger.started().pid)
    assert known is not None
    others = [
        structs.replace(known, pidfd_inode=known.pidfd_inode + 1),
        structs.replace(known, pidfd_inode=0),
        structs.replace(known, pid_ns=known.pid_ns + 1),
        structs.replace(known, boot_id="another"),
    ]
    answers = [signals.send(other, signal.SIGKILL) for other in others]

    assert [type(answer).__name__ for answer in answers] == ["Gone", "Refused", "Refused", "Gone"]

    assert identity.look(known) == "alive"
    stranger.stop(force=True)
    assert stranger.end().status == "cancelled"


def has_exit_record(kept: Kept) -> bool:
    """Say whether the command's exit is on disk."""
    return exit_file.read(REAL, str(kept.path("exit"))) is not None
