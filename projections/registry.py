"""Fold every journal of a root into rows: what is known without an index, and without observing anybody.

One journal that cannot be read hides no other: it becomes a row with what stands before the damage,
and with the problem. A journal without a whole first event is no run yet; it is counted. Not pure: this
reads, and never writes.
"""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct, structs

from runlore.journal.disk import Disk
from runlore.journal.errors import JournalIO, NotFound
from runlore.journal.event_chunks import EventChunks
from runlore.journal.history import open_history
from runlore.journal.journal_ids import listed
from runlore.journal.layout import Layout
from runlore.journal.packs import Packs
from runlore.journal.scan import Scanner, Tail
from runlore.journal.tailing import PIECE
from runlore.journal.values import Head, RunId, Status
from runlore.projections.fold import fold
from runlore.projections.index import version
from runlore.projections.present import run_view
from runlore.projections.run_fields import ViewFacts
from runlore.projections.run_state import RunState
from runlore.projections.run_view import Problem
from runlore.projections.selectors import Candidate, candidate
from runlore.projections.status import STATUS


class Row(Struct, frozen=True, kw_only=True):
    """One journal, folded."""

    run_id: RunId
    state: RunState
    head: Head | None = None
    size: int = 0
    """Bytes of whole records."""
    problem: Problem | None = None

    @property
    def name(self) -> str | None:
        """As filters want it."""
        return self.state.name or None

    @property
    def status(self) -> Status | None:
        """What the journal says; what nobody has written down yet is not in it."""
        return self.state.status

    @property
    def tags(self) -> dict[str, str]:
        """As filters want them."""
        return self.state.tags

    @property
    def created_at(self) -> datetime | None:
        """As filters want it."""
        return self.state.created_at

    @property
    def facts(self) -> ViewFacts:
        """What an expression asks about, as the journal stands."""
        state = self.state
        return ViewFacts(
            lambda: run_view(state, as_of=state.reached_at, head=self.head, problem=self.problem)
        )

    @property
    def candidate(self) -> Candidate:
        """The row for the resolver of selectors."""
        return candidate(self.state)


class Rows(Struct, frozen=True, kw_only=True):
    """Every journal of a root."""

    rows: list[Row]
    unborn: tuple[RunId, ...] = ()
    """Journals in which a crash left no whole first event: no runs."""


def fold_registry(disk: Disk, layout: Layout, only: Iterable[RunId] | None = None) -> Rows:
    """Return a row for each journal, by id, or for those of `only` that exist.

    Raises:
        NotFound: there is no registry.
    """
    rows: list[Row] = []
    unborn: list[RunId] = []
    run_ids, packed, packs = (only, frozenset[RunId](), None) if only is not None else listed(disk, layout)
    for run_id in run_ids:
        try:
            row = fold_journal(disk, layout, run_id, packs if run_id in packed else None)
        except NotFound:
            continue  # removed since its name was read
        if row is None:
            unborn.append(run_id)
        else:
            rows.append(row)
    return Rows(rows=rows, unborn=tuple(unborn))


def fold_journal(
    disk: Disk, layout: Layout, run_id: RunId, known: Packs | None = None, *, fresh: bool = False
) -> Row | None:
    """Return the row of one journal; None if a crash left no whole first event in it.

    Of a long journal only what its last snapshot does not know is read, unless `fresh`.
    known: see `open_history`.

    Raises:
        NotFound: no such journal.
    """
    chunks = EventChunks.of(disk, layout, run_id, known=known)
    folded = _Folded(STATUS.initial())
    try:
        is_long = folded.all_of(chunks, short_of=None if fresh else _FAR)
    except JournalIO as error:
        folded.problem = Problem(kind="unreadable", detail=str(error))
        is_long = False
    if is_long:
        chunks, folded = _fold_long(disk, layout, run_id, known)
    return _row(disk, layout, run_id, chunks, folded)


class _Folded(Struct):
    """A journal that is being folded."""

    state: RunState
    problem: Problem | None = None

    def all_of(self, chunks: EventChunks, *, short_of: int | None = None) -> bool:
        """Fold them all; or stop when so many bytes were read of a journal that has snapshots, and say so."""
        for events in chunks:
            self.state = fold(STATUS, events, self.state)
            if short_of is not None and chunks.offset >= short_of:
                if chunks.size() >= version.LONG:
                    return True
                short_of = None
        return False


_FAR: int = 256 << 10
"""Bytes after which it is asked whether a journal is long; most are over by then."""


def _fold_long(disk: Disk, layout: Layout, run_id: RunId, known: Packs | None) -> tuple[EventChunks, _Folded]:
    """Return a long journal, folded from its last snapshot on."""
    from runlore.projections.index import long_runs  # noqa: PLC0415 - few journals are long

    path, folded = layout.journal(run_id), _Folded(STATUS.initial())
    chunks = EventChunks(disk, path)
    try:
        with long_runs.opened(disk, layout, run_id, known) as long:
            start = long.last()
            chunks = EventChunks.behind(disk, long.history, path, start.tail if start else None)
            folded.state = start.state if start else folded.state
            folded.all_of(chunks)
    except FileNotFoundError:
        raise NotFound(f"no journal at {path}") from None
    except JournalIO as error:
        folded.problem = Problem(kind="unreadable", detail=str(error))
    except OSError as error:
        folded.problem = Problem(kind="unreadable", detail=f"{path}: {error.strerror or error}")
    return chunks, folded


def _row(disk: Disk, layout: Layout, run_id: RunId, chunks: EventChunks, folded: _Folded) -> Row | None:
    state, problem = folded.state, folded.problem
    if problem is None and (chunks.stopped == "damaged" or state.run_id != run_id):
        problem = damage_of(disk, layout, run_id)
    if problem is None and state.seq == 0:
        return None
    return Row(
        run_id=run_id,
        state=state if state.run_id == run_id else structs.replace(STATUS.initial(), run_id=run_id),
        head=chunks.head,
        size=chunks.offset,
        problem=problem,
    )


def damage_of(disk: Disk, layout: Layout, run_id: RunId) -> Problem | None:
    """Return what is wrong with a journal that could not be folded to its end.

    A crash tail is nothing wrong: nobody was told that it is durable, and the next appender cuts it.
    """
    scanner = Scanner(Tail.empty(run_id), check_chain=False)
    try:
        with open_history(disk, layout, run_id) as history:
            offset = 0
            while piece := history.pread(PIECE, offset):
                scanner.advance(piece)
                offset += len(piece)
    except OSError as error:
        return Problem(kind="unreadable", detail=f"{layout.journal(run_id)}: {error.strerror or error}")
    verdict = scanner.verdict()
    if verdict.state != "corrupt" or verdict.damage is None:
        return None
    damage = verdict.damage
    return Problem(kind="damaged", detail=damage.detail, seq=damage.seq, offset=damage.offset)
