"""A journal as a row of the index; settled only where nothing about it is in doubt."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from msgspec import Struct

from runlore.journal import ids
from runlore.journal.values import RunId
from runlore.projections import shell
from runlore.projections.index.times import microseconds
from runlore.projections.registry import Row
from runlore.projections.run_state import RunState

Signature = tuple[int, int, int]
"""Inode, size and time of change of a journal: what a row was made from."""
PACKED: Final = -1
"""The size in the signature of a run that lies in packs alone: see the module `packed`."""


class Entry(Struct, frozen=True, gc=False):
    """One row; one that is not settled says no more than that its run has to be looked at."""

    run_id: RunId
    signature: Signature
    columns: tuple[object, ...] = ()
    """From `head` to `parent`; empty if the row is not settled."""
    tags: tuple[tuple[str, str], ...] = ()


def entry(row: Row, signature: Signature) -> Entry:
    """Return the row of a journal that looked so before and after it was folded, with no append going on."""
    if not _is_settled(row, signature):
        return Entry(row.run_id, signature)
    return Entry(row.run_id, signature, _columns(row), tuple(row.state.tags.items()))


def _is_settled(row: Row, signature: Signature) -> bool:
    """Say whether the run has ended, whole to the last byte, in words that SQLite keeps as they are."""
    state = row.state
    return (
        state.ended
        and state.sealed
        and row.problem is None
        and signature[1] in {row.size, PACKED}
        and state.created_at is not None
        and state.queued is not None
        and all("\0" not in text for text in _texts(row))
    )


def _texts(row: Row) -> Iterator[str]:
    state = row.state
    recipe = state.recipe
    yield from (state.name, state.key, state.runtime, *state.tags, *state.tags.values())
    yield from recipe.argv if recipe else ()
    if state.queued:
        yield state.queued.parent
    if state.origin:
        yield state.origin.external_id


def _columns(row: Row) -> tuple[object, ...]:
    state = row.state
    reason, origin, recipe = state.reason, state.origin, state.recipe
    return (
        row.head,
        ids.short(row.run_id),
        state.name or None,
        state.key or None,
        (origin.external_id or None) if origin else None,
        state.status,
        state.exit_code,
        state.signal,
        reason.code if reason else None,
        _us(state.created_at),
        _us(state.started_at),
        _us(state.ended_at),
        _took_s(state),
        spelled_tags(state.tags),
        shell.join(recipe.argv) if recipe else None,
        state.runtime or None,
        (state.queued.parent or None) if state.queued else None,
    )


def spelled_tags(tags: Mapping[str, str]) -> str:
    """Return tags as the table of `ps` has them."""
    return " ".join(f"{name}={value}" if value else name for name, value in tags.items())


def _us(at: datetime | None) -> int | None:
    return None if at is None else microseconds(at)


def _took_s(state: RunState) -> float | None:
    if state.started_at is None or state.ended_at is None:
        return None
    return max(0.0, (state.ended_at - state.started_at).total_seconds())
