"""How a process ended that belongs to somebody else: the kernel tells, or nobody knows; never a guess."""

import os
import select
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from runlore.journal.values import Identity
from runlore.runtimes.exit_status import of_ended
from runlore.runtimes.identity import Opened, identify, open_same
from tests.runtimes.keeping import until

TELLS_EVERYBODY = tuple(map(int, os.uname().release.split("-")[0].split(".")[:2])) >= (6, 15)


class Foster:
    """A process whose child is looked at from here: it reaps when it is told to."""

    def __init__(self, end: Callable[[], None]) -> None:
        self._go, self._told = os.pipe(), os.pipe()
        self._reaped = False
        self.pid = os.fork()
        if self.pid == 0:
            self._be_parent(end)
        self.child = self._identity(int(os.read(self._told[0], 16)))
        found = open_same(self.child)
        assert isinstance(found, Opened)
        self.pidfd = found.fd
        os.write(self._go[1], b"e")
        poll = select.poll()
        poll.register(self.pidfd, select.POLLIN)
        assert poll.poll(30_000)

    def _be_parent(self, end: Callable[[], None]) -> None:
        child = os.fork()
        if child == 0:
            os.read(self._go[0], 1)
            end()
        os.write(self._told[1], b"%d" % child)
        os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        os.read(self._go[0], 1)
        os.waitpid(child, 0)
        os.write(self._told[1], b"reaped")
        os.read(self._go[0], 1)
        os._exit(0)

    def _identity(self, pid: int) -> Identity:
        found = identify(pid)
        assert found is not None
        return found

    def reap(self) -> None:
        self._reaped = True
        os.write(self._go[1], b"r")
        assert os.read(self._told[0], 16) == b"reaped"

    def close(self) -> None:
        if not self._reaped:
            self.reap()
        os.write(self._go[1], b"x")
        os.waitpid(self.pid, 0)
        for fd in (*self._go, *self._told, self.pidfd):
            os.close(fd)


@contextmanager
def fostered(end: Callable[[], None]) -> Iterator[Foster]:
    """A process of somebody else's that has ended as `end` says."""
    foster = Foster(end)
    try:
        yield foster
    finally:
        foster.close()


def by_exit() -> None:
    """End with exit code 42."""
    os._exit(42)


def by_signal() -> None:
    """End by SIGKILL."""
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(("end", "status"), [(by_exit, 42 << 8), (by_signal, int(signal.SIGKILL))])
def test_a_process_that_waits_to_be_reaped(end: Callable[[], None], status: int) -> None:
    """Its own user may read how it ended."""
    with fostered(end) as foster:
        until(lambda: of_ended(foster.child, foster.pidfd) is not None)
        assert of_ended(foster.child, foster.pidfd) == status


@pytest.mark.parametrize(("end", "status"), [(by_exit, 42 << 8), (by_signal, int(signal.SIGKILL))])
def test_a_process_that_was_reaped(end: Callable[[], None], status: int) -> None:
    """Its pidfd still tells, since Linux 6.15; before that nobody does, and nothing is invented."""
    with fostered(end) as foster:
        foster.reap()
        assert of_ended(foster.child, foster.pidfd) == (status if TELLS_EVERYBODY else None)


def test_a_process_that_runs() -> None:
    """Nothing is known yet."""
    me = identify(os.getpid())
    assert me is not None
    pidfd = os.pidfd_open(me.pid)

    assert of_ended(me, pidfd) is None
    os.close(pidfd)
