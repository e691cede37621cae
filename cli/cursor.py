"""Where a reader of events stands: a position per run, as one opaque word for `--after-cursor`.

Each position carries the first eight bytes of its record's `h`, so that a journal that is not the same
any more is noticed and read again instead of skipped. Pure.
"""

from binascii import Error, a2b_base64, b2a_base64
from collections.abc import Mapping
from typing import Final

import msgspec

from runlore.journal.errors import BadInput
from runlore.journal.ids import is_run_id
from runlore.journal.values import MAX_INT, RunId, Seq

_VERSION: Final = "e1."
_MARK: Final = 16


class Place(msgspec.Struct, frozen=True, array_like=True):
    """The last record of a run that was seen."""

    seq: Seq
    mark: str
    """First 16 hex digits of its `h`."""


def encode(places: Mapping[RunId, Place]) -> str:
    """Return the cursor."""
    data = b2a_base64(msgspec.json.encode(places), newline=False).decode("ascii")
    return _VERSION + data.replace("+", "-").replace("/", "_").rstrip("=")


def decode(text: str) -> dict[RunId, Place]:
    """Return what a cursor says.

    Raises:
        BadInput: it is none.
    """
    body = text.removeprefix(_VERSION).replace("-", "+").replace("_", "/")
    try:
        data = a2b_base64(body + "=" * (-len(body) % 4), strict_mode=True)
        places = msgspec.json.decode(data, type=dict[RunId, Place])
    except (Error, msgspec.MsgspecError, UnicodeError, ValueError, RecursionError):
        raise _refused(text) from None
    sound = (
        is_run_id(run_id) and 0 < place.seq <= MAX_INT and len(place.mark) == _MARK
        for run_id, place in places.items()
    )
    if not text.startswith(_VERSION) or not all(sound):
        raise _refused(text)
    return places


def _refused(text: str) -> BadInput:
    return BadInput(f"{text[:60]!a} is no cursor of events; take one from a `ready` or `end` record")
