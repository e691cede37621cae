"""Append a decision that a removal must not pass by: a pin, and whatever else makes a run evidence.

Removals and these decisions hold the owner lock of an ended run, and append only behind the record that
they rest on. So of two that happen at once one comes first, and the other sees it: a decision that comes
after `run.expired` is refused until `restore`.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Final

from runlore.journal.disk import Disk
from runlore.journal.errors import Busy, JournalIO, NotFound, StaleSeq
from runlore.journal.events import Event
from runlore.journal.feed import Feed
from runlore.journal.layout import Layout
from runlore.journal.scan import Record
from runlore.journal.settling import settle
from runlore.journal.values import RunId, Seq
from runlore.journal.writer import Redact, Writer
from runlore.projections.run_state import RunState
from runlore.runtimes.folding import RunFold
from runlore.runtimes.owner_lock import OwnerLock
from runlore.runtimes.trash import refused

_TRIES: Final = 200
_LOOK_S: Final = 0.01
Draft = Callable[[Seq, datetime], Event]


def append_decision(
    disk: Disk,
    layout: Layout,
    run_id: RunId,
    draft_of: Callable[[RunState], Draft | None],
    *,
    redact: Redact,
) -> Record | None:
    """Return the record of a decision, durable; None if `draft_of` finds that nothing is to be decided.

    draft_of: is given the run as it is, under its owner lock if it has ended, perhaps several times.

    Raises:
        Removed: the run's outputs were removed, or are to be. Busy: somebody holds its owner lock.
        NotFound: no such run. CorruptJournal, NewerFormat, JournalIO: it was not recorded.
    """
    made: list[Record] = []

    def appended(record: Record) -> bool:
        made.append(record)
        return False

    append_decisions(disk, layout, run_id, draft_of, appended, redact=redact)
    return made[0] if made else None


def append_decisions(
    disk: Disk,
    layout: Layout,
    run_id: RunId,
    draft_of: Callable[[RunState], Draft | None],
    appended: Callable[[Record], bool],
    *,
    redact: Redact,
) -> None:
    """Append decisions one after the other, each durable, until `draft_of` finds nothing more to decide.

    appended: is told of each, at once, and says whether more may follow.

    Raises: as `append_decision` does; what was appended before stays.
    """
    feed = Feed(disk, layout)
    writer = Writer(disk, layout, run_id, feed=feed, redact=redact)
    try:
        _decide(disk, layout, writer, RunFold(disk, layout, run_id), draft_of, appended)
    finally:
        writer.close()
        feed.close()


def _decide(  # noqa: PLR0917 - see append_decisions
    disk: Disk,
    layout: Layout,
    writer: Writer,
    folded: RunFold,
    draft_of: Callable[[RunState], Draft | None],
    appended: Callable[[Record], bool],
) -> None:
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(_LOOK_S)
        folded.advance()
        try:
            with _owned(disk, layout, folded):
                if not _append_all(layout, writer, folded, draft_of, appended):
                    _settle(disk, layout, folded.run_id)
                return
        except Busy:
            if attempt == _TRIES - 1:
                raise
        except (StaleSeq, _EndedMeanwhile):
            continue
    raise Busy(f"run {folded.run_id} changes all the time; try again")


def _append_all(
    layout: Layout,
    writer: Writer,
    folded: RunFold,
    draft_of: Callable[[RunState], Draft | None],
    appended: Callable[[Record], bool],
) -> bool:
    """Append what is to be decided; say whether there was anything."""
    is_new = False
    while (record := _append_next(layout, writer, folded, draft_of)) is not None:
        is_new = True
        if not appended(record):
            break
    return is_new


def _settle(disk: Disk, layout: Layout, run_id: RunId) -> None:
    """Make durable what was decided before: whoever appended it may have been killed in front of that.

    Raises:
        JournalIO: the disk refused.
    """
    try:
        settle(disk, layout, run_id)
    except OSError as error:
        why = f"{error.strerror or error}; whether it is on record is not sure"
        raise JournalIO(f"{layout.journal(run_id)}: {why}") from error


def _append_next(
    layout: Layout, writer: Writer, folded: RunFold, draft_of: Callable[[RunState], Draft | None]
) -> Record | None:
    folded.advance()
    state = folded.state
    if state.expired is not None:
        raise refused(layout, state)
    draft = draft_of(state)
    if draft is None:
        return None
    if state.ended:
        return writer.append(draft, expected_seq=state.seq)
    return writer.append(_unless_ended(writer, draft))


def _owned(disk: Disk, layout: Layout, folded: RunFold) -> AbstractContextManager[object]:
    """Hold the owner lock of a run that has ended; one that goes on has an owner, and is not removed."""
    if not folded.has_ended():
        return nullcontext()
    try:
        return OwnerLock.take(disk, layout, folded.run_id)
    except NotFound:  # then no removal can hold it either; the position decides
        return nullcontext()


class _EndedMeanwhile(Exception):
    """The run has ended since it was folded."""


def _unless_ended(writer: Writer, draft: Draft) -> Draft:
    """Return a draft that is refused, under the append lock, once the run has ended."""

    def drafted(seq: Seq, at: datetime) -> Event:
        if writer.tail.ended:
            raise _EndedMeanwhile
        return draft(seq, at)

    return drafted
