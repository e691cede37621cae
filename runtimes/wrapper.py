"""The wrapper: the command's parent. It records how the command ended, and outlives any keeper.

It holds the reading ends of the command's pipes and the hand-over memory, so that neither the keeper's
death nor its successor's late arrival loses a byte. Without the keeper's go it starts nothing.
"""

import os
import select
import signal
from typing import TYPE_CHECKING, NoReturn

import msgspec
from msgspec import Struct

from runlore.journal.disk import Disk
from runlore.journal.values import Identity, Reason
from runlore.runtimes import detach, handover, prctl, reap, spawn
from runlore.runtimes.handover import Done, Exited, Go, Intend, Intended, NotSpawned, Running
from runlore.runtimes.identity import identify
from runlore.runtimes.owned_run import WRAPPER
from runlore.runtimes.pipes import LineReader, write_all
from runlore.runtimes.spawn import Plan, SpawnFailed

if TYPE_CHECKING:
    from runlore.journal.exit_record import ExitRecord


class Work(Struct, frozen=True, kw_only=True):
    """What a keeper gives its wrapper."""

    disk: Disk
    plan: Plan
    identity_path: str
    """Where it records itself."""
    exit_fd: int
    held: tuple[int, ...]
    """FIFO reading ends and memfds: kept open, never read here."""


class WrapperLink(Struct, frozen=True):
    """The keeper's end."""

    pid: int
    ask_fd: int
    answers: LineReader


def start(work: Work) -> WrapperLink:
    """Return the link to a wrapper that waits for the keeper's go."""
    ask_end, ask_start = os.pipe()
    answer_end, answer_start = os.pipe()
    pid = os.fork()
    if pid == 0:
        _be_wrapper(work, ask_end, answer_start)
    os.close(ask_end)
    os.close(answer_start)
    return WrapperLink(pid, ask_start, LineReader(answer_end))


def _be_wrapper(work: Work, ask_end: int, answer_start: int) -> NoReturn:
    try:
        os.setsid()
        plan = work.plan
        keep = {ask_end, answer_start, work.exit_fd, plan.tree_lock_fd, plan.stdin_fd, *work.held}
        detach.close_all_but(keep)
        wake_end = detach.wake_on(signal.SIGCHLD)
        prctl.become_subreaper()
        prctl.set_name(WRAPPER)
        record_identity(work.identity_path)
        _Wrapper(work, LineReader(ask_end), answer_start, wake_end).run()
    finally:
        os._exit(0)


def record_identity(path: str) -> None:
    """Write down which process this is; readers see all of it or nothing.

    Not synced: it means nothing after this boot.
    """
    temporary = f"{path}.new"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    write_all(fd, msgspec.json.encode(identify(os.getpid())) + b"\n")
    os.close(fd)
    os.rename(temporary, path)


def recorded_identity(path: str) -> Identity | None:
    """Return which process is, or was, the wrapper; None if none has recorded itself."""
    try:
        with open(path, "rb") as file:
            return msgspec.json.decode(file.read(4096), type=Identity)
    except (OSError, msgspec.MsgspecError, UnicodeError, ValueError):
        return None


class _Wrapper:
    def __init__(self, work: Work, orders: LineReader, answer_fd: int, wake_end: int) -> None:
        self._work, self._orders = work, orders
        self._answer_fd, self._wake_end = answer_fd, wake_end
        self._pid = 0
        self._reason: Reason | None = None
        self._record: ExitRecord | None = None
        self._released = False

    def run(self) -> None:
        """Return when the command has ended and the keeper is done, or gone."""
        poll = select.poll()
        poll.register(self._orders.fd, select.POLLIN)
        poll.register(self._wake_end, select.POLLIN)
        while not self._released:
            for fd, _ in poll.poll():
                if fd == self._wake_end:
                    detach.woken_by(fd)
                    self._reap()
                else:
                    self._obey()
            if self._orders.closed and self._orders.fd >= 0:
                poll.unregister(self._orders.fd)
                self._orders.close()
            if self._orders.fd < 0 and (self._record is not None or not self._pid):
                return  # nobody will ask for anything any more

    def _obey(self) -> None:
        for line in self._orders.read():
            match handover.from_keeper(line):
                case Go():
                    self._start()
                case Intend(reason):
                    self._intend(reason)
                case Done():
                    self._released = True

    def _start(self) -> None:
        work, plan = self._work, self._work.plan
        try:
            self._pid = spawn.spawn(plan)
        except SpawnFailed as failure:
            reason = Reason(code="spawn_failed", text=str(failure))
            self._record = reap.record_failure(work.disk, work.exit_fd, work.disk.now(), reason)
            self._say(NotSpawned(self._record, failure.exit_code))
            return
        if plan.stdin_fd > detach.LAST_STANDARD:
            os.close(plan.stdin_fd)
        identity = identify(self._pid)
        assert identity is not None  # noqa: S101 - a child that was not reaped has one
        self._say(Running(identity))

    def _intend(self, reason: Reason) -> None:
        """Decide the order of the command's end and a wish to stop it: whoever comes first here."""
        self._reap()
        if self._pid and self._record is None:
            self._reason = reason
            self._say(Intended())

    def _reap(self) -> None:
        """Reap orphans that came here, and the command once its status is on disk."""
        for pid in reap.dead_children():
            if pid == self._pid and self._record is None:
                self._record = reap.record_exit(self._work.disk, self._work.exit_fd, pid, self._reason)
                self._say(Exited(self._record))
            else:
                reap.reap(pid)

    def _say(self, message: handover.FromWrapper) -> None:
        write_all(self._answer_fd, handover.encode(message))
