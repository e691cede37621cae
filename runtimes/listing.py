"""Find runs and see how they are: rows folded from journals, and a look at those that have not ended.

A damaged journal is shown up to its damage and nothing is concluded about its run: how it ended may
stand behind the damage.
"""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from runlore.journal.disk import Disk
from runlore.journal.errors import NotFound
from runlore.journal.layout import Layout
from runlore.journal.packs import Packs
from runlore.journal.values import RunId, Status
from runlore.projections import filters
from runlore.projections.counts import counted
from runlore.projections.explain import seen_view
from runlore.projections.list_views import PsView
from runlore.projections.present import run_view
from runlore.projections.registry import Row, fold_journal, fold_registry
from runlore.projections.run_fields import ViewFacts
from runlore.projections.run_state import OWN_PROCESS
from runlore.projections.run_view import RunView, TranscriptView
from runlore.projections.selectors import Candidate
from runlore.runtimes.folding import RunFold
from runlore.runtimes.observe import Look, Observer


class Found(Struct, frozen=True, kw_only=True):
    """A run as it is now. Filters and selectors work on it; a view is made of those that are shown."""

    row: Row
    """With the status as shown: provisional ends count."""
    look: Look | None = None
    transcript: TranscriptView | None = None

    @property
    def run_id(self) -> RunId:
        """As filters want it."""
        return self.row.run_id

    @property
    def name(self) -> str | None:
        """As filters want it."""
        return self.row.name

    @property
    def status(self) -> Status | None:
        """The status as shown."""
        return self.row.status

    @property
    def tags(self) -> dict[str, str]:
        """As filters want them."""
        return self.row.tags

    @property
    def created_at(self) -> datetime | None:
        """As filters want it."""
        return self.row.created_at

    @property
    def facts(self) -> ViewFacts:
        """What an expression asks about."""
        return ViewFacts(lambda: self.view(self.row.state.reached_at))

    @property
    def candidate(self) -> Candidate:
        """As selectors want it."""
        return self.row.candidate

    def view(self, now: datetime) -> RunView:
        """Return what is shown of the run."""
        row, assessment = self.row, self.look.assessment if self.look else None
        seen = self.look.seen if self.look else None
        return run_view(
            row.state,
            as_of=now,
            health=assessment.health if assessment else None,
            provisional=assessment is not None and assessment.provisional,
            paused=seen is not None and seen.paused,
            seen=seen_view(assessment.health, seen) if assessment and seen else None,
            head=row.head,
            transcript=self.transcript,
            problem=row.problem,
        )


class Listing:
    """Finds the runs of one registry."""

    def __init__(self, disk: Disk, layout: Layout, observer: Observer) -> None:
        self._disk, self._layout, self._observer = disk, layout, observer

    def all(self, only: Iterable[RunId] | None = None, *, observed: bool = True) -> list[Found]:
        """Return every run, or those of `only` that exist; without `observed`, as their journals stand.

        Raises:
            NotFound: there is no registry.
        """
        rows = fold_registry(self._disk, self._layout, only).rows
        return [self._seen(row) if observed else Found(row=row) for row in rows]

    def one(self, run_id: RunId, packs: Packs | None = None) -> Found:
        """Return one run; packs: see `open_history`.

        Raises:
            NotFound: no such run, or a crash cut its first event and it never began.
        """
        row = fold_journal(self._disk, self._layout, run_id, packs)
        if row is None:
            raise NotFound(f"run {run_id} never began: a crash cut its first event")
        return self._seen(row)

    def looked(self, folded: RunFold, look: Look) -> Found:
        """Return a run that was looked at just now."""
        tail = folded.tail
        row = Row(run_id=folded.run_id, state=look.assessment.state, head=tail.head, size=tail.size)
        return Found(row=row, look=look, transcript=self._transcript(row))

    def _seen(self, row: Row) -> Found:
        if row.state.ended or row.problem is not None:
            return Found(row=row, transcript=self._transcript(row))
        folded = RunFold(self._disk, self._layout, row.run_id)
        try:
            return self.looked(folded, self._observer.look(folded))
        except NotFound:
            return Found(row=row)  # removed just now; this is what it was

    def _transcript(self, row: Row) -> TranscriptView | None:
        """Return how much a command has written so far, while only its files can tell."""
        state = row.state
        unknown = state.booting is None or state.queued is None or state.collecting is not None
        if unknown or state.runtime == OWN_PROCESS:
            return None
        try:
            size = self._disk.stat_path(self._layout.in_run(row.run_id, "transcript")).size
        except OSError:
            return None
        assert state.queued is not None  # noqa: S101 - asked above
        size = min(size, state.queued.recipe.output_limit or size)  # what was given up left a hole
        return TranscriptView(ref=f"runlore://{state.queued.registry_id}/{row.run_id}/transcript", bytes=size)


def page_of(chosen: filters.Selected[Found], now: datetime) -> PsView:
    """Return the view of a list of runs."""
    return PsView(
        as_of=now,
        items=[found.view(now) for found in chosen.items],
        counts=counted(found.status for found in chosen.matched),
        damaged=sum(found.row.problem is not None for found in chosen.matched),
        truncated=chosen.truncated,
        next=chosen.next,
    )
