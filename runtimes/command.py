"""The command as its keeper knows it.

From the wrapper's word; once the wrapper is gone, as its parent, if the kernel made us that; else from
what a pidfd tells anybody.
"""

import os
import time
from datetime import datetime, timedelta
from typing import Final

from runlore.journal.exit_record import ExitRecord
from runlore.journal.values import Identity, Reason
from runlore.runtimes import exit_file, exit_status, handover, reap
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
from runlore.runtimes.identity import Opened, has_ended, identify, look, open_same, read_stat
from runlore.runtimes.owned_run import OwnedRun
from runlore.runtimes.pipes import write_all
from runlore.runtimes.tree import children_of, members
from runlore.runtimes.wrapper import WrapperLink

_TOLD: Final = 300
"""Characters of a reason that go into a pipe message; the journal has it whole."""
_TO_BE_TAKEN: Final = timedelta(seconds=2)
"""How long a parent elsewhere may take to reap; until then nobody can ask how a process ended."""
_AT_FIRST: Final = Standing()


class Command:
    """What has become of the command so far.

    link: None for a keeper that finds the wrapper gone.
    pidfd: of the command, if the caller holds one already.
    """

    def __init__(
        self, run: OwnedRun, link: WrapperLink | None, standing: Standing = _AT_FIRST, *, pidfd: int = -1
    ) -> None:
        self._run, self._link = run, link
        self.wrapper: Identity | None = identify(link.pid) if link else None
        self.begun = standing.begun
        """The wrapper was told to start it: from there on only its end ends the run."""
        self.running = standing.running
        """Its process, once its own code runs."""
        self.not_spawned = standing.not_spawned
        self.record = standing.record
        """How it ended; on disk by the time it is known here."""
        self.intended = standing.intended is not None
        """It is being stopped on purpose, and had not ended before."""
        self._wish = standing.intended
        self._pidfd = pidfd
        self._ended_at: datetime | None = None
        if self.record is None:
            self._open_pidfd()

    @property
    def identity(self) -> Identity | None:
        """Its process, once its own code runs."""
        return self.running.identity if self.running else None

    @property
    def meant(self) -> Reason | None:
        """Why it is being stopped."""
        return self._wish

    @property
    def answers_fd(self) -> int:
        """Readable when the wrapper said something or died; -1 once it is gone."""
        return self._link.answers.fd if self._link else -1

    @property
    def end_fd(self) -> int:
        """Readable for ever once the command has ended; -1 where nobody here could tell how."""
        return self._pidfd

    @property
    def roots(self) -> set[int]:
        """Our own processes, which are above the command's tree and not in it."""
        wrapper = self.wrapper
        alive = wrapper is not None and self.answers_fd >= 0 and look(wrapper) == "alive"
        return {os.getpid(), wrapper.pid} if wrapper is not None and alive else {os.getpid()}

    def go(self) -> None:
        """Let the wrapper start it."""
        self.begun = True
        self._tell(Go())

    def intend(self, reason: Reason) -> None:
        """Ask for the command's end to count as wanted; `intended` or `record` is the answer."""
        self._wish = reason
        self._tell(Intend(Reason(code=reason.code, text=reason.text[:_TOLD], by=reason.by)))
        if self.answers_fd < 0:
            self._intend_alone()

    def is_paused(self) -> bool:
        """Say whether its process is stopped by a signal, and so cannot print anything."""
        stat = read_stat(self.identity.pid) if self.identity is not None and self.record is None else None
        return stat is not None and stat.stopped

    def done(self) -> None:
        """Release the wrapper: everything is on record."""
        self._tell(Done())

    def hear(self) -> None:
        """Take in what the wrapper said by now, and notice if it died."""
        if self._link is None or self._link.answers.fd < 0:
            return
        answers = self._link.answers
        for line in answers.read():
            match handover.from_wrapper(line):
                case Running() as running:
                    self.running = running
                    self._open_pidfd()
                case NotSpawned(record) as failure:
                    self.not_spawned, self.record = failure, record
                case Intended():
                    self.intended = True
                case Exited(record):
                    self.record = record
        if answers.closed:
            answers.close()
            self._wrapper_gone()

    def reap(self) -> None:
        """Reap children: the wrapper, orphans of the tree, and the command if it is ours by now."""
        self.hear()
        for pid in reap.dead_children():
            if self.record is None and self.identity is not None and pid == self.identity.pid:
                self._inherit(pid)
            else:
                reap.reap(pid)

    def look(self) -> None:
        """Notice the end of a command whose wrapper is gone and whose parent may be anybody."""
        identity = self.identity
        if self.answers_fd >= 0 or self.record is not None or identity is None:
            return
        if not self._has_ended(identity):
            return
        self.reap()
        if self.record is None:
            self._conclude(identity)

    def close(self) -> None:
        """Let go of the command's pidfd."""
        if self._pidfd >= 0:
            fd, self._pidfd = self._pidfd, -1
            os.close(fd)

    def _open_pidfd(self) -> None:
        """Hold on to the process, so that how it ends can be asked for though it is not our child."""
        identity = self.identity
        if identity is not None and self._pidfd < 0:
            found = open_same(identity)
            self._pidfd = found.fd if isinstance(found, Opened) else -1

    def _has_ended(self, identity: Identity) -> bool:
        return has_ended(self._pidfd) if self._pidfd >= 0 else look(identity) == "gone"

    def _conclude(self, identity: Identity) -> None:
        """Record the end of a command whose status belongs to somebody else: as far as it can be known.

        Whoever is its parent now may not have taken it yet, and nobody can tell until then.
        """
        now = self._run.disk.now()
        self._ended_at = self._ended_at or now
        status = exit_status.of_ended(identity, self._pidfd) if self._pidfd >= 0 else None
        if status is None and self._pidfd >= 0 and now - self._ended_at < _TO_BE_TAKEN:
            return
        code = None if status is None else os.waitstatus_to_exitcode(status)
        self._note(
            ExitRecord(
                at=self._ended_at,
                exit_code=code if code is not None and code >= 0 else None,
                signal=-code if code is not None and code < 0 else None,
                reason=self._reason(),
            )
        )

    def _tell(self, message: handover.FromKeeper) -> None:
        if self._link is not None:
            write_all(self._link.ask_fd, handover.encode(message))

    def _reason(self) -> Reason | None:
        return self._wish if self.intended else None

    def _wrapper_gone(self) -> None:
        """Go on without it: take its record, or become the one who waits for the command.

        Its pipe closes a moment before its children become ours; waitable, it has left them to us.
        """
        assert self._link is not None  # noqa: S101 - it was heard to go
        reap.wait_ended(self._link.pid)
        self.record = self.record or exit_file.read_open(self._run.disk, self._run.exit_fd)
        if self.record is not None:
            return
        if self.identity is None and self.begun and (orphan := self._orphan()) is not None:
            self.running = Running(orphan, time.monotonic())
            self._open_pidfd()
        if self.identity is None:
            reason = Reason(code="spawn_failed", text="the wrapper died before it started the command")
            self._note(ExitRecord(at=self._run.disk.now(), reason=reason))
            return
        if self._wish is not None and not self.intended:
            self._intend_alone()
        self.reap()

    def _orphan(self) -> Identity | None:
        """Return the command of a wrapper that died before it could name it: the oldest it left behind.

        A child of ours by now, if the wrapper was; else somebody's who carries the run's mark.
        """
        left = [stat for stat in children_of(os.getpid()) if stat.pid not in self._ours()]
        first = min(left, key=lambda stat: (stat.start_ticks, stat.pid), default=None)
        if first is not None:
            return identify(first.pid)
        marked = members(self._run.run_id, self.roots)
        oldest = min(marked, key=lambda each: (each.identity.start_ticks, each.identity.pid), default=None)
        return oldest.identity if oldest else None

    def _ours(self) -> set[int]:
        return {self.wrapper.pid} if self.wrapper is not None else set()

    def _intend_alone(self) -> None:
        """Decide, in the wrapper's place, whether the command's end or the wish to end it came first."""
        identity = self.identity
        ended = self.record is not None or identity is None or self._has_ended(identity)
        self.intended = self.intended or not ended

    def _inherit(self, pid: int) -> None:
        """Record the exit of a command whose wrapper died without having written it."""
        self.record = reap.record_exit(self._run.disk, self._run.exit_fd, pid, self._reason())

    def _note(self, record: ExitRecord) -> None:
        reap.write(self._run.disk, self._run.exit_fd, record)
        self.record = record
