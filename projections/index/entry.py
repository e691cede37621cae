"""A journal as a row of the index; settled only where nothing about it is in doubt."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from runlore.journal import ids
from runlore.journal.values import Head, RunId
from runlore.projections import shell
from runlore.projections.index.times import microseconds
from runlore.projections.registry import Row
from runlore.projections.run_state import RunState

Signature = tuple[int, int, int]
"""Inode, size and time of change of a journal: what a row was made from."""
_STATUS: Final = 5
"""Where in the columns it stands."""
PACKED: Final = -1
"""The size in the signature of a run that lies in packs alone: see the module `packed`."""


def is_behind_packs(signature: Signature) -> bool:
    """Say whether a signature is that of a journal that goes on behind packed parts."""
    return signature[1] < PACKED


class Entry(Struct, frozen=True, gc=False):
    """One row; one that is not settled says no more than that its run has to be looked at."""

    run_id: RunId
    signature: Signature
    columns: tuple[object, ...] = ()
    """From `head` to `parent`; empty if the row is not settled."""
    tags: tuple[tuple[str, str], ...] = ()

    @property
    def status(self) -> object:
        """The run's; only for a settled row."""
        return self.columns[_STATUS]


def entry(row: Row, signature: Signature, end: int) -> Entry:
    """Return the row of a journal that looked so before and after it was folded, with no append going on.

    end: where its history ends, if it is whole to the last byte.
    """
    whole = row.problem is None and (signature[1] == PACKED or row.size == end)
    made = settled(row.run_id, row.state, row.head, signature) if whole else None
    return made or Entry(row.run_id, signature)


def settled(run_id: RunId, state: RunState, head: Head | None, signature: Signature) -> Entry | None:
    """Return the row of a run whose history is whole to the last byte; None if the run is not settled.

    It has ended, and says so in words that SQLite keeps as they are.
    """
    queued, created, started, ended = state.queued, state.created_at, state.started_at, state.ended_at
    if queued is None or created is None or not state.ended or not state.sealed:
        return None
    recipe, reason, runtime = queued.recipe, state.reason, state.runtime
    external_id = queued.origin.external_id if queued.origin else ""
    tags = state.tags
    texts = (state.name, queued.key, external_id, queued.parent, runtime, *tags, *tags.values(), *recipe.argv)
    if "\0" in "".join(texts):
        return None
    columns = (
        head,
        ids.short(run_id),
        state.name or None,
        queued.key or None,
        external_id or None,
        state.status,
        state.exit_code,
        state.signal,
        reason.code if reason else None,
        microseconds(created),
        None if started is None else microseconds(started),
        None if ended is None else microseconds(ended),
        None if started is None or ended is None else max(0.0, (ended - started).total_seconds()),
        spelled_tags(tags),
        shell.join(recipe.argv),
        runtime or None,
        queued.parent or None,
    )
    return Entry(run_id, signature, columns, tuple(tags.items()))


def spelled_tags(tags: Mapping[str, str]) -> str:
    """Return tags as the table of `ps` has them."""
    return " ".join(f"{name}={value}" if value else name for name, value in tags.items())
