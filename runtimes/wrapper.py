"""The wrapper: the command's parent. It records how the command ended, and outlives any keeper.

It holds the reading ends of the command's pipes and the hand-over memory, so that neither the keeper's
death nor its successor's late arrival loses a byte. When a keeper dies before it was done, the wrapper
starts the next one: a fork of itself, so that no file on the disk decides what keeps the run. Without a
keeper's go it starts no command.
"""

import os
import select
import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

import msgspec
from msgspec import Struct

from runlore.journal.disk import Disk
from runlore.journal.values import Identity, Reason, RunId
from runlore.runtimes import detach, handover, prctl, reap, spawn
from runlore.runtimes.appearance import KEEPER, WRAPPER, appear_as
from runlore.runtimes.handover import (
    Done,
    Exited,
    Go,
    Intend,
    Intended,
    NotSpawned,
    Running,
    Standing,
)
from runlore.runtimes.identity import identify
from runlore.runtimes.out_of_memory import MemoryWatch
from runlore.runtimes.pipes import LAST_STANDARD, LineReader, write_all
from runlore.runtimes.spawn import Plan, SpawnFailed
from runlore.runtimes.succession import Succession

if TYPE_CHECKING:
    from runlore.journal.exit_record import ExitRecord


class WrapperLink(Struct, frozen=True):
    """The keeper's end."""

    pid: int
    ask_fd: int
    answers: LineReader


class Work(Struct, frozen=True, kw_only=True):
    """What a keeper gives its wrapper."""

    disk: Disk
    run_id: RunId
    inside: str
    """The run in which this one was started; empty if in none."""
    plan: Plan
    clean: Callable[[str], str]
    """Takes the secrets out of a text that is recorded."""
    identity_path: str
    """Where it records itself."""
    exit_fd: int
    held: tuple[int, ...]
    """FIFO reading ends, memfds, the pipe to the caller: kept open for the next keeper, never used here."""
    keep_on: Callable[[WrapperLink, Standing], None]
    """Be the next keeper, in a process of its own that has nothing else to do."""


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
        appear_as(WRAPPER, work.run_id, inside=work.inside)
        hidden = _recorded(work.identity_path)
        _Wrapper(work, LineReader(ask_end), answer_start, wake_end, hidden).run()
    finally:
        os._exit(0)


def _be_keeper(work: Work, link: WrapperLink, standing: Standing) -> NoReturn:
    try:
        os.setsid()
        detach.close_all_but({link.ask_fd, link.answers.fd, work.exit_fd, *work.held})
        prctl.become_subreaper()
        appear_as(KEEPER, work.run_id, inside=work.inside)
        work.keep_on(link, standing)
    finally:
        os._exit(0)


def _recorded(path: str) -> SpawnFailed | None:
    """Return None once this process is on record, else why it is not: nobody could adopt its command."""
    try:
        record_identity(path)
    except OSError as error:
        return SpawnFailed("setup", os.fsencode(path), error)
    return None


def record_identity(path: str) -> None:
    """Write down which process this is; readers see all of it or nothing.

    Not synced: it means nothing after this boot.

    Raises:
        OSError: the disk refused.
    """
    temporary = f"{path}.new"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        write_all(fd, msgspec.json.encode(identify(os.getpid())) + b"\n")
        os.rename(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise
    finally:
        os.close(fd)


def recorded_identity(path: str) -> Identity | None:
    """Return which process is, or was, the wrapper; None if none has recorded itself."""
    try:
        with open(path, "rb") as file:
            return msgspec.json.decode(file.read(4096), type=Identity)
    except (OSError, msgspec.MsgspecError, UnicodeError, ValueError):
        return None


class _Wrapper:
    def __init__(
        self, work: Work, orders: LineReader, answer_fd: int, wake_end: int, hidden: SpawnFailed | None
    ) -> None:
        self._work, self._orders = work, orders
        self._hidden = hidden
        """Why this process is not on record; without being so it starts nothing."""
        self._answer_fd, self._wake_end = answer_fd, wake_end
        self._pid = 0
        self._orphans = reap.NOTHING
        """What those of the command's tree used that nobody else waited for."""
        self._keepers: set[int] = set()
        self._begun = False
        self._running: Running | None = None
        self._not_spawned: NotSpawned | None = None
        self._reason: Reason | None = None
        self._memory: MemoryWatch | None = None
        self._record: ExitRecord | None = None
        self._released = False
        self._succession = Succession(time.monotonic())
        self._poll = select.poll()

    def run(self) -> None:
        """Return when a keeper is done, or when the command has ended and no keeper gets anywhere."""
        self._poll.register(self._orders.fd, select.POLLIN)
        self._poll.register(self._wake_end, select.POLLIN)
        while not self._released:
            for fd, _ in self._poll.poll(self._succession.wait_ms(time.monotonic())):
                if fd == self._wake_end:
                    detach.woken_by(fd)
                    self._reap()
                else:
                    self._obey()
            if self._orders.closed and self._orders.fd >= 0 and not self._released:
                self._lose_keeper()
            if self._succession.is_hopeless(over=self._record is not None or not self._begun):
                return  # the exit record tells the rest, or that there was no command
            if self._succession.is_due(time.monotonic()):
                self._start_next_keeper()

    def _lose_keeper(self) -> None:
        """Note that the keeper died: it closes its end only then."""
        self._poll.unregister(self._orders.fd)
        self._orders.close()
        os.close(self._answer_fd)
        self._answer_fd = -1
        self._succession.vacant(time.monotonic())

    def _start_next_keeper(self) -> None:
        """Fork the next keeper; if that cannot be done now, it is tried again later."""
        me = os.getpid()  # asked of the child, it might be somebody else's by then
        try:
            ask_end, ask_start = os.pipe()
            answer_end, answer_start = os.pipe()
            pid = os.fork()
        except OSError:
            self._succession.vacant(time.monotonic())
            return
        if pid == 0:
            _be_keeper(self._work, WrapperLink(me, ask_start, LineReader(answer_end)), self._standing())
        self._keepers.add(pid)
        os.close(ask_start)
        os.close(answer_end)
        self._orders, self._answer_fd = LineReader(ask_end), answer_start
        self._poll.register(ask_end, select.POLLIN)
        self._succession.taken(time.monotonic())

    def _standing(self) -> Standing:
        return Standing(
            begun=self._begun,
            running=self._running,
            not_spawned=self._not_spawned,
            intended=self._reason,
            record=self._record,
        )

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
        self._begun = True
        self._memory = MemoryWatch(os.getpid())  # the command begins in our cgroup
        try:
            if self._hidden is not None:
                raise self._hidden
            self._pid = spawn.spawn(plan)
        except SpawnFailed as failure:
            reason = Reason(code="spawn_failed", text=failure.told(work.clean))
            self._record = reap.record_failure(work.disk, work.exit_fd, work.disk.now(), reason)
            self._not_spawned = NotSpawned(self._record, failure.exit_code)
            self._say(self._not_spawned)
            return
        since_s = time.monotonic()
        if plan.stdin_fd > LAST_STANDARD:
            os.close(plan.stdin_fd)
        identity = identify(self._pid)
        assert identity is not None  # noqa: S101 - a child that was not reaped has one
        self._running = Running(identity, since_s)
        self._say(self._running)

    def _intend(self, reason: Reason) -> None:
        """Decide the order of the command's end and a wish to stop it: whoever comes first here."""
        self._reap()
        if self._pid and self._record is None:
            self._reason = self._reason or reason
            self._say(Intended())

    def _reap(self) -> None:
        """Reap orphans that came here, and the command once its status is on disk."""
        for pid in reap.dead_children():
            if pid == self._pid and self._record is None:
                reason = self._reason or self._out_of_memory(pid)
                self._record = reap.record_exit(
                    self._work.disk, self._work.exit_fd, pid, reason, self._orphans
                )
                self._say(Exited(self._record))
            else:
                used = reap.reap(pid)
                if pid not in self._keepers:
                    self._orphans = reap.both(self._orphans, used)

    def _out_of_memory(self, pid: int) -> Reason | None:
        """Return the reason if the kernel says that it killed the command for its memory."""
        if reap.is_killed(pid) and self._memory is not None and self._memory.has_killed():
            return Reason(code="oom", text="killed by the kernel: its cgroup was out of memory")
        return None

    def _say(self, message: handover.FromWrapper) -> None:
        """Tell the keeper, if there is one; the next is told where things stand."""
        if self._answer_fd >= 0:
            write_all(self._answer_fd, handover.encode(message))
