"""The hash chain: each line's `h` covers its own bytes and, through the previous `h`, all before it.

`h` = hex SHA-256(previous `h` as 32 bytes ‖ the line's bytes before `,"h":`). A line therefore ends in
exactly 73 bytes that are not covered: `,"h":"`, 64 hex digits, `"}` and a newline. No canonical JSON
is needed. Pure. Format: docs/reference/journal-format.md
"""

from binascii import hexlify
from hashlib import sha256
from typing import Final

from runlore.journal.values import Head, RunId

FIELD: Final = b',"h":"'
CLOSE: Final = b'"}'
_END: Final = CLOSE + b"\n"
TRAILER_LENGTH: Final = len(FIELD) + 64 + len(CLOSE)
"""Bytes at the end of a line, newline excluded, that its own hash does not cover."""
_HEX: Final = b"0123456789abcdef"


def seed(run_id: RunId) -> bytes:
    """Return the 32 bytes that stand before the first line of a run: SHA-256 of its id in ASCII."""
    return sha256(run_id.encode("ascii")).digest()


def link(previous: bytes, covered: bytes) -> bytes:
    """Return the 32 bytes of `h` for a line whose covered bytes are `covered`."""
    return sha256(previous + covered).digest()


def close_line(previous: bytes, encoded: bytes) -> tuple[bytes, bytes]:
    """Return (the whole line with newline, its `h`) for an event encoded as one JSON object."""
    covered = encoded[:-1]
    digest = sha256(previous + covered).digest()
    return covered + FIELD + hexlify(digest) + _END, digest


def is_trailer(end: bytes) -> bool:
    """Say whether `end` is how a line with an `h` ends, its newline excluded."""
    return (
        len(end) == TRAILER_LENGTH
        and end.startswith(FIELD)
        and end.endswith(CLOSE)
        and not end[len(FIELD) : -len(CLOSE)].strip(_HEX)
    )


def split_line(line: bytes) -> tuple[bytes, bytes] | None:
    """Return (covered bytes, `h` as 32 bytes) of a line without its newline, or None if it has no `h`."""
    covered, digest = line[:-TRAILER_LENGTH], stated(line[-TRAILER_LENGTH:])
    return None if digest is None or not covered else (covered, digest)


def stated(end: bytes) -> bytes | None:
    """Return the `h` as 32 bytes with which a line without its newline ends, or None if it is no `h`."""
    return bytes.fromhex(end[len(FIELD) : -len(CLOSE)].decode("ascii")) if is_trailer(end) else None


def stated_head(line: bytes) -> Head | None:
    """Return the `h` with which a line without its newline ends, as it is written, or None if it is none."""
    end = line[-TRAILER_LENGTH:]
    return Head(end[len(FIELD) : -len(CLOSE)].decode("ascii")) if is_trailer(end) and line != end else None


def head(digest: bytes) -> Head:
    """Return an `h` as it is written: 64 hex digits."""
    return Head(digest.hex())
