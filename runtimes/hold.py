"""A run that some other program is: `runlore hold` owns it in that program's stead, and writes what it says.

It is a tracked run of the process that holds it. How that program went away is all there is to know of
its end, unless it said so before.
"""

import os
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, assert_never

from msgspec import UNSET

from runlore.journal import ids
from runlore.journal.errors import BadInput, RunloreError
from runlore.journal.exit_record import ExitRecord
from runlore.journal.scan import Record
from runlore.journal.values import Reason, Seq
from runlore.projections import hold as wire
from runlore.projections.hold import Ack, Answer, Begun, Ended, StopRequested
from runlore.runtimes import saying
from runlore.runtimes.begin import Labels, begin
from runlore.runtimes.registry import Registry
from runlore.runtimes.tracked import TrackedRun

if TYPE_CHECKING:
    from runlore.journal.events import Event

_LOST: Final = Reason(code="owner_lost", text="whoever reported it went away without saying how it ended")
_LONGEST_LEASE_S: Final = 1e9


class Hold:
    """One run, from the message that begins it to the one that ends it, or to the end of messages."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._run: TrackedRun | None = None
        self._stop_told = False
        self.ended: Ended | None = None

    @property
    def begun(self) -> bool:
        """There is a run."""
        return self._run is not None

    def obey(self, line: int, message: wire.Message) -> Answer:
        """Return the answer to the message on this line, once it is as durable as the answer says.

        Raises:
            BadInput: the message is none that can be obeyed. NotPermitted, JournalIO: it was not recorded.
        """
        if isinstance(message, wire.Begin):
            return self._begin(line, message)
        run = self._run
        if run is None:
            raise BadInput('the first message is {"type":"begin"}')
        if isinstance(message, wire.Finish):
            return self._finish(line, run, message)
        record = _told(run, message)
        return Ack(line=line, seq=Seq(record.seq) if record else None)

    def look(self) -> StopRequested | None:
        """Return that somebody wants the run to stop, the first time that this is seen."""
        run = self._run
        if run is None or self._stop_told or not run.stop_requested:
            return None
        self._stop_told = True
        stop = run.view().stop
        assert stop is not None  # noqa: S101 - the journal had it
        return StopRequested(at=stop.at, reason=stop.reason, force=stop.force)

    def end(self, line: int, why: Reason = _LOST) -> Ended | None:
        """Return how the run ended, because no message will come any more; None if there was none.

        A run that was asked to stop has done so.

        Raises:
            JournalIO: its end could not be recorded; reads take it from the `exit` file.
        """
        run = self._run
        if run is None or self.ended is not None:
            return self.ended
        reason = None if _is_asked_to_stop(run) else why
        return self._conclude(line, run, ExitRecord(at=self._registry.disk.now(), reason=reason))

    def _begin(self, line: int, message: wire.Begin) -> Begun:
        if self._run is not None:
            raise BadInput(f"run {self._run.id} has begun already; another run takes another `runlore hold`")
        if message.cwd and not message.cwd.startswith("/"):
            raise BadInput(f"cwd {message.cwd[:80]!a} is not absolute")
        labels = Labels(
            name=message.name,
            tags=message.tags,
            metadata=message.metadata,
            argv=message.argv,
            cwd=message.cwd,
        )
        run = self._run = begin(self._registry, labels)
        return Begun(
            line=line,
            run_id=run.id,
            short_id=ids.short(run.id),
            root=run.root,
            seq=Seq(run.view().seq),
        )

    def _finish(self, line: int, run: TrackedRun, message: wire.Finish) -> Ended:
        said = self._registry.secrets.text(message.reason)  # the exit record has it as well
        record = _exit_of(message, said, ExitRecord(at=self._registry.disk.now()))
        if message.result is not UNSET:
            run.tell(saying.result_set(message.result))
        return self._conclude(line, run, record)

    def _conclude(self, line: int, run: TrackedRun, record: ExitRecord) -> Ended:
        run.conclude(record)
        view = run.view()
        self.ended = Ended(
            line=line,
            run_id=run.id,
            status=view.status or "failed",
            exit_code=view.exit_code,
            reason=view.reason.text if view.reason else "",
        )
        return self.ended


def _is_asked_to_stop(run: TrackedRun) -> bool:
    """Say whether anybody has asked by this very moment; what was known is enough if nobody can look."""
    try:
        return run.view().stop is not None
    except RunloreError:
        return run.stop_requested


def _told(run: TrackedRun, message: wire.Message) -> Record | None:
    """Return the record of what the program says; None for progress that is kept back."""
    match message:
        case wire.Progress() as said:
            words = saying.progressed(said.fraction, said.message, step=said.step, metrics=said.metrics)
            return run.tell_now(words)
        case wire.Ready():
            event: Event = saying.readied()
        case wire.Result() as said:
            event = saying.result_set(said.result)
        case wire.PreviewChanged() as said:
            until = _until(said.lease_s, run.registry.disk.now())
            event = saying.preview_changed(said.state, said.url, lease_until=until, detail=said.detail)
        case wire.Checkpoint() as said:
            where = saying.saved_at(said.path, os.path.abspath)
            event = saying.checkpointed(said.name, where, sha256=said.sha256)
        case wire.Note() as said:
            event = saying.noted(said.text)
        case wire.Begin() | wire.Finish():
            raise AssertionError(message)
        case _:
            assert_never(message)
    return run.tell(event)


def _until(lease_s: float | None, now: datetime) -> datetime | None:
    if lease_s is not None and lease_s > _LONGEST_LEASE_S:
        raise BadInput(f"a lease of {lease_s:g} s is too long")
    return None if lease_s is None else now + timedelta(seconds=lease_s)


def _exit_of(message: wire.Finish, said: str, record: ExitRecord) -> ExitRecord:
    """Return how the program says that it ended.

    Raises:
        BadInput: it says two things.
    """
    code = message.exit_code
    status = message.status or ("failed" if code else "succeeded")
    if (status == "succeeded" and code) or (status == "failed" and code == 0):
        raise BadInput(f"{status} with exit code {code}; say one of them")
    if status == "succeeded":
        return ExitRecord(at=record.at, exit_code=0)
    if status == "cancelled":
        return ExitRecord(at=record.at, exit_code=code, reason=Reason(code="cancelled", text=said))
    text = said or (f"exit code {code}" if code else "it said that it failed")
    return ExitRecord(at=record.at, exit_code=code, reason=Reason(code="exit_nonzero", text=text))
