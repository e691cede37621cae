"""The owner lock: one holder, gone with its process, never made anew."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from runlore.journal import ids
from runlore.journal.disk import REAL, RealDisk
from runlore.journal.errors import Busy, Conflict, JournalIO, NotFound, NotPermitted
from runlore.journal.layout import Layout
from runlore.journal.values import RunId
from runlore.runtimes.owner_lock import OwnerLock
from tests import proof
from tests.runtimes.kept_runs import program, registry_at


@pytest.fixture
def layout(registry_root: Path) -> Layout:
    """A registry without runs."""
    return registry_at(registry_root)


@pytest.fixture
def run_id() -> RunId:
    """The id of a run that does not exist yet."""
    return ids.mint(datetime.now(UTC), os.urandom(5))


def is_held(layout: Layout, run_id: RunId) -> bool:
    """What an observer is told."""
    fd = os.open(layout.owner_lock(run_id), os.O_RDONLY)
    try:
        return REAL.is_locked(fd)
    finally:
        os.close(fd)


def test_a_lock_that_was_made(layout: Layout, run_id: RunId) -> None:
    """It is held from the first moment, private, and free once let go of."""
    lock = OwnerLock.create(REAL, layout, run_id)
    assert lock.held
    assert is_held(layout, run_id)
    assert os.stat(layout.owner_lock(run_id)).st_mode & 0o777 == 0o600

    lock.release()
    assert lock.fileno() == -1
    assert not is_held(layout, run_id)


def test_a_lock_that_is_forgotten(layout: Layout, run_id: RunId) -> None:
    """Whoever forgets the lock lets go of it."""
    OwnerLock.create(REAL, layout, run_id)

    assert not is_held(layout, run_id)


def test_making_the_lock_of_a_run_that_exists(layout: Layout, run_id: RunId) -> None:
    """An id is used once, whether its owner lives or not; only a key's claim may use it up."""
    with OwnerLock.create(REAL, layout, run_id), pytest.raises(Conflict):
        OwnerLock.create(REAL, layout, run_id)
    with pytest.raises(Conflict):
        OwnerLock.create(REAL, layout, run_id)

    with OwnerLock.create(REAL, layout, run_id, claimed=True) as lock:
        assert lock.held


def test_taking_over_from_a_live_owner(layout: Layout, run_id: RunId) -> None:
    """It is refused at once, without waiting."""
    with OwnerLock.create(REAL, layout, run_id), pytest.raises(Busy):
        OwnerLock.take(REAL, layout, run_id)

    OwnerLock.take(REAL, layout, run_id).release()


def test_many_who_want_the_lock_of_a_dead_owner(layout: Layout, run_id: RunId) -> None:
    """Exactly one of them gets it."""
    OwnerLock.create(REAL, layout, run_id).release()
    start = threading.Barrier(16)

    def take() -> OwnerLock | None:
        start.wait()
        try:
            return OwnerLock.take(REAL, layout, run_id)
        except Busy:
            return None

    with ThreadPoolExecutor(16) as pool:
        taken = [lock for lock in pool.map(lambda _: take(), range(16)) if lock]

    assert len(taken) == 1


TAKING = """
import sys
from runlore.journal.disk import REAL
from runlore.journal.errors import Busy
from runlore.journal.layout import Layout
from runlore.runtimes.owner_lock import OwnerLock
layout, run_id = Layout(sys.argv[1]), sys.argv[2]
print("up", flush=True)
while sys.stdin.readline():
    try:
        lock = OwnerLock.take(REAL, layout, run_id)
    except Busy:
        lock = None
    print("mine" if lock else "busy", flush=True)
    sys.stdin.readline()
    if lock:
        lock.release()
    print("free", flush=True)
"""


def test_many_processes_that_start_at_once(
    layout: Layout, run_id: RunId, sized: Callable[[int, int], int]
) -> None:
    """In every round exactly one process becomes the owner, and the others are told."""
    OwnerLock.create(REAL, layout, run_id).release()
    processes, rounds = sized(8, 64), sized(100, 200)
    command = program(TAKING, layout.root, run_id)
    starters = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        for _ in range(processes)
    ]

    def answers(question: str) -> list[str]:
        for starter in starters:
            assert starter.stdin is not None
            starter.stdin.write(question)
        return [starter.stdout.readline().strip() for starter in starters if starter.stdout is not None]

    assert set(answers("")) == {"up"}
    for _ in range(rounds):
        assert sorted(answers("take\n")) == ["busy"] * (processes - 1) + ["mine"]
        assert set(answers("release\n")) == {"free"}
    for starter in starters:
        starter.communicate(timeout=30)
    proof.record(
        "owners", "of processes that start at once exactly one owns the run", {"starts": processes * rounds}
    )


def test_a_lock_file_that_somebody_removed(layout: Layout, run_id: RunId) -> None:
    """Nobody may make another one, because its owner may live; and that owner can find out."""
    with OwnerLock.create(REAL, layout, run_id) as lock:
        assert lock.is_in_place(layout)
        os.unlink(layout.owner_lock(run_id))

        assert not lock.is_in_place(layout)
        with pytest.raises(NotFound):
            OwnerLock.take(REAL, layout, run_id)
    assert not os.path.exists(layout.owner_lock(run_id))


class Replacing(RealDisk):
    """Somebody replaces the lock file between its being opened and its being locked."""

    def __init__(self, path: str) -> None:
        self._path = path

    def lock(self, fd: int, *, wait: bool = True) -> bool:
        """Lock what is not the lock file any more."""
        os.rename(self._path, f"{self._path}.old")
        os.close(os.open(self._path, os.O_CREAT | os.O_RDWR))
        return super().lock(fd, wait=wait)


def test_a_lock_file_that_was_replaced_meanwhile(layout: Layout, run_id: RunId) -> None:
    """A lock on a file that the path no longer names is no lock."""
    OwnerLock.create(REAL, layout, run_id).release()

    with pytest.raises(NotFound):
        OwnerLock.take(Replacing(layout.owner_lock(run_id)), layout, run_id)


def test_a_forked_child(layout: Layout, run_id: RunId) -> None:
    """The child has no part in the lock: its parent's death frees it, though the child lives on."""
    code = f"""
import os, sys, time
sys.path[:0] = {sys.path!r}
from runlore.journal.disk import REAL
from runlore.journal.layout import Layout
from runlore.runtimes.owner_lock import OwnerLock
lock = OwnerLock.create(REAL, Layout({layout.root!r}), {run_id!r})
if os.fork() == 0:
    print(lock.held, flush=True)
    sys.stdin.read()
    os._exit(0)
sys.stdin.read(1)
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "False\n"
        assert is_held(layout, run_id)

        parent.kill()
        parent.wait()
        assert not is_held(layout, run_id)


def test_a_program_that_the_owner_starts(layout: Layout, run_id: RunId) -> None:
    """A child program does not inherit the lock."""
    with OwnerLock.create(REAL, layout, run_id) as lock:
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
        lock.release()
        assert not is_held(layout, run_id)
        child.kill()
        child.wait()


def test_a_folder_that_may_not_be_written(layout: Layout, run_id: RunId) -> None:
    """The refusal names the file, and nothing is left behind."""
    os.rmdir(f"{layout.root}/runs")
    with pytest.raises(JournalIO, match=str(run_id)):
        OwnerLock.create(REAL, layout, run_id)


class Forbidding(RealDisk):
    """A disk on which nothing may be opened for writing."""

    def open(self, path: str, flags: int) -> int:
        """Refuse."""
        raise PermissionError(13, "Permission denied", path, flags)


def test_taking_a_lock_of_somebody_else(layout: Layout, run_id: RunId) -> None:
    """Who may not write the registry cannot own its runs, and is told so."""
    OwnerLock.create(REAL, layout, run_id).release()

    with pytest.raises(NotPermitted):
        OwnerLock.take(Forbidding(), layout, run_id)
