"""A run as its journal told it at a seq or at a time: a fold that stops there. Not pure: this reads.

As of a time is the part of a journal in front of the first record that happened later. Verdicts count at
the time of their evidence: a command that ended then had ended, however late somebody wrote it down.
Nobody's health is known of the past, and nothing is concluded from it.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from msgspec import Struct

from runlore.journal import seeking
from runlore.journal.disk import Disk
from runlore.journal.errors import BadInput, JournalIO, NotFound
from runlore.journal.event_chunks import EventChunks
from runlore.journal.events import AnyEvent, Ended, RunCollecting
from runlore.journal.history import History, open_history
from runlore.journal.layout import Layout
from runlore.journal.scan import Scanner, Tail
from runlore.journal.tailing import pieces
from runlore.journal.values import MAX_INT, Head, RunId
from runlore.projections import filters
from runlore.projections.fold import fold
from runlore.projections.index import version
from runlore.projections.present import run_view
from runlore.projections.registry import Row, damage_of
from runlore.projections.run_state import RunState
from runlore.projections.run_view import RunView
from runlore.projections.status import STATUS

_DIGITS: Final = len(str(MAX_INT))


class Moment(Struct, frozen=True):
    """A place in the history of a run: behind a record, or behind all that had happened by a time."""

    seq: int | None = None
    at: datetime | None = None


def moment(text: int | str | datetime, now: datetime) -> Moment:
    """Return what is meant: a seq, or a time in any form that `filters.when` knows.

    Raises:
        BadInput: it is neither.
    """
    word = text.strip() if isinstance(text, str) else text
    if isinstance(word, str) and word.isascii() and word.isdigit() and len(word) <= _DIGITS:
        word = int(word)
    if not isinstance(word, int):
        return Moment(at=filters.when(word, now))
    if not 1 <= word <= MAX_INT:
        raise BadInput(f"no record has seq {word}; the first one is 1")
    return Moment(seq=word)


def row_at(disk: Disk, layout: Layout, run_id: RunId, wanted: Moment) -> Row:
    """Return the row of a run as it was; with the problem, if its journal is damaged in front of that.

    Raises:
        NotFound: no such run, no such record in it yet, or it was not there at that time.
        JournalIO: the disk refused.
    """
    path = layout.journal(run_id)
    try:
        with _begun(disk, layout, run_id, wanted) as (history, state, tail):
            chunks = EventChunks.behind(disk, history, path, tail)
            reached = _folded(chunks, state, wanted)
            if reached.state.seq == 0 or reached.state.run_id != run_id:
                raise NotFound(_not_there(run_id, reached.next))
            if not reached.is_whole and wanted.seq is not None and chunks.stopped != "damaged":
                last = reached.state.seq
                raise NotFound(f"run {run_id} has no record {wanted.seq}; its last one is {last}")
            head, size = _end(history, run_id, reached.state.seq)
    except FileNotFoundError:
        raise NotFound(f"run {run_id} has no journal at {path}; `runlore ls` lists the runs") from None
    except NotFound:
        raise
    except OSError as error:
        raise JournalIO(f"{path}: {error.strerror or error}") from error
    is_cut = not reached.is_whole and chunks.stopped == "damaged"
    problem = damage_of(disk, layout, run_id) if is_cut else None
    return Row(run_id=run_id, state=reached.state, head=head, size=size, problem=problem)


def view_at(disk: Disk, layout: Layout, run_id: RunId, wanted: Moment) -> RunView:
    """Return what is shown of a run as it was: see `row_at`."""
    row = row_at(disk, layout, run_id, wanted)
    as_of = wanted.at or row.state.reached_at
    return run_view(row.state, as_of=as_of, head=row.head, problem=row.problem)


class _Reached(Struct):
    """How far a fold came."""

    state: RunState
    next: AnyEvent | None = None
    """The first event that was not folded any more."""
    is_whole: bool = False
    """What was wanted lies behind it."""


@contextmanager
def _begun(
    disk: Disk, layout: Layout, run_id: RunId, wanted: Moment
) -> Generator[tuple[History, RunState, Tail | None]]:
    """Give the history of a run, and where to begin to fold it."""
    with open_history(disk, layout, run_id) as history:
        if history.size_and_links()[0] < version.LONG:
            yield history, STATUS.initial(), None
            return
    from runlore.projections.index import long_runs  # noqa: PLC0415 - few journals are long
    from runlore.projections.index.times import microseconds  # noqa: PLC0415 - few journals are long

    with long_runs.opened(disk, layout, run_id) as long:
        if wanted.at is not None:
            start = long.at_time(microseconds(wanted.at))
        else:
            start = long.at_seq(wanted.seq or 0)
        yield long.history, start.state if start else STATUS.initial(), start.tail if start else None


def _folded(chunks: EventChunks, state: RunState, wanted: Moment) -> _Reached:
    reached = _Reached(state, is_whole=wanted.seq is not None and state.seq == wanted.seq)
    if reached.is_whole:
        return reached
    for events in chunks:
        count = _count(events, wanted)
        reached.state = fold(STATUS, events[:count], reached.state)
        if count < len(events):
            reached.next, reached.is_whole = events[count], True
            break
        if reached.state.seq == wanted.seq:
            reached.is_whole = True
            break
    return reached


def _count(events: Sequence[AnyEvent], wanted: Moment) -> int:
    """Return how many of the events belong to what is wanted; all of those in front of them do."""
    if wanted.seq is not None:
        return max(0, min(len(events), wanted.seq - events[0].seq + 1))
    assert wanted.at is not None  # noqa: S101 - one of both is given
    at = wanted.at
    for place, event in enumerate(events):
        if event.at > at and _witnessed(event, at) > at:
            return place
    return len(events)


def _witnessed(event: AnyEvent, latest: datetime) -> datetime:
    """Return when what an event tells had happened; what it rests on may be older than itself."""
    if isinstance(event, RunCollecting) and event.exited_at is not None:
        return event.exited_at
    if isinstance(event, Ended) and event.observation is not None:
        return event.ended_at or latest  # it was never seen again
    return event.at


def _not_there(run_id: RunId, first: AnyEvent | None) -> str:
    if first is None:
        return f"run {run_id} never began: its first event is not whole"
    return f"run {run_id} was not there yet; it was submitted at {first.at.isoformat()}"


def _end(history: History, run_id: RunId, seq: int) -> tuple[Head, int]:
    """Return the `h` of a record, and where it ends."""
    size, _links = history.size_and_links()
    found = seeking.at_or_before(history, run_id, size, seq)
    if found is not None and found.seq == seq:
        return found.head, found.size
    scanner = Scanner(Tail.empty(run_id), check_chain=False)
    for piece in pieces(history, 0, size):
        for record in scanner.feed(piece):
            if record.seq == seq:
                return record.head, record.offset + record.length
    return scanner.tail.head, scanner.tail.size
