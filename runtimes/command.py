"""The command as its keeper knows it: from the wrapper's word, or as its parent once the wrapper is gone."""

import os
from typing import Final

from runlore.journal.exit_record import ExitRecord
from runlore.journal.values import Identity, Reason
from runlore.runtimes import exit_file, handover, reap
from runlore.runtimes.handover import Done, Exited, Go, Intend, Intended, NotSpawned, Running
from runlore.runtimes.identity import identify, look
from runlore.runtimes.owned_run import OwnedRun
from runlore.runtimes.pipes import write_all
from runlore.runtimes.tree import children_of
from runlore.runtimes.wrapper import WrapperLink

_TOLD: Final = 300
"""Characters of a reason that go into a pipe message; the journal has it whole."""


class Command:
    """What has become of the command so far."""

    def __init__(self, run: OwnedRun, link: WrapperLink) -> None:
        self._run, self._link = run, link
        self.wrapper: Identity | None = identify(link.pid)
        self.identity: Identity | None = None
        """Its process, once its own code runs."""
        self.not_spawned: NotSpawned | None = None
        self.record: ExitRecord | None = None
        """How it ended; on disk by the time it is known here."""
        self.intended = False
        """It is being stopped on purpose, and had not ended before."""
        self._wish: Reason | None = None

    @property
    def answers_fd(self) -> int:
        """Readable when the wrapper said something or died; -1 once it is gone."""
        return self._link.answers.fd

    @property
    def roots(self) -> set[int]:
        """Our own processes, which are above the command's tree and not in it."""
        return {os.getpid(), self._link.pid}

    def go(self) -> None:
        """Let the wrapper start it."""
        self._tell(Go())

    def intend(self, reason: Reason) -> None:
        """Ask for the command's end to count as wanted; `intended` or `record` is the answer."""
        self._wish = reason
        self._tell(Intend(Reason(code=reason.code, text=reason.text[:_TOLD], by=reason.by)))
        if self.answers_fd < 0:
            self._intend_alone()

    def done(self) -> None:
        """Release the wrapper: everything is on record."""
        self._tell(Done())

    def hear(self) -> None:
        """Take in what the wrapper said by now, and notice if it died."""
        answers = self._link.answers
        if answers.fd < 0:
            return
        for line in answers.read():
            match handover.from_wrapper(line):
                case Running(identity):
                    self.identity = identity
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
        """Notice the end of a command that is nobody's child here: the kernel made us no subreaper."""
        orphaned = self.answers_fd < 0 and self.record is None and self.identity is not None
        if orphaned and self.identity is not None and look(self.identity) == "gone":
            self.reap()
            if self.record is None:
                self._note(ExitRecord(at=self._run.disk.now(), reason=self._reason()))

    def _tell(self, message: handover.FromKeeper) -> None:
        write_all(self._link.ask_fd, handover.encode(message))

    def _reason(self) -> Reason | None:
        return self._wish if self.intended else None

    def _wrapper_gone(self) -> None:
        """Go on without it: take its record, or become the one who waits for the command.

        Its pipe closes a moment before its children become ours; waitable, it has left them to us.
        """
        reap.wait_ended(self._link.pid)
        self.record = self.record or exit_file.read_open(self._run.disk, self._run.exit_fd)
        if self.record is not None:
            return
        self.identity = self.identity or self._orphan()
        if self.identity is None:
            reason = Reason(code="spawn_failed", text="the wrapper died before it started the command")
            self._note(ExitRecord(at=self._run.disk.now(), reason=reason))
            return
        if self._wish is not None and not self.intended:
            self._intend_alone()
        self.reap()

    def _orphan(self) -> Identity | None:
        """Return the command of a wrapper that died before it could name it: the first child it left us."""
        left = [stat for stat in children_of(os.getpid()) if stat.pid != self._link.pid]
        first = min(left, key=lambda stat: (stat.start_ticks, stat.pid), default=None)
        return identify(first.pid) if first else None

    def _intend_alone(self) -> None:
        """Decide, in the wrapper's place, whether the command's end or the wish to end it came first."""
        ended = self.record is not None or self.identity is None or reap.has_ended(self.identity.pid)
        self.intended = self.intended or not ended

    def _inherit(self, pid: int) -> None:
        """Record the exit of a command whose wrapper died without having written it."""
        self.record = reap.record_exit(self._run.disk, self._run.exit_fd, pid, self._reason())

    def _note(self, record: ExitRecord) -> None:
        reap.write(self._run.disk, self._run.exit_fd, record)
        self.record = record
