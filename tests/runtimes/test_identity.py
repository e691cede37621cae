"""A process is known by more than its pid; doubt is an answer; only the very same process is signalled."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from msgspec import structs

from runlore.journal import ids, machine
from runlore.journal.values import Identity
from runlore.runtimes import identity, signals, tree
from runlore.runtimes.identity import Doubtful, Gone, identify, look, open_same, read_stat
from tests.runtimes.keeping import until

RUN: Final = ids.mint(datetime.now(UTC), os.urandom(5))
"""Of nobody else: who carries it is looked for on the whole machine, where other tests run too."""


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A child that lives until the test ends."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def known(pid: int) -> Identity:
    """The identity of a process that is there."""
    found = identify(pid)
    assert found is not None
    return found


def test_a_live_process(sleeper: subprocess.Popen[bytes]) -> None:
    """It is the same at every look, and named by boot, namespace, pid, start and inode."""
    first = known(sleeper.pid)

    assert (first.pid, first.boot_id, first.pid_ns) == (
        sleeper.pid,
        machine.boot_id(),
        machine.pid_namespace(),
    )
    assert first == known(sleeper.pid)
    assert look(first) == "alive"


def test_a_process_that_ended(sleeper: subprocess.Popen[bytes]) -> None:
    """It is gone once it has ended, as a zombie already, and nobody has its identity after that."""
    was = known(sleeper.pid)
    sleeper.kill()

    assert until(lambda: look(was) == "gone")
    sleeper.wait()
    assert look(was) == "gone"
    assert identify(sleeper.pid) is None
    assert read_stat(sleeper.pid) is None


def test_a_stopped_process(sleeper: subprocess.Popen[bytes]) -> None:
    """Stopped is alive."""
    os.kill(sleeper.pid, signal.SIGSTOP)

    assert look(known(sleeper.pid)) == "alive"


@pytest.mark.needs("root", "unshare")
def test_a_pid_that_was_given_out_again() -> None:
    """The stranger is not the process that ended, also if it began in the same clock tick."""
    code = (
        "import os, signal, subprocess, sys\n"
        f"sys.path[:0] = {sys.path!r}\n"
        "from runlore.runtimes import signals\nfrom runlore.runtimes.identity import identify, look\n"
        "wrong = 0\n"
        "for _ in range(50):\n"
        "    first = subprocess.Popen(['sleep', '60']); was = identify(first.pid)\n"
        "    first.kill(); first.wait()\n"
        "    open('/proc/sys/kernel/ns_last_pid', 'w').write(str(first.pid - 1))\n"
        "    second = subprocess.Popen(['sleep', '60'])\n"
        "    assert second.pid == first.pid\n"
        "    answer = signals.send(was, signal.SIGKILL)\n"
        "    wrong += look(was) != 'gone' or not isinstance(answer, signals.Gone)\n"
        "    wrong += second.poll() is not None\n"
        "    second.kill(); second.wait()\n"
        "print(wrong)"
    )
    unshared = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", code]
    done = subprocess.run(unshared, capture_output=True, check=True)

    assert done.stdout == b"0\n", done.stderr


def test_another_boot(sleeper: subprocess.Popen[bytes]) -> None:
    """Whatever lived before the last boot is gone, whoever has its pid now."""
    assert look(structs.replace(known(sleeper.pid), boot_id="another")) == "gone"


def test_another_pid_namespace(sleeper: subprocess.Popen[bytes]) -> None:
    """Its numbers mean nothing here, so nothing is said and nothing is sent."""
    elsewhere = structs.replace(known(sleeper.pid), pid_ns=7)

    assert look(elsewhere) == "unverifiable"
    assert isinstance(signals.send(elsewhere, signal.SIGKILL), signals.Refused)
    assert sleeper.poll() is None


def test_a_kernel_without_pidfs(sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Start times decide there: equal is the same, different is a stranger, unknown is doubt."""
    monkeypatch.setattr(identity, "_has_pidfs", lambda: False)
    found = known(sleeper.pid)

    assert found.pidfd_inode == 0
    assert look(found) == "alive"
    assert look(structs.replace(found, start_ticks=found.start_ticks + 1)) == "gone"
    assert look(structs.replace(found, start_ticks=0)) == "unverifiable"
    assert isinstance(signals.send(found, signal.SIGTERM), signals.Sent)


def test_a_start_time_that_shifted(sleeper: subprocess.Popen[bytes]) -> None:
    """In another time namespace start ticks differ; the inode alone decides where it is known."""
    found = known(sleeper.pid)
    assert found.pidfd_inode, "this test needs Linux 6.9"

    assert look(structs.replace(found, start_ticks=1)) == "alive"
    assert isinstance(open_same(structs.replace(found, pidfd_inode=1)), Gone)


def test_no_descriptor_left(sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no pidfd can be had, nobody is taken for dead and nobody is signalled."""

    def refuse(_pid: int) -> int:
        raise OSError(24, "Too many open files")

    found = known(sleeper.pid)
    with monkeypatch.context() as patch:
        patch.setattr(os, "pidfd_open", refuse)
        assert isinstance(open_same(found), Doubtful)
        assert look(found) == "unverifiable"


@pytest.mark.parametrize("pid", [0, -1, 2**31, 2**53 - 1])
def test_a_pid_that_cannot_be(pid: int) -> None:
    """No journal's number makes an error; nobody is found alive under it."""
    found = structs.replace(known(os.getpid()), pid=pid)

    assert identify(pid) is None
    assert look(found) != "alive"


def test_a_name_made_to_confuse() -> None:
    """Parentheses, spaces and newlines in a process's name do not shift the fields behind it."""
    code = (
        "import ctypes, sys; ctypes.CDLL(None).prctl(15, b') R 1 (\\n', 0, 0, 0)\n"
        "print('named', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        stat = read_stat(process.pid)
        assert process.stdin is not None
        process.stdin.close()

    assert stat is not None
    assert (stat.parent, stat.name, stat.dead) == (os.getpid(), ") R 1 (\n", False)


def test_the_tree_of_a_run(sleeper: subprocess.Popen[bytes]) -> None:
    """Children, grandchildren and marked strangers belong to it; the roots and everybody else do not."""
    marked = subprocess.Popen(["sleep", "600"], env={**os.environ, tree.MARK: RUN}, start_new_session=True)
    other = subprocess.Popen(["sleep", "600"], env={**os.environ, tree.MARK: RUN + "x"})
    try:
        below = {member.identity.pid for member in tree.members(RUN, {os.getpid()})}
        by_mark = {member.identity.pid for member in tree.members(RUN, ())}

        assert {sleeper.pid, marked.pid, other.pid} <= below
        assert os.getpid() not in below
        assert by_mark == {marked.pid}
    finally:
        for process in (marked, other):
            process.kill()
            process.wait()


def test_who_holds_the_tree_lock(tmp_path: Path) -> None:
    """A process that hides its environment still belongs to the run while it has the lock file open."""
    path = f"{tmp_path}/tree.lock"
    with open(path, "w") as lock, subprocess.Popen(["sleep", "600"], pass_fds=(lock.fileno(),)) as holder:
        found = {member.identity.pid for member in tree.members(RUN, (), tree_lock=path)}
        holder.kill()

    assert found == {os.getpid(), holder.pid}


def test_who_holds_the_tree_lock_and_closes_other_files_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was closed between being listed and being looked at hides none of what is still open."""
    path, listdir = f"{tmp_path}/tree.lock", os.listdir

    def busy(folder: str) -> list[str]:
        return [*(["1048576"] if folder.endswith("/fd") else []), *listdir(folder)]

    monkeypatch.setattr(os, "listdir", busy)
    with open(path, "w") as lock, subprocess.Popen(["sleep", "600"], pass_fds=(lock.fileno(),)) as holder:
        found = {member.identity.pid for member in tree.members(RUN, (), tree_lock=path)}
        holder.kill()

    assert found == {os.getpid(), holder.pid}


def test_the_dead_are_no_members(sleeper: subprocess.Popen[bytes]) -> None:
    """A zombie is not waited for and not signalled."""
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)

    assert sleeper.pid not in {member.identity.pid for member in tree.members(RUN, {os.getpid()})}
