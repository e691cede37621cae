"""Make outputs of a run evidence: their bytes first, durably, and then the decision, one event each.

What a kill leaves between the two is bytes that nothing names, and doing it again completes it. An output
whose bytes are not right never gets an event.
"""

import errno
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Final

from runlore.journal.errors import BadInput, Conflict, JournalIO, RunloreError
from runlore.journal.events import ArtifactCollected, Event, RunAccepted
from runlore.journal.events import ArtifactPromoted as Promoted
from runlore.journal.values import RunId, Seq
from runlore.projections.promote_views import Promoting, PromotionView
from runlore.runtimes.deciding import append_decision, append_decisions
from runlore.runtimes.evidence import Evidence
from runlore.runtimes.folding import RunFold
from runlore.runtimes.run_secrets import secrets_about
from runlore.runtimes.stored import artifacts_of, open_stored, stored_of
from runlore.runtimes.trash import refused

if TYPE_CHECKING:
    from runlore.journal.scan import Record
    from runlore.projections.run_state import RunState
    from runlore.runtimes.deciding import Draft
    from runlore.runtimes.registry import Registry

Each = Callable[[Iterable[ArtifactCollected]], Iterable[ArtifactCollected]]
"""Passes outputs through, to count them."""


class Promotion:
    """The promotion of some stored outputs of one run: those that match, or all of them.

    failures: what could not be promoted, and why; everything else was.

    Raises:
        NotFound: no such run, or a pattern means none of its stored outputs. BadInput: a pattern is none.
        Removed: its outputs were removed, or are in the trash. Conflict: it has not ended.
        CorruptJournal, NewerFormat, JournalIO: its journal cannot be read.
    """

    def __init__(self, registry: "Registry", run_id: RunId, patterns: Sequence[str] = ()) -> None:
        self._registry, self.run_id = registry, run_id
        self._disk, self._layout = registry.disk, registry.layout
        self.failures: list[RunloreError] = []
        self._require_outputs()
        self._state = artifacts_of(self._disk, self._layout, run_id)
        self._require_meant(patterns)
        self._entries: Final = stored_of(self._state, patterns)
        self._mended: set[str] = set()
        """Digests whose bytes were put in their place now."""

    @property
    def total(self) -> int:
        """How many outputs are meant."""
        return len(self._entries)

    def plan(self) -> list[PromotionView]:
        """Return what would be promoted; reads the journal, and no bytes."""
        known = self._on_record()
        return self._view({each.path: "already" for each in self._entries if _is_in(known, each)})

    def apply(self, why: str = "", each: Each = lambda entries: entries) -> list[PromotionView]:
        """Return what is evidence now, durably, bytes and decision; what could not be is in `failures`.

        Raises:
            NotPermitted: the registry may not be written. Removed: it was removed meanwhile.
            BadInput: the path of an output holds what is a secret here, so no event could name it.
        """
        self._registry.require_writable()
        self._require_writable_names()
        evidence = Evidence(self._disk, self._layout)
        evidence.begin()
        kept = self._keep(evidence, each)
        if not kept:
            self._require_outputs()  # that they are gone is told better by that they were removed
            return []
        evidence.settle()
        done: dict[str, Promoting] = dict.fromkeys(self._decide(kept, why), _PROMOTED)
        known = self._on_record()
        for entry in kept:
            if entry.path not in done and _is_in(known, entry):
                done[entry.path] = "mended" if entry.sha256 in self._mended else "already"
        return self._view(done, only=True)

    # -- bytes

    def _keep(self, evidence: Evidence, each: Each) -> list[ArtifactCollected]:
        """Return the outputs whose bytes are among the evidence, their names durable once it is settled."""
        kept: list[ArtifactCollected] = []
        right: dict[str, bool] = {}
        for entry in each(self._entries):
            digest = entry.sha256 or ""
            if digest not in right:
                try:
                    self._keep_one(evidence, entry)
                    right[digest] = True
                except JournalIO as error:
                    self._fail(error)
                    if not _is_of_one_file(error):
                        break
                    right[digest] = False
                except RunloreError as error:  # the bytes are gone, or are others: the next ones may be right
                    self.failures.append(error)
                    right[digest] = False
            if right[digest]:
                kept.append(entry)
        return kept

    def _keep_one(self, evidence: Evidence, entry: ArtifactCollected) -> None:
        if evidence.has(entry):
            return
        source = open_stored(self._layout, self.run_id, entry)
        try:
            evidence.keep(source, entry)
        finally:
            self._disk.close(source)
        self._mended.add(entry.sha256 or "")

    # -- decisions

    def _decide(self, kept: Sequence[ArtifactCollected], why: str) -> list[str]:
        """Return the paths for which a promotion was appended; a full disk in between is a failure."""
        left = _Left(kept, self._on_record)
        by = self._registry.by
        made: list[str] = []

        def draft_of(state: "RunState") -> "Draft | None":
            entry = left.next(state)
            if entry is None:
                return None

            def draft(seq: Seq, at: datetime) -> Event:
                return Promoted(
                    seq=seq,
                    at=at,
                    by=by,
                    path=entry.path,
                    sha256=entry.sha256 or "",
                    bytes=entry.bytes,
                    why=why,
                )

            return draft

        def appended(_record: "Record") -> bool:
            made.append(left.done())
            return True

        redact = secrets_about(self._disk, self._layout, self.run_id).event
        try:
            append_decisions(self._disk, self._layout, self.run_id, draft_of, appended, redact=redact)
        except JournalIO as error:
            self._fail(error)
        return made

    def _fail(self, error: JournalIO) -> None:
        failure = JournalIO(f"{error}; what could be promoted is. See `runlore df`, and promote again")
        failure.__cause__ = error
        self.failures.append(failure)

    def _on_record(self) -> dict[str, str]:
        """Return the digests of what was promoted by now, by path."""
        promoted = artifacts_of(self._disk, self._layout, self.run_id).promoted
        return {path: each.sha256 for path, each in promoted.items()}

    # -- whether it may be

    def _require_outputs(self) -> None:
        """Return if the run has ended, and has its outputs."""
        folded = RunFold(self._disk, self._layout, self.run_id)
        folded.advance()
        state = folded.state
        if state.expired is not None:
            raise refused(self._layout, state)
        if not state.ended:
            raise Conflict(
                f"run {self.run_id} goes on, and its outputs are collected when it has ended; "
                f"`runlore wait {self.run_id}` first"
            )

    def _require_meant(self, patterns: Sequence[str]) -> None:
        """Return if each pattern means something: one that is misspelt is not passed over."""
        paths = {each.path for each in self._state.stored}
        for each in patterns:
            if each not in paths and not each.startswith("!"):
                stored_of(self._state, [each])

    def _require_writable_names(self) -> None:
        """Return if every path can stand in an event as it is: one that is masked would name nothing."""
        redactor = secrets_about(self._disk, self._layout, self.run_id).found.redactor
        for entry in self._entries:
            if redactor.text(entry.path) != entry.path:
                raise BadInput(
                    f"the path of an output of run {self.run_id} holds the value of a secret of this "
                    "environment; promote it from where that variable is not set"
                )

    # -- view

    def _view(self, done: dict[str, Promoting], *, only: bool = False) -> list[PromotionView]:
        return [
            PromotionView(
                run_id=self.run_id,
                path=each.path,
                bytes=each.bytes,
                sha256=each.sha256 or "",
                done=done.get(each.path),
            )
            for each in self._entries
            if not only or each.path in done
        ]


class _Left:
    """The outputs that no event names yet; asked under the owner lock, so nobody promotes beside it."""

    def __init__(self, kept: Iterable[ArtifactCollected], on_record: Callable[[], dict[str, str]]) -> None:
        self._left, self._on_record = list(kept)[::-1], on_record
        self._known = -1
        """Promotions in the journal when this last looked."""

    def next(self, state: "RunState") -> ArtifactCollected | None:
        """Return the next one; None if there is no more."""
        if state.promotions != self._known:
            known = self._on_record()
            self._left = [each for each in self._left if not _is_in(known, each)]
            self._known = state.promotions
        return self._left[-1] if self._left else None

    def done(self) -> str:
        """Return the path of the one that was appended just now."""
        self._known += 1
        return self._left.pop().path


def accept(registry: "Registry", run_id: RunId, why: str = "") -> None:
    """Accept the outcome of a run: no rule and no `remove` takes it any more; durable on return.

    One that is accepted already stays as it is.

    Raises:
        Conflict: it has not ended. Removed: its outputs are gone, or in the trash. Busy: somebody removes it.
        NotFound: no such run. NotPermitted, JournalIO: not recorded.
    """
    registry.require_writable()
    settle_end(registry, run_id)
    by = registry.by

    def draft_of(state: "RunState") -> "Draft | None":
        if not state.ended:
            raise Conflict(
                f"run {run_id} goes on, so it has no outcome to accept; `runlore wait {run_id}` first"
            )
        if state.accepted:
            return None
        return lambda seq, at: RunAccepted(seq=seq, at=at, by=by, why=why)

    redact = secrets_about(registry.disk, registry.layout, run_id).event
    append_decision(registry.disk, registry.layout, run_id, draft_of, redact=redact)


def settle_end(registry: "Registry", run_id: RunId) -> None:
    """Write down the end of a run whose owner could not, where that may be done."""
    with suppress(RunloreError):
        registry.reconcile([run_id])


_PROMOTED: Final[Promoting] = "promoted"


def _is_of_one_file(error: JournalIO) -> bool:
    """Say whether the next file may be better off; a full disk is full for all of them."""
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno == errno.EIO


def _is_in(known: dict[str, str], entry: ArtifactCollected) -> bool:
    return known.get(entry.path) == entry.sha256
