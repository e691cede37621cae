"""A run that is this process: its owner, its journal, its heartbeat, from `run.queued` to the seal.

It shares one thread with all tracked runs of the process (see pulse). A forked child owns nothing of
it: it releases nothing, writes nothing, and its copy of the run refuses to. A run that everybody
forgot lets go of its lock, and is concluded from outside.
"""

import os
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from runlore.journal import events
from runlore.journal.errors import AlreadyEnded, NotPermitted, RunloreError
from runlore.journal.events import Event, tag_of
from runlore.journal.exit_record import ExitRecord
from runlore.journal.scan import Record
from runlore.journal.values import Actor
from runlore.journal.writer import Writer
from runlore.projections.health import outcome_of, with_outputs
from runlore.runtimes import exit_file, heartbeat, saying
from runlore.runtimes.autoprune import start_if_due
from runlore.runtimes.folding import RunFold
from runlore.runtimes.last_word import SYNC_AFTER_S, LastWord
from runlore.runtimes.live_files import clear_live_files
from runlore.runtimes.outcome import exit_of
from runlore.runtimes.own_outputs import OwnOutputs
from runlore.runtimes.owner_lock import OwnerLock
from runlore.runtimes.pulse import pulse
from runlore.runtimes.run import Run
from runlore.runtimes.saying import placed
from runlore.runtimes.spec import RunSpec

if TYPE_CHECKING:
    from runlore.runtimes.registry import Registry

EPOCH: Final = 1
"""Such a run has one owner for all its life."""
_LOOK_EVERY_S: Final = 0.25


class TrackedRun(Run):
    """The run that this process is, between `with registry.track(…)` and the end of the block.

    May be used by several threads. Whatever the outcome, the block's end writes it down.
    """

    def __init__(
        self, registry: "Registry", lock: OwnerLock, writer: Writer, by: Actor, spec: RunSpec
    ) -> None:
        super().__init__(registry, lock.run_id)
        self._outputs: Final = OwnOutputs(registry, lock.run_id, spec)
        self._lock, self._writer, self._by = lock, writer, by
        self._pid: Final = os.getpid()
        self._guard = threading.RLock()
        self._word = LastWord(lock.run_id)
        self._open = True
        self._beats = 0
        self._looked_at = float("-inf")
        self._folded = RunFold(registry.disk, registry.layout, self.id)
        self._warned = False
        self._forget = weakref.finalize(self, _let_go, writer, lock, self._pid)
        self._forget.atexit = False
        self.beat()

    def progress(
        self,
        fraction: float | None = None,
        message: str = "",
        *,
        step: str = "",
        metrics: Mapping[str, float] | None = None,
    ) -> None:
        """Say how far the work is; the last word counts, so saying it often costs nothing.

        At most ten a second are recorded. `fraction` is cut to 0…1; metrics that are no finite number
        are left out. The only thing a run says that a power cut may take: up to 0.1 s of it. A disk that
        refuses costs the progress and a warning, never the work.

        Raises:
            BadInput: the fraction is no number. AlreadyEnded: the block is over.
            NotPermitted: this is a forked child; the run belongs to its parent.
        """
        self.tell_now(saying.progressed(fraction, message, step=step, metrics=metrics))

    def progress_soon(
        self,
        fraction: float | None = None,
        message: str = "",
        *,
        step: str = "",
        metrics: Mapping[str, float] | None = None,
    ) -> None:
        """Do the same without waiting for anything: another thread records it, 0.1 s later at most.

        Raises: as `progress` does.
        """
        self.tell_soon(saying.progressed(fraction, message, step=step, metrics=metrics))

    def set_result(self, result: object) -> None:
        """Set the run's own result document, durable on return; the last one counts, shown once it ended.

        Raises:
            BadInput: it is not JSON, or takes more than 64 KiB. AlreadyEnded, NotPermitted, JournalIO.
        """
        self.tell(saying.result_set(result))

    @property
    def outputs(self) -> str:
        """The run's own folder: whatever is in it at the block's end is collected. Made when first asked for.

        Raises:
            JournalIO: it could not be made.
        """
        if self.is_open:
            self._outputs.make_folder()
        return self._outputs.folder

    def artifact(self, path: str | os.PathLike[str], kind: str = "") -> None:
        """Declare a file, or a folder with all that is in it, to be collected at the block's end.

        Durable on return. kind: a word such as "report". What is not there then has failed, and so has the
        run, if its block came to its end.

        Raises:
            BadInput: it lies outside the run's folders, or the kind is no word. AlreadyEnded,
                NotPermitted, JournalIO.
        """
        where = os.path.abspath(path)
        self._outputs.require_ours(where)
        self.tell(saying.declared(where, kind=kind))

    def tell(self, event: Event) -> Record:
        """Return the record of what the run says about itself, durable: see `saying`.

        Raises:
            AlreadyEnded: the block is over. NotPermitted: this is a forked child. JournalIO.
        """
        self._require_own_process()
        with self._guard:
            self._require_open(tag_of(event))  # type: ignore[arg-type]  # Events are all KnownEvents
            return self._writer.append(lambda seq, at: placed(event, seq, at, by=self._by, epoch=EPOCH))

    def tell_now(self, said: events.RunProgressed) -> Record | None:
        """Return the record of progress; None if it is kept back, to be recorded 0.1 s later at most."""
        self._require_own_process()
        self._word.say(said)
        now, record = time.monotonic(), None
        if now >= self._word.due_at:
            with self._guard:
                record = self._append_pending(now)
        pulse().flush_at(self, now + SYNC_AFTER_S if record else self._word.due_at)
        return record

    def tell_soon(self, said: events.RunProgressed) -> None:
        """Have progress recorded by another thread, 0.1 s later at most."""
        self._require_own_process()
        self._word.say(said)
        pulse().flush_at(self, self._word.due_at)

    @property
    def is_open(self) -> bool:
        """The block is not over, and this process is the run."""
        return self._open and os.getpid() == self._pid

    @property
    def stop_requested(self) -> bool:
        """Somebody asked this run to stop. Look often: nobody but the run itself can end it well.

        Known within 0.25 s. A run that ends after it was asked is recorded as cancelled, unless it
        leaves by an exception.
        """
        if os.getpid() != self._pid:
            return self._folded.state.stop is not None
        now = time.monotonic()
        with self._guard:
            if self._open and now >= self._looked_at + _LOOK_EVERY_S:
                self._looked_at = now
                self._folded.advance()
            return self._folded.state.stop is not None

    def finish(
        self, error: BaseException | None = None, *, is_urgent: Callable[[], bool] = lambda: False
    ) -> None:
        """End the run: by `error`, or well. Does nothing in a forked child, nor a second time.

        What was declared is collected first. is_urgent: asked now and then meanwhile; True ends that.

        Raises:
            JournalIO: the end could not be recorded; the `exit` file has it, and `reconcile` takes it
                from there.
        """
        record = exit_of(error, self.registry.disk.now(), self.registry.secrets.text)
        self.conclude(record, is_urgent=is_urgent)

    def conclude(self, record: ExitRecord, *, is_urgent: Callable[[], bool] = lambda: False) -> None:
        """End the run as `record` has it; for the rest see `finish`."""
        if os.getpid() != self._pid:
            return
        pulse().leave(self)
        with self._guard:
            if not self._word.close():
                return
            self._open = False  # nobody else appends from here on, so nobody has to wait for the end
            self._append_pending(time.monotonic())
        try:
            self._end(record, is_urgent)
        finally:
            self._forget()
        start_if_due(self.registry.disk, self.registry.layout)

    # -- what the pulse calls

    def beat(self) -> None:
        """Give a sign of life."""
        self._beats += 1
        disk, layout = self.registry.disk, self.registry.layout
        if self._open:
            heartbeat.beat_once(disk, layout.in_run(self.id, "heartbeat"), self._beats)

    def flush(self) -> None:
        """Append what progress was kept back, and sync what lies unsynced."""
        with self._guard:
            if not self._open:
                return
            self._append_pending(time.monotonic())
            try:
                self._writer.sync()
            except RunloreError as error:
                self._warn(error)

    # -- inside

    def _append_pending(self, now: float) -> Record | None:
        said = self._word.take(now)
        if said is None:
            return None
        try:
            return self._writer.append(lambda seq, at: placed(said, seq, at, epoch=EPOCH))
        except RunloreError as error:
            self._warn(error)
            return None

    def _end(self, record: ExitRecord, is_urgent: Callable[[], bool]) -> None:
        registry = self.registry
        self._leave_exit_record(record)
        self._folded.advance()
        state = self._folded.state
        outcome = outcome_of(record, state.stop, state.stop_at)
        known, code = record.exit_code is not None, record.exit_code
        how = "exited" if known else "unknown"
        self._append(events.RunCollecting, how=how, exit_code=code, exited_at=record.at)
        unmet = ""
        if self._outputs.are_declared(state):
            unmet = self._outputs.collect(self._append, is_urgent)
        final, reason = with_outputs(outcome, unmet)
        self._append(final, exit_code=code, reason=reason, ended_at=record.at)
        clear_live_files(registry.disk, registry.layout, self.id)

    def _append(self, kind: type[Event], /, **fields: object) -> Record:
        """Append one event of the run's own end."""
        return self._writer.append(lambda seq, at: kind(seq=seq, at=at, by=self._by, epoch=EPOCH, **fields))

    def _leave_exit_record(self, record: ExitRecord) -> None:
        """Write down how it ended where it fits on a full disk and outlives this process."""
        disk = self.registry.disk
        try:
            fd = disk.open(self.registry.layout.in_run(self.id, "exit"), os.O_RDWR)
        except OSError:
            return
        try:
            exit_file.write(disk, fd, record)
        except OSError:
            return
        finally:
            disk.close(fd)

    def _require_own_process(self) -> None:
        """Return if this process is the run; asked before any lock, which a fork may have left taken."""
        if os.getpid() != self._pid:
            raise NotPermitted(
                f"run {self.id} belongs to process {self._pid}, of which this is a forked child; "
                "track a run of its own here"
            )

    def _require_open(self, what: str) -> None:
        if not self._open:
            raise AlreadyEnded(self.id, what)

    def _warn(self, error: RunloreError) -> None:
        if not self._warned:
            self._warned = True
            warnings.warn(f"run {self.id}: progress is not recorded: {error}", RuntimeWarning, stacklevel=4)


def _let_go(writer: Writer, lock: OwnerLock, pid: int) -> None:
    """Let go of a run; the lock last, and never in a forked child, which closed its copies already."""
    if os.getpid() != pid:
        return
    try:
        writer.close()
    except RunloreError:
        pass
    finally:
        lock.release()
