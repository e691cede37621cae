"""Read very long journals from the middle: snapshots of their fold, kept every few megabytes in the index.

Whoever opens a long journal here, and may write the index, brings its snapshots up to date first: what is
new is folded once, by whoever comes first. Everybody else, and everybody who may not write, reads the
journal from its beginning, in as little memory.

A snapshot is believed only of the files that it was taken of, and only if the record that it stands behind
is still there with the same `h`, which names all the history in front of it. What an intruder changes in
place in front of that is not seen here: `verify` reads everything, and `index verify` compares.
"""

from bisect import bisect_right
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from msgspec import Struct, structs

from runlore.journal import tailing
from runlore.journal.disk import Disk
from runlore.journal.events import AnyEvent, UnknownEvent, tag_of
from runlore.journal.history import History, open_history
from runlore.journal.layout import Layout
from runlore.journal.packs import Packs
from runlore.journal.scan import Scanner, Tail
from runlore.journal.values import RunId
from runlore.projections.fold import fold
from runlore.projections.index import sqlite
from runlore.projections.index.snapshot import (
    ANYTHING,
    MOST_KINDS,
    Row,
    Snapshot,
    digest,
    row,
    spelled,
    state_of,
)
from runlore.projections.index.snapshots import Snapshots
from runlore.projections.index.times import microseconds
from runlore.projections.run_state import RunState
from runlore.projections.status import STATUS

SPACING: int = 4 << 20
"""Bytes from one snapshot to the next, at least."""
_SHARE: Final = 64
"""A snapshot takes at most one part in so many of the bytes that it spares."""
_TOGETHER: Final = 32
"""Snapshots written at once: who is interrupted leaves what was done."""


class Start(Struct, frozen=True, gc=False):
    """Where to go on folding."""

    tail: Tail
    state: RunState


class LongRun:
    """A long journal that is open, and the snapshots of it that are to be believed."""

    def __init__(self, history: History, run_id: RunId, kept: Snapshots | None) -> None:
        self.history: Final = history
        self._run_id, self._kept = run_id, kept
        self.snapshots: list[Snapshot] = []
        """Oldest first; empty without an index."""
        self._states: dict[int, bytes] = {}
        """Those that could not be kept, by place."""
        if kept is not None:
            self._catch_up(kept)

    def last(self) -> Start | None:
        """Return where the newest snapshot stands; None: fold from the beginning."""
        return self._start(len(self.snapshots) - 1)

    def at_seq(self, seq: int) -> Start | None:
        """Return where the last snapshot stands that knows of nothing behind a seq."""
        return self._latest(bisect_right([each.seq for each in self.snapshots], seq))

    def at_time(self, at_us: int) -> Start | None:
        """Return where the last snapshot stands that knows of nothing later than a time."""
        return self._latest(bisect_right([each.reached_us for each in self.snapshots], at_us))

    def _latest(self, count: int) -> Start | None:
        """Return where the last of the first few snapshots stands that is to be believed."""
        starts = (self._start(place) for place in range(count - 1, -1, -1))
        return next((start for start in starts if start is not None), None)

    def _start(self, place: int) -> Start | None:
        """Return where a snapshot stands, after looking once more whether it is to be believed."""
        if place < 0:
            return None
        snapshot = self.snapshots[place]
        tail = self._tail(snapshot)
        state = state_of(snapshot, self._state(place)) if tail is not None else None
        if tail is None or state is None:
            return None
        return Start(structs.replace(tail, status=state.status, ended=state.ended), state)

    def _state(self, place: int) -> object:
        if place in self._states or self._kept is None:
            return self._states.get(place)
        try:
            return self._kept.state(self._run_id, place)
        except sqlite.Failed:
            return None

    def _tail(self, snapshot: Snapshot) -> Tail | None:
        tail = tailing.behind(self.history, self._run_id, snapshot.offset)
        is_it = tail is not None and not tail.base and (tail.seq, tail.head) == (snapshot.seq, snapshot.head)
        return tail if is_it else None

    # -- keep up

    def _catch_up(self, kept: Snapshots) -> None:
        """Take the snapshots that are there, if they are of this journal, and those that are missing."""
        try:
            last = kept.last(self._run_id)
            found = kept.of(self._run_id)
        except sqlite.Failed:
            return
        self.snapshots = found or []
        start = self._first_start()
        size, _links = self.history.size_and_links()
        if size - (start.tail.size if start else 0) < SPACING:
            return
        self._take(Taking(self.history, self._run_id, start), kept, last)

    def _first_start(self) -> Start | None:
        """Return where the newest snapshot stands; if it is of another journal, none of them counts."""
        newest, files = self.snapshots[-1:], self.history.files()
        start = self.last() if newest and newest[0].files == files else None
        if start is None:
            self.snapshots = []
        return start

    def _take(self, taking: "Taking", into: Snapshots, last: bytes | None) -> None:
        kept: Snapshots | None = into
        waiting: list[Row] = []
        for snapshot, state in taking:
            self._states[len(self.snapshots)] = state
            self.snapshots.append(snapshot)
            waiting.append(row(self._run_id, snapshot, state))
            if kept is not None and len(waiting) == _TOGETHER:
                kept, last, waiting = self._added(kept, last, waiting), waiting[-1][2], []
        if kept is not None and waiting:
            self._added(kept, last, waiting)

    def _added(self, kept: Snapshots, last: bytes | None, rows: Sequence[Row]) -> Snapshots | None:
        """Add rows behind the others; return where to add the next, or None if that is not to be done."""
        number = len(self.snapshots) - len(rows)
        try:
            if not kept.add(self._run_id, last, rows, number=number):
                return None
        except sqlite.Failed:
            return None
        for place in range(number, len(self.snapshots)):
            self._states.pop(place, None)
        return kept


class Taking:
    """Takes snapshots of a journal from a start to where whole records end. Iterate once."""

    def __init__(self, history: History, run_id: RunId, start: Start | None) -> None:
        self._history, self._files = history, history.files()
        tail = start.tail if start else Tail.empty(run_id)
        self._scanner = Scanner(tail, check_chain=False)
        self._state = start.state if start else STATUS.initial()
        self._low = self._high = 0
        self._kinds: set[str] = set()

    def __iter__(self) -> Iterator[tuple[Snapshot, bytes]]:
        scanner, offset = self._scanner, self._scanner.tail.size
        before, room = offset, SPACING
        while scanner.damage is None and (piece := self._history.pread(tailing.PIECE, offset)):
            offset += len(piece)
            if events := scanner.advance(piece):
                self._state = fold(STATUS, events, self._state)
                self._note(events)
            tail = scanner.tail
            if tail.base:
                return  # its beginning is missing
            if tail.size - before >= room:
                state = spelled(self._state)
                yield self._snapshot(tail, state), state
                before, room = tail.size, max(SPACING, _SHARE * len(state))

    def _note(self, events: Sequence[AnyEvent]) -> None:
        times = [event.at for event in events]
        low, high = microseconds(min(times)), microseconds(max(times))
        self._low = min(self._low, low) if self._kinds else low
        self._high = max(self._high, high) if self._kinds else high
        self._kinds |= _kinds(events)

    def _snapshot(self, tail: Tail, state: bytes) -> Snapshot:
        kinds, self._kinds = self._kinds, set()
        return Snapshot(
            files=self._files,
            seq=tail.seq,
            offset=tail.size,
            head=tail.head,
            reached_us=microseconds(self._state.reached_at),
            low_us=self._low,
            high_us=self._high,
            kinds=tuple(sorted(kinds)) if len(kinds) <= MOST_KINDS else (ANYTHING,),
            digest=digest(state),
        )


def _kinds(events: Iterable[AnyEvent]) -> set[str]:
    """Return the types of events; one of each kind is asked."""
    one_of_each = {type(event): event for event in events}
    found = {tag_of(event) for event in one_of_each.values()}
    if UnknownEvent in one_of_each:
        found |= {tag_of(event) for event in events if isinstance(event, UnknownEvent)}
    return found


@contextmanager
def opened(disk: Disk, layout: Layout, run_id: RunId, known: Packs | None = None) -> Generator[LongRun]:
    """Open a long journal with its snapshots; known: see `open_history`.

    Raises:
        FileNotFoundError: there is no such run. OSError: the disk refused.
    """
    kept = Snapshots.opened(disk, layout)
    try:
        with open_history(disk, layout, run_id, known) as history:
            yield LongRun(history, run_id, kept)
    finally:
        if kept is not None:
            kept.close()


def differences(disk: Disk, layout: Layout) -> Iterator[tuple[RunId, str]]:
    """Yield the runs whose snapshots are not what a fresh fold of their journals gives, and how.

    Raises:
        OSError: the disk refused. sqlite.Failed: the index cannot be read.
    """
    kept = Snapshots.opened(disk, layout)
    if kept is None:
        return
    try:
        for run_id in kept.runs():
            try:
                with open_history(disk, layout, run_id) as history:
                    detail = _difference(history, run_id, kept.of(run_id))
            except FileNotFoundError:
                continue  # its journal is gone; nobody will ask
            if detail:
                yield run_id, detail
    finally:
        kept.close()


def _difference(history: History, run_id: RunId, known: list[Snapshot] | None) -> str:
    if known is None:
        return "a snapshot of its journal is damaged"
    if not known or known[-1].files != history.files():
        return ""  # of a journal that was replaced: the next reader takes new ones
    scanner, state, offset = Scanner(Tail.empty(run_id), check_chain=False), STATUS.initial(), 0
    for each in known:
        while offset < each.offset and (
            piece := history.pread(min(tailing.PIECE, each.offset - offset), offset)
        ):
            offset += len(piece)
            state = fold(STATUS, scanner.advance(piece), state)
        is_same = (scanner.tail.seq, scanner.tail.size) == (each.seq, each.offset)
        if not is_same or digest(spelled(state)) != each.digest:
            return f"its snapshot at seq {each.seq} is not what its journal says"
    return ""
