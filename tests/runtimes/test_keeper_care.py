"""What a keeper does while nobody looks: beats, reads its journal, insists, lets go; and what it refuses."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from runlore.journal import events
from runlore.journal.disk import REAL
from runlore.journal.errors import NotPermitted
from runlore.journal.events import RunStopRequested
from runlore.journal.values import RunId
from runlore.journal.writer import Draft, Writer
from runlore.runtimes import doctor, exit_file, heartbeat, launch
from runlore.runtimes.launch import exec_keeper
from runlore.runtimes.live_files import left_live_files
from runlore.runtimes.registry import Registry
from tests.runtimes.keeping import DEADLINE_S, ME, Keeping, Kept, until

PATCHED = """
from runlore.journal.errors import JournalIO
from runlore.runtimes import finish, keeper_loop, launch, stopping
from runlore.runtimes.owned_run import OwnedRun
{patch}
link = launch.fork_keeper()
print(link.submit(keeping.spec({argv})).run_id, flush=True)
while not link.closed:
    link.wait_news(1)
print(link.ended and link.ended.status)
"""
DIES_AT_THE_START = """
import os, signal
note_start = keeper_loop.KeeperLoop._note_start
def dying(loop, running):
    note_start(loop, running)
    if loop._run.epoch == 1: os.kill(os.getpid(), signal.SIGKILL)
keeper_loop.KeeperLoop._note_start = dying
"""
"""The first keeper is killed as soon as it knows that the command runs."""
LIMIT_BY_FILE = """
import os
keeper_loop._TICK_S, keep_time = 0.01, keeper_loop.KeeperLoop._keep_time
def keeping_time(loop, now):
    if loop._times_out < float('inf') and os.path.exists({path!r}): loop._times_out = now
    keep_time(loop, now)
keeper_loop.KeeperLoop._keep_time = keeping_time
"""
"""The command's time is up when there is a certain file, so that it is the test that says when."""


def test_the_heart_beats_while_the_command_is_silent(keeping: Keeping) -> None:
    """The heartbeat goes on although nothing is printed, and is gone after the end."""
    os.mkfifo(keeping.folder / "fifo")
    script = PATCHED.format(patch="keeper_loop.EVERY_S = keeper_loop._TICK_S = 0.01", argv="'cat', 'fifo'")
    with subprocess.Popen(keeping.caller_argv(script), stdout=subprocess.PIPE) as caller:
        assert caller.stdout is not None
        kept = keeping.watch(RunId(caller.stdout.readline().decode().strip()))
        path = str(kept.path("heartbeat"))
        until(lambda: (beat := heartbeat.read(REAL, path)) and beat.counter > 5)
        (keeping.folder / "fifo").write_text("")
        caller.wait(DEADLINE_S)

    assert heartbeat.read(REAL, path) is None
    assert "RunSucceeded" in kept.tags()


def test_a_wish_that_nobody_rang_for(keeping: Keeping) -> None:
    """The keeper looks at its journal by itself, and finds it."""
    kept = keeping.submit("sleep", "600")
    kept.started()
    writer = Writer(REAL, keeping.layout, kept.run_id)
    writer.append(lambda seq, at: RunStopRequested(seq=seq, at=at, by=ME, reason="unheard"))
    writer.close()

    assert kept.end().status == "cancelled"


def test_labels_that_others_append_meanwhile(keeping: Keeping) -> None:
    """The keeper's own events continue behind them."""
    kept = keeping.submit("sleep", "600")
    kept.started()
    writer = Writer(REAL, keeping.layout, kept.run_id)
    for number in range(20):
        writer.append(note(number))
    writer.close()
    kept.stop(force=True)
    kept.end()

    assert kept.tags().count("RunNoted") == 20
    assert kept.tags()[-2:] == ["RunCancelled", "RunSealed"]


def test_a_journal_that_refuses_for_a_while(keeping: Keeping) -> None:
    """The keeper tries again, and the end is on record with the command's own time."""
    patch = (
        "finish._BETWEEN_S, left, append = 0.01, [3], OwnedRun.append\n"
        "def refusing(run, kind, **fields):\n"
        "    if kind.__name__ == 'RunCollecting' and left[0]:\n"
        "        left[0] -= 1\n"
        "        raise JournalIO('no space left')\n"
        "    return append(run, kind, **fields)\n"
        "OwnedRun.append = refusing"
    )
    told = keeping.as_caller(PATCHED.format(patch=patch, argv="'true'")).split()
    kept = keeping.watch(RunId(told[0].decode()))

    assert told[1] == b"succeeded"
    assert kept.tags()[-3:] == ["RunCollecting", "RunSucceeded", "RunSealed"]


def test_a_journal_that_refuses_for_good(keeping: Keeping) -> None:
    """Nothing is claimed: the caller is told no result, which stays in the exit record for others to find."""
    patch = (
        "finish._BETWEEN_S, append = 0.01, OwnedRun.append\n"
        "def refusing(run, kind, **fields):\n"
        "    if kind.__name__ != 'RunBooting':\n"
        "        raise JournalIO('no space left')\n"
        "    return append(run, kind, **fields)\n"
        "OwnedRun.append = refusing"
    )
    told = keeping.as_caller(PATCHED.format(patch=patch, argv="'sh', '-c', 'exit 42'")).split()
    kept = keeping.watch(RunId(told[0].decode()))
    record = exit_file.read(REAL, str(kept.path("exit")))

    assert told[1] == b"None"
    assert kept.tags() == ["RunQueued", "RunBooting"]
    assert record is not None
    assert (record.exit_code, record.journal_io) == (42, True)


def test_a_journal_that_refused_for_good_works_again(keeping: Keeping) -> None:
    """Reads show the result as provisional, and journal_io; then it is written, and says so too."""
    patch = (
        "finish._BETWEEN_S, append = 0.01, OwnedRun.append\n"
        "def refusing(run, kind, **fields):\n"
        "    if kind.__name__ == 'RunCollecting': raise JournalIO('input/output error')\n"
        "    return append(run, kind, **fields)\n"
        "OwnedRun.append = refusing"
    )
    told = keeping.as_caller(PATCHED.format(patch=patch, argv="'sh', '-c', 'exit 42'")).split()
    run_id, registry = RunId(told[0].decode()), Registry.open(keeping.layout.root)
    before = registry.view(run_id)
    (written,) = registry.reconcile([run_id])
    after = registry.view(run_id)

    assert (before.status, before.exit_code, before.provisional) == ("failed", 42, True)
    assert before.seen is not None
    assert "journal_io" in before.seen.text
    assert written.written
    assert (after.status, after.exit_code, after.provisional) == ("failed", 42, False)
    assert after.observation is not None
    assert "journal_io" in after.observation.detail


def test_survivors_that_cannot_be_signalled(keeping: Keeping) -> None:
    """The stop ends without them, and names them."""
    patch = (
        "from runlore.runtimes import signals\nfrom runlore.runtimes.identity import read_stat\n"
        "send = signals.send\n"
        "def refused(target, number):\n"
        "    stat = read_stat(target.pid)\n"
        "    sleeps = stat is not None and stat.name == 'sleep'\n"
        "    return signals.Refused('not ours') if sleeps else send(target, number)\n"
        "stopping.signals.send = refused"
    )
    script = PATCHED.format(patch=patch, argv="'sh', '-c', 'sleep 600 & echo $!; wait'")
    with subprocess.Popen(keeping.caller_argv(script), stdout=subprocess.PIPE) as caller:
        assert caller.stdout is not None
        kept = keeping.watch(RunId(caller.stdout.readline().decode().strip()))
        pid = int(until(kept.output))
        kept.stop()
        told = caller.stdout.read()

    assert told == b"cancelled\n"
    assert [(one.pid, one.command) for one in kept.event(events.RunCollecting).survivors] == [(pid, "sleep")]


def test_a_key_used_by_many_at_once(keeping: Keeping) -> None:
    """One run is made, and everybody is told its id."""

    def submit(_: int) -> str:
        with exec_keeper() as link:
            return link.submit(keeping.spec("echo", "once", key="k")).run_id

    keeping.run("true")
    with ThreadPoolExecutor(8) as pool:
        run_ids = set(pool.map(submit, range(8)))
    (run_id,) = run_ids
    kept = keeping.watch(RunId(run_id))
    until(lambda: "RunSealed" in kept.tags(), "the seal")

    assert kept.output() == b"once\n"
    assert len(os.listdir(keeping.layout.journals)) == 2


def test_a_root_that_others_may_write_to(keeping: Keeping) -> None:
    """It is refused as not permitted, with what to do, and nothing is made."""
    os.chmod(keeping.layout.root, 0o777)
    with pytest.raises(NotPermitted, match="chmod 700"):
        keeping.submit("true")
    os.chmod(keeping.layout.root, 0o700)

    assert os.listdir(keeping.layout.root) == []


@pytest.mark.needs("root")  # the kernel shows nobody else what a keeper holds
def test_a_server_that_submits_and_dies(keeping: Keeping) -> None:
    """Nothing of it lives on in the run: its port is free while the run goes on."""
    script = (
        "import os, socket\nserver = socket.create_server(('127.0.0.1', 0)); server.set_inheritable(True)\n"
        "kept = keeping.submit('sleep', '600'); kept.started()\n"
        "print(kept.run_id, server.getsockname()[1], flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run(keeping.caller_argv(script), stdout=subprocess.PIPE, check=False)
    run_id, _port = done.stdout.decode().split()
    kept = keeping.watch(RunId(run_id))
    ours = [kept.keeper().pid, kept.wrapper().pid, *(member.identity.pid for member in kept.tree())]
    held = [name for pid in ours for name in _open_files(pid)]

    assert done.returncode == -signal.SIGKILL
    assert len(ours) >= 3
    assert not [name for name in held if name.startswith("socket:")]


@pytest.mark.needs("root")  # the kernel shows nobody else what a keeper holds
def test_who_holds_what(keeping: Keeping) -> None:
    """The owner lock is the keeper's alone; the hand-over memory is the wrapper's too, not the command's."""
    kept = keeping.submit("sleep", "600")
    command = kept.started().pid
    pids = {"keeper": kept.keeper().pid, "wrapper": kept.wrapper().pid, "command": command}
    held = {who: _names(pid) for who, pid in pids.items()}

    assert {who for who, names in held.items() if "owner.lock" in names} == {"keeper"}
    assert {who for who, names in held.items() if "runlore-stdout" in names} == {"keeper", "wrapper"}
    assert {who for who, names in held.items() if "tree.lock" in names} == {"wrapper", "command"}
    assert {who for who, names in held.items() if names & {"out", "err"}} == {"keeper", "wrapper", "command"}
    for name in (f"{kept.run_id}.jsonl", "transcript", "transcript.index", "heartbeat", "bell"):
        assert {who for who, names in held.items() if name in names} == {"keeper"}
    kept.stop(force=True)
    kept.end()


def test_a_pipe_of_the_caller(keeping: Keeping) -> None:
    """Whatever a shell had opened for the command line is closed in the run: its readers find their end."""
    read_end, write_end = os.pipe()
    script = (
        "from runlore.runtimes.launch import fork_keeper\nlink = fork_keeper()\n"
        "print(link.submit(keeping.spec('sleep', '600')).run_id); link.wait_started()"
    )
    argv = keeping.caller_argv(script)
    with subprocess.Popen(argv, stdout=subprocess.PIPE, pass_fds=(write_end,)) as caller:
        os.close(write_end)
        told = caller.communicate(timeout=DEADLINE_S)[0]  # ends: the run does not hold its stdout either
    kept = keeping.watch(RunId(told.decode().strip()))

    assert os.read(read_end, 1) == b""
    assert "RunSealed" not in kept.tags()
    os.close(read_end)


def test_a_caller_with_many_descriptors(keeping: Keeping) -> None:
    """More than 1024 open files do not disturb the link to a keeper."""
    told = keeping.as_caller(
        "import os, resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))\n"
        "held = [os.open('/dev/null', os.O_RDONLY) for _ in range(1500)]\n"
        "print(keeping.run('true').end().status)"
    )

    assert told == b"succeeded\n"


def test_a_caller_whose_streams_are_closed(keeping: Keeping) -> None:
    """Without stdin, stdout and stderr a run is kept as usual."""
    script = (
        "import os\nfor fd in (0, 1, 2): os.close(fd)\n"
        "from runlore.runtimes.launch import fork_keeper\nforked = fork_keeper()\n"
        "forked.submit(keeping.spec('true')); forked.wait_started(); forked.close()\n"
        "kept = keeping.run('sh', '-c', 'echo out; echo err >&2; cat')\n"
        "open('told', 'w').write(repr((kept.output('stdout'), kept.output('stderr'))))"
    )
    subprocess.run(keeping.caller_argv(script), cwd=keeping.folder, check=True, timeout=DEADLINE_S)

    assert (keeping.folder / "told").read_text() == repr((b"out\n", b"err\n"))


def test_a_package_that_is_installed(keeping: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its keeper is a module of an isolated interpreter; no search path is handed to it."""
    seen: list[list[str]] = []
    start = subprocess.Popen

    def popen(argv: list[str], **how: Any) -> "subprocess.Popen[bytes]":  # noqa: ANN401 - what the callee takes
        seen.append(argv)
        return start(argv, **how)

    monkeypatch.setattr(launch, "__file__", f"{sys.prefix}/lib/site-packages/runlore/runtimes/launch.py")
    monkeypatch.setattr(subprocess, "Popen", popen)
    kept = keeping.run("true")
    ((_, *argv),) = seen

    assert kept.end().status == "succeeded"
    assert argv[0] == "-I"
    assert argv[argv.index("-m") + 1] == "runlore.runtimes.keeper"


@pytest.mark.needs("root")  # the kernel shows nobody else what a keeper holds
def test_a_folder_that_goes_away(keeping: Keeping) -> None:
    """A keeper holds no folder of its caller's; only the command does."""
    kept = keeping.submit("sleep", "600")
    pids = (kept.started().pid, kept.keeper().pid, kept.wrapper().pid)

    assert [os.readlink(f"/proc/{pid}/cwd") for pid in pids] == [str(keeping.folder), "/", "/"]
    kept.stop(force=True)
    kept.end()


def test_what_our_processes_are_called(keeping: Keeping) -> None:
    """Ps and top show which is which."""
    kept = keeping.submit("sleep", "600")
    kept.started()
    names = [Path(f"/proc/{who.pid}/comm").read_text() for who in (kept.keeper(), kept.wrapper())]

    assert names == ["runlore-keeper\n", "runlore-wrapper\n"]


def note(number: int) -> Draft:
    """A note that says its number."""
    return lambda seq, at: events.RunNoted(seq=seq, at=at, text=f"note {number}")


def _names(pid: int) -> set[str]:
    """The last parts of the names of a process's open files."""
    names = [name.removesuffix(" (deleted)") for name in _open_files(pid)]
    return {name.rpartition("/")[2].removeprefix("memfd:") for name in names}


def _open_files(pid: int) -> list[str]:
    """The names of a process's open files, without those that it closes meanwhile."""
    found: list[str] = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with suppress(FileNotFoundError):
            found.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
    return found


def live_files(kept: Kept) -> list[str]:
    """What of a live run lies in its folder."""
    return left_live_files(REAL, kept.layout, kept.run_id)


@pytest.mark.parametrize(
    "argv", [("true",), ("false",), ("no-such-command-anywhere",), ("/etc/passwd",)], ids=str
)
def test_what_only_a_live_run_has(keeping: Keeping, argv: tuple[str, ...]) -> None:
    """Heartbeat, pipes and bell are gone after the seal, also of a command that could not be started."""
    kept = keeping.run(*argv)

    assert "RunSealed" in kept.tags()
    assert live_files(kept) == []


def test_a_run_that_failed_before_its_wrapper_was_there(keeping: Keeping) -> None:
    """A keeper that cannot get on leaves no heartbeat behind either."""
    patch = (
        "from runlore.runtimes import wrapper\n"
        "def fail(*_): raise OSError(11, 'no more processes')\n"
        "wrapper.start = fail"
    )
    told = keeping.as_caller(PATCHED.format(patch=patch, argv="'true'")).split()
    kept = keeping.watch(RunId(told[0].decode()))

    assert told[1:] == [b"failed"]
    assert live_files(kept) == []


def test_a_wrapper_that_cannot_record_itself(keeping: Keeping) -> None:
    """A full disk at that moment: nothing runs that nobody could adopt, and the run says why."""
    patch = (
        "import os\n"
        "from runlore.runtimes import wrapper\n"
        "def refuse(fd, content):\n"
        "    os.write(fd, content[:1])\n"
        "    raise OSError(28, os.strerror(28))\n"
        "beginning = wrapper.record_identity\n"
        "def record_identity(path):\n"
        "    write_all, wrapper.write_all = wrapper.write_all, refuse\n"
        "    try: beginning(path)\n"
        "    finally: wrapper.write_all = write_all\n"
        "wrapper.record_identity = record_identity"
    )
    told = keeping.as_caller(PATCHED.format(patch=patch, argv="'touch', 'ran'")).split()
    kept = keeping.watch(RunId(told[0].decode()))
    reason = kept.event(events.RunFailed).reason

    assert told[1:] == [b"failed"]
    assert reason is not None
    assert reason.code == "spawn_failed"
    assert reason.text.endswith("/wrapper: No space left on device")
    assert not (keeping.folder / "ran").exists()
    assert live_files(kept) == []
    assert not list(Path(kept.layout.in_run(kept.run_id, "")).glob("wrapper*"))


def test_live_files_that_cannot_be_removed(keeping: Keeping) -> None:
    """The run has ended all the same, and an old heartbeat makes nobody think otherwise."""
    patch = (
        "import os\nfrom runlore.journal.disk import RealDisk\n"
        "def unlink(path):\n"
        "    if path.endswith('/heartbeat'): raise OSError(30, path)\n"
        "    os.unlink(path)\n"
        "RealDisk.unlink = staticmethod(unlink)"
    )
    told = keeping.as_caller(PATCHED.format(patch=patch, argv="'true'")).split()
    kept = keeping.watch(RunId(told[0].decode()))
    view = Registry(keeping.layout).view(kept.run_id)
    (found,) = [each for each in doctor.examine(kept.layout.root) if each.run_id == kept.run_id]

    assert told[1:] == [b"succeeded"]
    assert live_files(kept) == ["heartbeat"]
    assert (view.status, view.health, view.seen) == ("succeeded", None, None)
    assert found.code == "live_files_left"
    subprocess.run(found.next, shell=True, check=True)
    assert live_files(kept) == []
