"""The hash chain: each line's `h` covers its own bytes and, through the previous `h`, all before it.

`h` = hex SHA-256(previous `h` as 32 bytes ‖ the line's bytes before `,"h":`). A line therefore ends in
exactly 73 bytes that are not covered: `,"h":"`, 64 hex digits, `"}` and a newline. No canonical JSON
is needed. Pure. Format: docs/reference/journal-format.md
"""

from hashlib import sha256
from typing import Final

from runlore.journal.values import Head, RunId

FIELD: Final = b',"h":"'
CLOSE: Final = b'"}'
TRAILER_LENGTH: Final = len(FIELD) + 64 + len(CLOSE)
"""Bytes at the end of a line, newline excluded, that its own hash does not cover."""
_HEX: Final = frozenset(b"0123456789abcdef")


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
    return b"%b,\"h\":\"%b\"}\n" % (covered, digest.hex().encode("ascii")), digest


def split_line(line: bytes) -> tuple[bytes, bytes] | None:
    """Return (covered bytes, `h` as 32 bytes) of a line without its newline, or None if it has no `h`."""
    if len(line) <= TRAILER_LENGTH or not line.endswith(CLOSE):
        return None
    start = len(line) - TRAILER_LENGTH
    if line[start : start + len(FIELD)] != FIELD:
        return None
    digits = line[start + len(FIELD) : -len(CLOSE)]
    if not _HEX.issuperset(digits):
        return None
    return line[:start], bytes.fromhex(digits.decode("ascii"))


def head(digest: bytes) -> Head:
    """Return an `h` as it is written: 64 hex digits."""
    return Head(digest.hex())
