"""A snapshot: the fold of a long journal up to one of its records, as it is kept in a row. Pure.

Each row carries a checksum of everything it says, and of whom it says it, so that what was damaged on the
disk is not believed. Whether the journal still is the one it was taken of is for `long_runs` to ask.
"""

from hashlib import blake2b
from typing import Final

import msgspec
from msgspec import Struct

from runlore.journal.values import Head, RunId, Seq
from runlore.projections.run_state import RunState

ANYTHING: Final = "*"
"""Among the kinds: there were too many to name."""
MOST_KINDS: Final = 64
_CHECK_BYTES: Final = 16


class Snapshot(Struct, frozen=True, array_like=True, gc=False):
    """Where a snapshot stands, and what lies between the one before it, or the beginning, and there."""

    files: str
    """Which files the history lay in."""
    seq: Seq
    offset: int
    """Where the record ends that it stands behind."""
    head: Head
    """`h` of that record."""
    reached_us: int
    """Effective time of the state."""
    low_us: int
    """The earliest `at` of the records in between."""
    high_us: int
    """The latest of them."""
    kinds: tuple[str, ...]
    """The types of the records in between."""
    digest: str
    """Of the state's bytes."""


Row = tuple[bytes, bytes, bytes]
"""What is kept: a snapshot, the bytes of its state, a checksum."""

_snapshot: Final = msgspec.json.Decoder(Snapshot)
_state: Final = msgspec.json.Decoder(RunState)


def spelled(state: RunState) -> bytes:
    """Return a state as bytes that `state_of` reads back."""
    return msgspec.json.encode(state)


def digest(state: bytes) -> str:
    """Return what tells whether these are the bytes of that state."""
    return blake2b(state, digest_size=_CHECK_BYTES).hexdigest()


def row(run_id: RunId, snapshot: Snapshot, state: bytes) -> Row:
    """Return the row of a snapshot of this run."""
    told = msgspec.json.encode(snapshot)
    return told, state, check(run_id, told)


def check(run_id: RunId, told: bytes) -> bytes:
    """Return the checksum of what is told of this run."""
    return blake2b(f"{run_id}\n".encode() + told, digest_size=_CHECK_BYTES).digest()


def snapshot_of(run_id: RunId, told: object, checked: object) -> Snapshot | None:
    """Return the snapshot that a row tells of; None if it is not as it was written."""
    if not isinstance(told, bytes) or checked != check(run_id, told):
        return None
    try:
        return _snapshot.decode(told)
    except msgspec.DecodeError:
        return None


def state_of(snapshot: Snapshot, state: object) -> RunState | None:
    """Return the state of a snapshot; None if the bytes are not those that were written."""
    if not isinstance(state, bytes) or digest(state) != snapshot.digest:
        return None
    try:
        return _state.decode(state)
    except msgspec.DecodeError:
        return None
