"""The exit record: one block, preallocated, written in place once, that outlives every process of ours.

The wrapper writes it when the command has ended, before it tells anyone. A block whose checksum does
not match was never finished and counts as absent. Pure.
"""

from hashlib import sha256
from typing import Final

import msgspec

from runlore.journal.values import ExitCode, Reason, SignalNumber, Usage, UtcTime

BLOCK: Final = 512
"""Bytes: one sector, so that a power cut leaves the old block or the new one."""
EMPTY: Final = b"\0" * BLOCK
_CHECKSUM_LENGTH: Final = 16


class ExitRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """How the command ended, as wait4(2) told its parent."""

    at: UtcTime
    exit_code: ExitCode | None = None
    signal: SignalNumber | None = None
    usage: Usage | None = None
    reason: Reason | None = None
    """What the keeper meant by stopping it, or why it could not be spawned."""
    journal_io: bool = False
    """The journal refused its keeper for good: this record is all there is until somebody reconciles."""


_decoder: Final = msgspec.json.Decoder(ExitRecord)


def encode(record: ExitRecord) -> bytes:
    """Return the block: JSON, spaces, the first 16 hex digits of its SHA-256, a newline.

    A reason text too long for the block is cut; the journal has it whole.
    """
    room = BLOCK - _CHECKSUM_LENGTH - 1
    body = msgspec.json.encode(record)
    if len(body) > room and record.reason is not None:
        short = msgspec.structs.replace(record.reason, text="", by=None)
        body = msgspec.json.encode(msgspec.structs.replace(record, reason=short))
    padded = body.ljust(room)
    return padded + _checksum(padded) + b"\n"


def decode(block: bytes) -> ExitRecord | None:
    """Return the record, or None if none was written whole."""
    if len(block) != BLOCK or _checksum(block[: -_CHECKSUM_LENGTH - 1]) != block[-_CHECKSUM_LENGTH - 1 : -1]:
        return None
    try:
        return _decoder.decode(block[: -_CHECKSUM_LENGTH - 1])
    except (msgspec.MsgspecError, UnicodeError, ValueError):
        return None


def _checksum(padded: bytes) -> bytes:
    return sha256(padded).hexdigest()[:_CHECKSUM_LENGTH].encode("ascii")
