"""The end of a run: what happened goes on record, in an order that a kill at any point leaves right.

A journal that refuses is tried again for a while; after that the result stays in the `exit` file, where
a reconciler finds it.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Literal

from msgspec import Struct, structs

from runlore.journal import events
from runlore.journal.errors import JournalIO
from runlore.journal.exit_record import ExitRecord
from runlore.journal.lifecycle import STATUS_OF
from runlore.journal.scan import Record
from runlore.journal.values import Reason, Survivor
from runlore.projections.health import outcome_of, with_outputs
from runlore.runtimes import exit_file
from runlore.runtimes.messages import Ended
from runlore.runtimes.owned_run import OwnedRun

_TRIES: Final = 10
_BETWEEN_S: Final = 1.0


class Evidence(Struct, frozen=True, kw_only=True):
    """All that decides how a run ended."""

    record: ExitRecord
    survivors: tuple[Survivor, ...] = ()
    asked: Record | None = None
    """The first stop request in the journal."""
    meant: Reason | None = None
    """Why the keeper stopped it; whole, where the exit record has room for a part only."""
    collected: bool = False
    """The journal has the command's end already: a keeper died between that and the final event."""
    collect: Callable[[], str] | None = None
    """Collects the outputs, and returns which declared ones are not durable; None if there are none."""


def put_on_record(run: OwnedRun, evidence: Evidence) -> Ended | None:
    """Return how the run ended, transcript and journal durable; None if the journal refused for good.

    Then the `exit` file says so, for whoever reads the run.
    """
    ended = _put_on_record(run, evidence)
    if ended is None:
        with suppress(OSError):
            exit_file.write(run.disk, run.exit_fd, structs.replace(evidence.record, journal_io=True))
    return ended


def _put_on_record(run: OwnedRun, evidence: Evidence) -> Ended | None:
    unsynced = _sync_transcript(run)
    if unsynced and not _insist(run, lambda: run.append(events.RunNoted, text=unsynced)):
        return None
    missing = has_run(evidence.record) and not evidence.collected
    if missing and not _insist(run, lambda: _append_collecting(run, evidence)):
        return None
    unmet = evidence.collect() if evidence.collect is not None and has_run(evidence.record) else ""
    final, reason = with_outputs(_outcome(evidence), unmet)
    ended = Ended(STATUS_OF[final], evidence.record.exit_code, evidence.record.signal, reason)
    return ended if _insist(run, lambda: _append_final(run, final, ended, evidence)) else None


def has_run(record: ExitRecord) -> bool:
    """Say whether there was a command that ended, as opposed to one that could not be started."""
    return record.reason is None or record.reason.code != "spawn_failed"


def _insist(run: OwnedRun, append: Callable[[], object]) -> bool:
    """Append, again and again while the disk refuses; say whether it took the event in the end."""
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(_BETWEEN_S)
        run.heartbeat.beat()
        try:
            append()
        except JournalIO:
            continue
        return True
    return False


def _sync_transcript(run: OwnedRun) -> str:
    """Make the transcript durable; return what there is to say if the disk refused."""
    run.transcript.note_gaps()
    if run.spec.durability != "power":
        return ""
    try:
        run.transcript.sync()
    except OSError as error:
        return f"the transcript could not be synced ({error.strerror}): a power cut may take some of it"
    return ""


def _append_collecting(run: OwnedRun, evidence: Evidence) -> None:
    record = evidence.record
    how: Literal["exited", "signalled", "unknown"] = "exited"
    if record.exit_code is None:
        how = "unknown" if record.signal is None else "signalled"
    run.append(
        events.RunCollecting,
        how=how,
        exit_code=record.exit_code,
        signal=record.signal,
        exited_at=record.at,
        usage=record.usage,
        survivors=evidence.survivors,
        transcript_bytes=run.transcript.size,
        dropped_bytes=run.transcript.given_up + sum(run.transcript.dropped.values()),
    )


def _outcome(evidence: Evidence) -> tuple[type[events.Ended], Reason | None]:
    """Return what a reconciler would conclude from the same evidence, so that both always agree."""
    record, asked, meant = evidence.record, evidence.asked, evidence.meant
    if record.reason is not None and meant is not None and record.reason.code == meant.code:
        record = structs.replace(record, reason=meant)
    stop = asked.event if asked and isinstance(asked.event, events.RunStopRequested) else None
    return outcome_of(record, stop, asked.event.at if asked else None)


def _append_final(run: OwnedRun, kind: type[events.Ended], ended: Ended, evidence: Evidence) -> None:
    run.append(
        kind,
        exit_code=ended.exit_code,
        signal=ended.signal,
        reason=ended.reason,
        ended_at=evidence.record.at,
    )
