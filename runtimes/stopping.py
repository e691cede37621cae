"""End a command and its whole tree: TERM, a grace, KILL, again until nothing of it is left.

A state machine that the keeper's loop steps; it never waits. What cannot be signalled is named instead.
"""

import signal
from typing import Final

from runlore.journal.values import Identity, Reason, Seconds, Survivor
from runlore.runtimes import signals
from runlore.runtimes.appearance import OURS
from runlore.runtimes.command import Command
from runlore.runtimes.owned_run import OwnedRun
from runlore.runtimes.signals import Refused
from runlore.runtimes.tree import Member, members

GRACE_S: Final = 10.0
_ANSWER_S: Final = 1.0
"""How long the wrapper may take to say whether the command had ended; then it is stopped anyway."""
_FIRST_LOOK_S: Final = 0.02
_SLOWEST_LOOK_S: Final = 1.0
_LAST_WORD_S: Final = 2.0


class Stopping:
    """The end of one run, once somebody or something asked for it; the first reason counts."""

    def __init__(self, run: OwnedRun, command: Command) -> None:
        self._run, self._command = run, command
        self.reason: Reason | None = None
        self.over = False
        """Nothing of the tree is left that we could end, or the command had ended before."""
        self.survivors: tuple[Survivor, ...] = ()
        """Who could not be signalled."""
        self._answer_by = self._kill_at = self._next = 0.0
        self._termed: set[Identity] = set()
        self._refused: set[Identity] = set()
        self._began = False
        self._pause = _FIRST_LOOK_S

    @property
    def asked(self) -> bool:
        """Somebody asked for the end."""
        return self.reason is not None

    @property
    def due(self) -> float | None:
        """Monotonic time of the next step; None while there is nothing to do."""
        return self._next if self.asked and not self.over else None

    def ask(self, reason: Reason, now: float, *, grace_s: Seconds | None = None, force: bool = False) -> None:
        """Begin to end the run; later calls can only make it quicker."""
        grace = 0.0 if force else GRACE_S if grace_s is None else grace_s
        if self.reason is None:
            self.reason = reason
            self._answer_by, self._kill_at = now + _ANSWER_S, now + grace
            self._command.intend(reason)
        elif force:
            self._kill_at = min(self._kill_at, now)
        self._next, self._pause = now, _FIRST_LOOK_S

    def step(self, now: float) -> None:
        """Do what is due; call it again at `due`, and whenever a process ended."""
        command = self._command
        if not self.asked or self.over:
            return
        if not self._began:
            if command.record is not None and not command.intended:
                self.over = True  # it ended by itself first: its own result counts
                return
            if not command.intended and now < self._answer_by:
                self._next = self._answer_by
                return
            self._began = True
        self._sweep(now)

    def _sweep(self, now: float) -> None:
        """Signal everything of the tree once, and see who is left."""
        kill = now >= self._kill_at
        left = self._tree() or self._tree(thorough=True)
        if kill:  # what is stopped cannot fork away from the kill
            for member in self._to_signal(left, now):
                signals.send(member.identity, signal.SIGSTOP)
            left = self._tree()
        for member in self._to_signal(left, now):
            self._signal(member, kill=kill)
        stubborn = [member for member in left if member.identity in self._refused]
        self.survivors = name_survivors(stubborn)
        self.over = len(stubborn) == len(left) and self._command.record is not None
        self._next = now + self._pause if kill else min(now + self._pause, self._kill_at)
        self._pause = min(self._pause * 2, _SLOWEST_LOOK_S)

    def _to_signal(self, left: list[Member], now: float) -> list[Member]:
        """Return whom to signal: a run inside this one ends through its own keeper, so its record is right.

        That keeper takes our TERM and stops its run; if we kill what is left, it has its last word.
        """
        if now < self._kill_at:
            return [member for member in left if not member.inner]
        if now < self._kill_at + _LAST_WORD_S:
            return [member for member in left if member.name not in OURS]
        return left

    def _signal(self, member: Member, *, kill: bool) -> None:
        if not kill and member.identity in self._termed:
            return
        self._termed.add(member.identity)
        answer = signals.send(member.identity, signal.SIGKILL if kill else signal.SIGTERM)
        if isinstance(answer, Refused):
            self._refused.add(member.identity)
        elif not kill:
            signals.send(member.identity, signal.SIGCONT)  # a stopped process takes no TERM

    def _tree(self, *, thorough: bool = False) -> list[Member]:
        lock = self._run.layout.tree_lock(self._run.run_id) if thorough else None
        return members(self._run.run_id, self._command.roots, tree_lock=lock)


def name_survivors(left: list[Member]) -> tuple[Survivor, ...]:
    """Return these processes as a run's event names them."""
    return tuple(Survivor(pid=member.identity.pid, command=member.name) for member in left)
