"""Keep one run: start its command, take in what it prints, watch for its end and for wishes, finish.

One thread, one selector, no waiting anywhere else. Every decision about time is by the monotonic clock.
"""

import os
import selectors
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from runlore.journal import events
from runlore.journal.errors import JournalIO, RunloreError
from runlore.journal.reader import JournalReader
from runlore.journal.scan import Record
from runlore.journal.values import Handle, Reason
from runlore.runtimes import detach, spawn
from runlore.runtimes.caller import Caller
from runlore.runtimes.capture import StreamCapture
from runlore.runtimes.collecting import collect_for_keeper, declares
from runlore.runtimes.command import Command
from runlore.runtimes.finish import Evidence, has_run, put_on_record
from runlore.runtimes.handover import Running
from runlore.runtimes.heartbeat import EVERY_S
from runlore.runtimes.idle import LOOK_EVERY_S, IdleClock
from runlore.runtimes.messages import Ended, NotReady, NotStarted, Started
from runlore.runtimes.owned_run import OwnedRun
from runlore.runtimes.stopping import Stopping, name_survivors
from runlore.runtimes.tree import members

if TYPE_CHECKING:
    from collections.abc import Callable

_TICK_S: Final = LOOK_EVERY_S
"""How often the journal is looked at even if nobody rang."""
_DRAIN_S: Final = 2.0
"""How long output is still taken in from what outlives the command."""
_GLANCE_S: Final = 0.2
"""How often the journal is looked at while outputs are collected."""
_SMALL: Final = 4096
_STREAK: Final = 16
_BREATH_S: Final = 0.002
"""A command that prints small pieces without end is read this often: a wake-up a line would cost a core."""


class KeeperLoop:
    """The life of one run under its keeper, from the wrapper's start to the seal."""

    def __init__(
        self,
        run: OwnedRun,
        command: Command,
        captures: list[StreamCapture],
        caller: Caller,
        *,
        bell_fd: int,
        wake_fd: int,
    ) -> None:
        self._run, self._command, self._captures, self._caller = run, command, captures, caller
        self._bell_fd, self._wake_fd = bell_fd, wake_fd
        self._stopping = Stopping(run, command)
        self._reader = JournalReader(run.disk, run.layout, run.run_id)
        self._asked: Record | None = None
        self._collected = self._is_forced = False
        """The journal has the command's end already: an earlier keeper came that far."""
        self._declared = False
        """The workload named outputs."""
        self._next_glance = 0.0
        self._selector = selectors.DefaultSelector()
        self._answers_fd = command.answers_fd
        self._end_watched = False
        self._started = False
        """The journal says that the command runs."""
        self._counting = self._told = False
        self._ready = run.spec.await_ready_s is None
        """The workload said that it is ready, or nobody waits for that."""
        now = time.monotonic()
        self._next_tick, self._next_beat = now, now + EVERY_S
        self._times_out = self._boots_until = self._drained_by = float("inf")
        self._idle = IdleClock(run.spec.idle_timeout_s)
        self._streak = 0

    def keep(self) -> None:
        """Return when the run has ended and everything about it is on record."""
        self._look_at_journal()
        if not self._command.begun:
            if self._asked is not None:
                self._cancel_unstarted(self._asked)
                return
            self._command.go()
        if self._command.meant is not None and not self._stopping.asked:
            self._stopping.ask(self._command.meant, time.monotonic())
        self._watch()
        self._learn()
        while not self._is_complete(time.monotonic()):
            for key, _ in self._selector.select(max(0.0, self._wake_at() - time.monotonic())):
                act: Callable[[], None] = key.data
                act()
            self._keep_time(time.monotonic())
        self._finish()

    # -- what the selector watches

    def _watch(self) -> None:
        for capture in self._captures:
            self._selector.register(capture.fifo, selectors.EVENT_READ, lambda it=capture: self._take(it))
        self._selector.register(self._bell_fd, selectors.EVENT_READ, self._ring)
        self._selector.register(self._wake_fd, selectors.EVENT_READ, self._wake)
        if self._answers_fd >= 0:
            self._selector.register(self._answers_fd, selectors.EVENT_READ, self._hear)

    def _take(self, capture: StreamCapture) -> None:
        moved = capture.take()
        if capture.ended:
            self._selector.unregister(capture.fifo)
        if not moved:
            return
        self._idle.heard(time.monotonic())
        self._caller.nudge()
        self._streak = self._streak + 1 if moved < _SMALL else 0
        if self._streak > _STREAK:
            time.sleep(_BREATH_S)

    def _ring(self) -> None:
        os.read(self._bell_fd, 65536)
        self._look_at_journal()
        self._learn()

    def _wake(self) -> None:
        numbers = detach.woken_by(self._wake_fd)
        if signal.SIGTERM in numbers:
            self._stop_by_signal()
        self._command.reap()
        self._learn()

    def _hear(self) -> None:
        self._command.hear()
        self._learn()

    def _see_end(self) -> None:
        """The command has ended: its wrapper will say how, and if there is none, its pidfd does."""
        self._selector.unregister(self._command.end_fd)
        self._command.look()
        self._learn()

    # -- what it means

    def _learn(self) -> None:
        """Act on what is new about the command."""
        command, now = self._command, time.monotonic()
        if command.answers_fd < 0 and self._answers_fd >= 0:
            self._selector.unregister(self._answers_fd)
            self._answers_fd = -1
        if command.answers_fd < 0 <= command.end_fd and not self._end_watched:
            self._end_watched = True
            self._selector.register(command.end_fd, selectors.EVENT_READ, self._see_end)
        if command.running is not None:
            self._note_start(command.running)
        if command.record is not None and self._drained_by == float("inf"):
            self._drained_by = now + _DRAIN_S if has_run(command.record) else now
        self._stopping.step(now)

    def _note_start(self, running: Running) -> None:
        """Begin to count the command's time, and put on record that it runs if nobody has.

        A run that is waited for runs once it has said that it is ready.
        """
        if not self._counting:
            self._counting = True
            spec = self._run.spec
            if spec.timeout_s is not None:
                self._times_out = running.since_s + spec.timeout_s
            if spec.await_ready_s is not None:
                self._boots_until = running.since_s + spec.await_ready_s
            self._idle.heard(time.monotonic())
        if self._told or not (self._ready or self._started):
            return
        self._told, self._boots_until = True, float("inf")
        handle = Handle(pid=running.identity.pid, identity=running.identity, wrapper=self._command.wrapper)
        try:
            if not self._started:
                self._run.append(events.RunStarted, handle=handle)
        except JournalIO:
            return  # the command runs all the same; its end is what must get on record
        self._caller.tell(Started(handle.pid or 0))

    def _look_at_journal(self) -> None:
        """Take in the wishes that others have appended."""
        try:
            records = self._reader.read_available()
        except RunloreError:
            return  # looked at again in a second
        for record in records:
            wish = record.event
            self._started = self._started or isinstance(wish, events.RunStarted)
            if isinstance(wish, events.RunReadied) and not self._stopping.asked:
                self._ready = True
            self._collected = self._collected or isinstance(wish, events.RunCollecting)
            self._declared = self._declared or isinstance(wish, events.ArtifactDeclared)
            if not isinstance(wish, events.RunStopRequested):
                continue
            self._asked = self._asked or record
            if self._command.begun:
                reason = Reason(code="cancelled", text=wish.reason, by=wish.by)
                now = time.monotonic()
                self._stopping.ask(reason, now, grace_s=wish.grace_s, force=wish.force)
                self._stopping.step(now)

    def _stop_by_signal(self) -> None:
        """Ask for the end as anybody else would: on record."""
        text = "its keeper was told to end by SIGTERM"
        try:
            self._run.append(events.RunStopRequested, reason=text)
        except RunloreError:
            self._stopping.ask(Reason(code="cancelled", text=text, by=self._run.by), time.monotonic())
        self._look_at_journal()

    # -- time

    def _wake_at(self) -> float:
        due = self._stopping.due
        last = self._drained_by if due is None else due
        return min(self._next_tick, self._times_out, self._boots_until, self._idle.due, last)

    def _keep_time(self, now: float) -> None:
        if now >= self._next_tick:
            self._next_tick = now + _TICK_S
            self._look_at_journal()
            self._command.look()
            self._learn()
            self._idle.look(now, paused=self._command.is_paused())
        if now >= self._next_beat:
            self._next_beat = now + EVERY_S
            self._run.heartbeat.beat()
        if now >= self._times_out:
            self._times_out = float("inf")
            text = f"still running after {self._run.spec.timeout_s:g} s"
            self._stopping.ask(Reason(code="timeout", text=text), now)
        if now >= self._boots_until:
            self._end_booting(now)
        if now >= self._idle.due:
            self._judge_silence(now)
        if self._stopping.due is not None and now >= self._stopping.due:
            self._stopping.step(now)

    def _end_booting(self, now: float) -> None:
        """Stop what was not ready in time, unless it has just said that it is."""
        self._look_at_journal()
        self._learn()
        if now >= self._boots_until:
            self._boots_until = float("inf")
            text = f"not ready after {self._run.spec.await_ready_s:g} s"
            self._stopping.ask(Reason(code="boot_timeout", text=text), now)

    def _judge_silence(self, now: float) -> None:
        """Stop the command for its silence, unless it is paused or something waits in its pipes."""
        self._idle.look(now, paused=self._command.is_paused())
        for capture in self._captures:
            if not capture.ended:
                self._take(capture)
        if now >= self._idle.due:
            text = f"no output for {self._idle.limit_s:g} s"
            self._idle = IdleClock(None)
            self._stopping.ask(Reason(code="idle_timeout", text=text), now)

    def _is_complete(self, now: float) -> bool:
        """Say whether the command has ended, its tree if that was asked for, and its output is in."""
        if self._command.record is None or (self._stopping.asked and not self._stopping.over):
            return False
        return now >= self._drained_by or all(capture.ended for capture in self._captures)

    # -- the end

    def _cancel_unstarted(self, asked: Record) -> None:
        """End a run that somebody stopped before its command was started."""
        wish = asked.event
        assert isinstance(wish, events.RunStopRequested)  # noqa: S101 - see _look_at_journal
        reason = Reason(code="cancelled", text=wish.reason, by=wish.by)
        self._run.append(events.RunCancelled, reason=reason, ended_at=wish.at)
        self._caller.tell(NotStarted("cancelled", "stopped before it was started", spawn.OUR_FAULT))
        self._caller.tell(Ended("cancelled", reason=reason))

    def _collecting(self, *, may_empty: bool) -> "Callable[[], str]":
        """Return what collects the outputs, if there are any once it is asked to."""

        def collect() -> str:
            self._glance()  # until now what outlived the command may have declared something
            if not self._declared and not declares(self._run):
                return ""
            return collect_for_keeper(
                self._run, self._tick_collecting, self._wait_for_disk, may_empty=may_empty
            )

        return collect

    def _tick_collecting(self) -> None:
        """Give signs of life while outputs are collected; raise GiveUp if somebody wants it over by force."""
        now = time.monotonic()
        if now >= self._next_beat:
            self._next_beat = now + EVERY_S
            self._run.heartbeat.beat()
        if now < self._next_glance:
            return
        self._next_glance = now + _GLANCE_S
        self._glance()
        if self._is_forced:
            from runlore.runtimes.collect import GiveUp  # noqa: PLC0415 - see collecting

            raise GiveUp

    def _glance(self) -> None:
        """Take in what still matters once the command has ended: what is declared, and a stop by force."""
        with suppress(RunloreError):
            for record in self._reader.read_available():
                wish = record.event
                self._declared = self._declared or isinstance(wish, events.ArtifactDeclared)
                if isinstance(wish, events.RunStopRequested) and wish.force:
                    self._is_forced = True

    def _wait_for_disk(self) -> None:
        self._run.heartbeat.beat()
        time.sleep(_TICK_S)

    def _finish(self) -> None:
        for capture in self._captures:
            capture.finish()
        record = self._command.record
        assert record is not None  # noqa: S101 - _is_complete
        survivors = self._stopping.survivors
        if has_run(record) and not self._command.intended:
            lock = self._run.layout.tree_lock(self._run.run_id)
            left = members(self._run.run_id, self._command.roots, tree_lock=lock)
            survivors = name_survivors(left)
        self._look_at_journal()
        if self._command.running is not None:
            self._note_start(self._command.running)
        evidence = Evidence(
            record=record,
            survivors=survivors,
            asked=self._asked,
            meant=self._stopping.reason,
            collected=self._collected,
            collect=self._collecting(may_empty=not survivors),
        )
        ended = put_on_record(self._run, evidence)
        failure = self._command.not_spawned
        if ended is not None and not has_run(record):
            code = failure.exit_code if failure else spawn.OUR_FAULT
            text = record.reason.text if record.reason else ""
            self._caller.tell(NotStarted("spawn_failed", text, code))
        if ended is not None:
            if not self._told and has_run(record):
                self._caller.tell(NotReady.of(ended))
            self._caller.tell(ended)
