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
from collections.abc import Mapping
from datetime import UTC, datetime
from math import isfinite, isnan
from typing import TYPE_CHECKING, Final, cast

import msgspec

from runlore.journal import events
from runlore.journal.errors import AlreadyEnded, BadInput, NotPermitted, RunloreError
from runlore.journal.exit_record import ExitRecord
from runlore.journal.redaction import redact_metadata, redact_text
from runlore.journal.values import Actor
from runlore.journal.writer import UNSYNCED_S, Draft, Writer
from runlore.projections.health import outcome_of
from runlore.runtimes import exit_file, heartbeat
from runlore.runtimes.folding import RunFold
from runlore.runtimes.live_files import clear_live_files
from runlore.runtimes.outcome import exit_of
from runlore.runtimes.owner_lock import OwnerLock
from runlore.runtimes.pulse import pulse
from runlore.runtimes.run import Run

if TYPE_CHECKING:
    from runlore.runtimes.registry import Registry

EPOCH: Final = 1
"""Such a run has one owner for all its life."""
RESULT_BYTES: Final = 64 * 1024
_SYNC_AFTER_S: Final = 0.8 * UNSYNCED_S
_LOOK_EVERY_S: Final = 0.25
_SOMETIME: Final = datetime.min.replace(tzinfo=UTC)
"""Stands in an event until its place and time are known."""


class TrackedRun(Run):
    """The run that this process is, between `with registry.track(…)` and the end of the block.

    May be used by several threads. Whatever the outcome, the block's end writes it down.
    """

    def __init__(self, registry: "Registry", lock: OwnerLock, writer: Writer, by: Actor) -> None:
        super().__init__(registry, lock.run_id)
        self._lock, self._writer, self._by = lock, writer, by
        self._pid: Final = os.getpid()
        self._guard = threading.RLock()
        self._saying = threading.Lock()
        """Held for the moment in which `_pending` changes; `_guard` may wait for the disk."""
        self._open = True
        self._beats = 0
        self._pending: events.RunProgressed | None = None
        self._appended_at = self._looked_at = float("-inf")
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
        self.progress_soon(fraction, message, step=step, metrics=metrics)
        now = time.monotonic()
        if now < self._appended_at + UNSYNCED_S:
            return  # the pulse will see to it
        with self._guard:
            self._append_pending(now)
        pulse().flush_at(self, now + _SYNC_AFTER_S)

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
        said = _progress(fraction, message, step, metrics or {})
        self._require_own_process()
        with self._saying:
            self._require_open("run.progressed")
            self._pending = said
        pulse().flush_at(self, self._appended_at + UNSYNCED_S)

    def set_result(self, result: object) -> None:
        """Set the run's own result document, durable on return; the last one counts, shown once it ended.

        Raises:
            BadInput: it is not JSON, or takes more than 64 KiB. AlreadyEnded, NotPermitted, JournalIO.
        """
        kept = redact_metadata(result)
        try:
            size = len(msgspec.json.encode(kept))
        except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
            raise BadInput(f"the result is not JSON: {error}") from error
        if not _is_finite(kept):
            raise BadInput("the result holds a number that is not finite, which JSON cannot carry")
        if size > RESULT_BYTES:
            raise BadInput(f"a result of {size:,} bytes; at most {RESULT_BYTES:,}. Name a file instead")
        self._append(
            "run.result_set", lambda seq, at: events.RunResultSet(seq=seq, at=at, epoch=EPOCH, result=kept)
        )

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

    def finish(self, error: BaseException | None = None) -> None:
        """End the run: by `error`, or well. Does nothing in a forked child, nor a second time.

        Raises:
            JournalIO: the end could not be recorded; the `exit` file has it, and `reconcile` takes it
                from there.
        """
        if os.getpid() != self._pid:
            return
        pulse().leave(self)
        with self._guard:
            with self._saying:
                if not self._open:
                    return
                self._open = False
            try:
                self._end(exit_of(error, self.registry.disk.now()))
            finally:
                self._forget()

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

    def _append(self, what: str, draft: Draft) -> None:
        self._require_own_process()
        with self._guard:
            self._require_open(what)
            self._writer.append(draft)

    def _append_pending(self, now: float) -> None:
        with self._saying:
            said, self._pending = self._pending, None
        if said is None:
            return
        self._appended_at = now
        try:
            self._writer.append(lambda seq, at: msgspec.structs.replace(said, seq=seq, at=at))
        except RunloreError as error:
            self._warn(error)

    def _end(self, record: ExitRecord) -> None:
        registry, writer = self.registry, self._writer
        self._append_pending(time.monotonic())
        self._leave_exit_record(record)
        self._folded.advance()
        state = self._folded.state
        final, reason = outcome_of(record, state.stop, state.stop_at)
        known = record.exit_code is not None
        writer.append(
            lambda seq, at: events.RunCollecting(
                seq=seq,
                at=at,
                by=self._by,
                epoch=EPOCH,
                how="exited" if known else "unknown",
                exit_code=record.exit_code,
                exited_at=record.at,
            )
        )
        writer.append(
            lambda seq, at: final(
                seq=seq,
                at=at,
                by=self._by,
                epoch=EPOCH,
                exit_code=record.exit_code,
                reason=reason,
                ended_at=record.at,
            )
        )
        clear_live_files(registry.disk, registry.layout, self.id)

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


def _progress(
    fraction: float | None, message: str, step: str, metrics: Mapping[str, float]
) -> events.RunProgressed:
    """Return what to record; place and time are filled in later."""
    if fraction is not None:
        if isnan(fraction):
            raise BadInput("a fraction is a number from 0 to 1")
        fraction = min(1.0, max(0.0, float(fraction)))
    kept = {_text(name): float(value) for name, value in metrics.items() if isfinite(value)}
    return events.RunProgressed(
        seq=1,
        at=_SOMETIME,
        epoch=EPOCH,
        fraction=fraction,
        message=_text(message),
        step=_text(step),
        metrics=kept,
    )


def _text(text: str) -> str:
    return redact_text(text.encode("utf-8", "backslashreplace").decode("utf-8"))


def _is_finite(value: object) -> bool:
    """Say whether every number in a JSON document is one that JSON has."""
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, dict):
        value = list(cast("dict[str, object]", value).values())
    return not isinstance(value, list | tuple) or all(map(_is_finite, cast("list[object]", value)))
