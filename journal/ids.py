"""Run ids: a UTC second plus 40 random bits, always minted here, safe as a file name everywhere.

Pure: the clock and the random bytes are arguments.
"""

from datetime import datetime
from typing import Final

from runlore.journal.errors import BadInput
from runlore.journal.values import RunId

ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford base 32 in lower case: no i, l, o, u."""
SUFFIX_LENGTH: Final = 8
_STAMP_LENGTH: Final = len("20261120-201400")
LENGTH: Final = _STAMP_LENGTH + 1 + SUFFIX_LENGTH


def mint(at: datetime, random: bytes) -> RunId:
    """Return the id for a run created at `at`; the first five bytes of `random` give its suffix."""
    bits = int.from_bytes(random[:5], "big")
    suffix = "".join(ALPHABET[(bits >> shift) & 31] for shift in range(35, -1, -5))
    return RunId(f"{at:%Y%m%d-%H%M%S}-{suffix}")


def is_run_id(text: str) -> bool:
    """Say whether `text` has the shape of a full run id: `[0-9]{8}-[0-9]{6}-[0-9a-hjkmnp-tv-z]{8}`."""
    if len(text) != LENGTH or text[8] != "-" or text[_STAMP_LENGTH] != "-":
        return False
    digits = text[:8] + text[9:_STAMP_LENGTH]
    return digits.isascii() and digits.isdigit() and is_suffix(text[_STAMP_LENGTH + 1 :])


def is_suffix(text: str) -> bool:
    """Say whether `text` is a whole short id."""
    return len(text) == SUFFIX_LENGTH and is_suffix_prefix(text)


def is_suffix_prefix(text: str) -> bool:
    """Say whether `text` could begin a short id."""
    return 0 < len(text) <= SUFFIX_LENGTH and not text.strip(ALPHABET)


def parse(text: str) -> RunId:
    """Return `text` as a run id.

    Raises:
        BadInput: it is not one; ids are minted, never chosen, so that no path can be smuggled in.
    """
    if not is_run_id(text):
        raise BadInput(
            f"{text!a} is not a run id: expected the form 20261120-201400-k3f9x2ab; "
            "`runlore ls` lists the runs"
        )
    return RunId(text)


def short(run_id: RunId) -> str:
    """Return the suffix people type."""
    return run_id[_STAMP_LENGTH + 1 :]
