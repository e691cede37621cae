"""Write down how runs ended whose owners could not, with the observation that rests on.

A reconciler wins the owner lock first, so it cannot race a live owner, and reads everything again under
it: a run that ended meanwhile is left as it is. What is written is what readers showed already. Runs
whose command lives on without a keeper are given one.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from runlore.journal.disk import Disk
from runlore.journal.errors import Busy, RunloreError, StaleSeq
from runlore.journal.feed import Feed
from runlore.journal.journal_ids import loose_ids
from runlore.journal.layout import Layout
from runlore.journal.sealed_end import is_sealed
from runlore.journal.values import Actor, RunId, Status
from runlore.journal.writer import Writer
from runlore.projections.health import Draft, Seen, before_collecting, conclude
from runlore.projections.reconcile_views import ReconciledView
from runlore.projections.status import RunState
from runlore.runtimes.collecting import has_outputs
from runlore.runtimes.folding import RunFold
from runlore.runtimes.live_files import clear_live_files
from runlore.runtimes.observe import Observer
from runlore.runtimes.owner_lock import OwnerLock
from runlore.runtimes.rescue import rescue

BUDGET_S: Final = 0.02
"""What a command that acts spends on other people's runs, after its own work."""
_TRIES: Final = 8


class Reconciler:
    """Writes down what health implies, in one registry."""

    def __init__(self, disk: Disk, layout: Layout, observer: Observer, *, by: Actor) -> None:
        self._disk, self._layout, self._observer, self._by = disk, layout, observer, by

    def all(self, *, dry_run: bool = False, budget_s: float | None = None) -> list[ReconciledView]:
        """Return what was, or would be, written for every run that has not ended, oldest first.

        With a budget, the newest unfinished runs are looked for during half of it, and whoever is not
        reached in time has to wait for the next command. However slow the machine is, the newest journal
        is looked at, and one run that was found is cared for. One run that cannot be read or written is
        named and hides no other.
        """
        start = self._disk.monotonic()
        until = None if budget_s is None else start + budget_s
        found = list(self._unfinished(None if budget_s is None else start + budget_s / 2))
        done: list[ReconciledView] = []
        for run_id in reversed(found):
            done += self.each([run_id], dry_run=dry_run)
            if until is not None and self._disk.monotonic() >= until:
                break
        return done

    def each(self, run_ids: Iterable[RunId], *, dry_run: bool = False) -> list[ReconciledView]:
        """Return what was, or would be, written for these runs; nothing for those that need nothing."""
        done: list[ReconciledView] = []
        for run_id in run_ids:
            folded = RunFold(self._disk, self._layout, run_id)
            try:
                view = self._one(folded, dry_run=dry_run)
            except RunloreError as error:
                view = _left(folded.run_id, folded.state.status or "queued", str(error))
            if view is not None:
                done.append(view)
        return done

    def _one(self, folded: RunFold, *, dry_run: bool) -> ReconciledView | None:
        look = self._observer.look(folded)
        state, found = look.assessment.state, look.assessment
        if found.health == "ended" or state.status is None:
            return None
        if found.health == "unsupervised" or (look.seen and look.seen.command == "alive"):
            return self._rescued(folded.run_id, state, dry_run=dry_run)
        if not found.provisional:
            return None
        if self._has_outputs(folded.state):
            return self._rescued(folded.run_id, folded.state, dry_run=dry_run)
        if dry_run:
            return _view(state, written=False, detail="would be written")
        return self._write(folded)

    def _rescued(self, run_id: RunId, state: RunState, *, dry_run: bool) -> ReconciledView | None:
        """See to it that a run whose command lives is kept again; nothing is concluded about it."""
        assert state.status is not None  # noqa: S101 - _one has looked
        who = f"its command (pid {state.handle.pid})" if state.handle else "its command"
        if self._has_outputs(state) and not self._may_live(run_id, state):
            if dry_run:
                return _left(run_id, state.status, "its outputs would be collected first")
            started = rescue(self._layout, run_id, state) == "started"
            told = "are being collected first" if started else "could not be collected"
            return _left(run_id, state.status, f"its outputs {told}")
        if dry_run:
            return _left(run_id, state.status, f"{who} lives without a keeper, and would be given one")
        news = {
            "wrapper": f"{who} lives, and its wrapper is about to start a new keeper",
            "started": f"{who} lives, and a new keeper takes over",
            "failed": f"{who} lives, and no keeper could be started for it",
            "newer": f"{who} lives, and only the later release that began the run can give it a keeper",
        }
        return _left(run_id, state.status, news[rescue(self._layout, run_id, state)])

    def collect(self, run_id: RunId) -> ReconciledView | None:
        """Collect what an ended run declared, and write down how it ended; None if that is not ours to do.

        May take long. The secrets of the command are known no more: a run that had some loses outputs.
        """
        return self._write(RunFold(self._disk, self._layout, run_id), collecting=True)

    def _has_outputs(self, state: RunState) -> bool:
        """Say whether a run whose command was started left anything to be collected."""
        if state.booting is None:
            return False
        return state.declares or has_outputs(self._disk, self._layout, state.run_id)

    def _may_live(self, run_id: RunId, state: RunState) -> bool:
        """Say whether the run's command may be alive."""
        return self._observer.observe(run_id, state).command == "alive"

    def _write(self, folded: RunFold, *, collecting: bool = False) -> ReconciledView | None:
        run_id = folded.run_id
        try:
            lock = OwnerLock.take(self._disk, self._layout, run_id)
        except Busy:
            return None  # it has an owner again, who will say how it ends
        with lock:
            feed = Feed(self._disk, self._layout)
            writer = Writer(self._disk, self._layout, run_id, owner=True, feed=feed)
            try:
                written = self._write_owned(folded, writer, collecting=collecting)
            finally:
                writer.close()
                feed.close()
            if written:
                clear_live_files(self._disk, self._layout, run_id)
        folded.advance()
        return _view(folded.state, written=True, detail="written") if written else None

    def _write_owned(self, folded: RunFold, writer: Writer, *, collecting: bool) -> bool:
        """Look again as the owner, and append; labels that others append meanwhile make it look again."""
        unmet: str | None = None
        for _ in range(_TRIES):
            folded.advance()
            if folded.has_ended():
                return False
            seen = self._observer.observe(folded.run_id, folded.state, holding=True)
            if seen.command == "alive":
                return False
            try:
                if collecting and unmet is None:
                    unmet = self._collected(folded, seen, writer)
                    continue
                drafts = conclude(folded.state, seen, by=self._by, collected=unmet)
                _append(writer, folded.state, drafts)
            except StaleSeq:
                continue
            return bool(drafts)
        return False

    def _collected(self, folded: RunFold, seen: Seen, writer: Writer) -> str:
        """Collect the outputs, the end of the command on record before; return which are not durable."""
        from runlore.runtimes.left_outputs import collect_left  # noqa: PLC0415 - rare

        drafts = before_collecting(folded.state, seen, by=self._by)
        if not drafts and folded.state.collecting is None:
            return ""  # no command ever ran
        _append(writer, folded.state, drafts)
        return collect_left(self._disk, self._layout, folded.state, writer, by=self._by)

    def _unfinished(self, until: float | None) -> Iterator[RunId]:
        """Yield the runs whose journal does not end in a seal, newest first."""
        for run_id in reversed(loose_ids(self._disk, self._layout)):
            if not is_sealed(self._disk, self._layout.journal(run_id)):
                yield run_id
            if until is not None and self._disk.monotonic() >= until:
                return


def _append(writer: Writer, state: RunState, drafts: tuple[Draft, ...]) -> None:
    """Append the events; the first only if the journal is still the one they were concluded from."""
    expected = state.seq
    for draft in drafts:
        expected = writer.append(draft, expected_seq=expected).seq


def _left(run_id: RunId, status: Status, detail: str) -> ReconciledView:
    return ReconciledView(run_id=run_id, status=status, reason=None, written=False, detail=detail)


def _view(state: RunState, *, written: bool, detail: str) -> ReconciledView:
    assert state.status is not None  # noqa: S101 - whatever is concluded has a status
    code = state.reason.code if state.reason else None
    return ReconciledView(
        run_id=state.run_id, status=state.status, reason=code, written=written, detail=detail
    )
