"""Pin a run, so that nothing removes it, and unpin it again: decisions that no removal passes by."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from runlore.journal.events import RunPinned, RunUnpinned
from runlore.journal.values import RunId
from runlore.projections.run_state import RunState
from runlore.runtimes.deciding import Draft, append_decision
from runlore.runtimes.run_secrets import secrets_about

if TYPE_CHECKING:
    from runlore.runtimes.registry import Registry


def pin(registry: "Registry", run_id: RunId, why: str) -> None:
    """Keep a run until `unpin`: see `Run.pin`."""
    by = registry.by

    def draft_of(state: RunState) -> Draft | None:
        if state.pinned:
            return None
        return lambda seq, at: RunPinned(seq=seq, at=at, by=by, why=why)

    _decide(registry, run_id, draft_of)


def unpin(registry: "Registry", run_id: RunId, why: str) -> None:
    """Take the pin away: see `Run.unpin`."""
    by = registry.by

    def draft_of(state: RunState) -> Draft | None:
        if not state.pinned:
            return None
        return lambda seq, at: RunUnpinned(seq=seq, at=at, by=by, why=why)

    _decide(registry, run_id, draft_of)


def _decide(registry: "Registry", run_id: RunId, draft_of: Callable[[RunState], Draft | None]) -> None:
    registry.require_writable()
    redact = secrets_about(registry.disk, registry.layout, run_id).event
    append_decision(registry.disk, registry.layout, run_id, draft_of, redact=redact)
