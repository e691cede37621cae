"""What a listing leaves behind about runs that go on, so that the next one need not fold them.

A row says what a journal said when it had a certain inode, size and time; it is believed only beside a look
at the owner and at the journal, and only by the fast path of `ps`.
"""

from typing import Final

from runlore.journal import ids
from runlore.projections.index.entry import Signature, spelled_tags
from runlore.projections.index.times import microseconds
from runlore.projections.registry import Row
from runlore.projections.shell import join

COLUMNS: Final = 15


def live_row(row: Row, signature: Signature) -> tuple[object, ...] | None:
    """Return the row of a run that goes on; None if its journal has grown since, or its command has ended."""
    state, progress = row.state, row.state.progress
    created, started = state.created_at, state.started_at
    if created is None or row.problem is not None or row.size != signature[1]:
        return None
    if state.ended or state.ended_at is not None or state.collecting is not None:
        return None  # how long it took, and what it said, stands still already
    identity = state.handle.identity if state.handle else None
    return (
        row.run_id,
        *signature,
        ids.short(row.run_id),
        state.name or None,
        state.status,
        microseconds(created),
        None if started is None else microseconds(started),
        spelled_tags(state.tags),
        join(state.recipe.argv) if state.recipe else None,
        identity.pid if identity else None,
        progress.fraction if progress else None,
        progress.step if progress else "",
        progress.message if progress else "",
    )
