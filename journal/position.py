"""What there is to say about where a named subscription stands. Pure.

The file is positions/NAME.json: see positions.
"""

import re
from typing import Final

from msgspec import Struct

from runlore.journal.errors import BadInput
from runlore.journal.feed_position import FeedPosition
from runlore.journal.ids import is_run_id
from runlore.journal.values import Offset, RunId, Seq, UtcTime

FORMAT: Final = 1
MARK: Final = 16
"""Digits of an `h` that tell one history from another."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_CURSOR: Final = re.compile(r"f[0-9]+\.[A-Za-z0-9_-]+", re.ASCII)


class Choice(Struct, frozen=True, kw_only=True):
    """Which events a subscription gives, in the words in which they were asked for; nothing is everything."""

    types: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    name: str | None = None
    tags: tuple[str, ...] = ()


class Acked(Struct, frozen=True, kw_only=True):
    """The last record that was acked."""

    run_id: RunId
    seq: Seq
    end: Offset
    """Where it ends in its journal."""
    h: str
    """First 8 bytes of its `h`, in hex: what makes sure that it still is the same record."""


class Position(Struct, frozen=True, kw_only=True):
    """What `positions/NAME.json` says."""

    format: int = FORMAT
    name: str
    created_at: UtcTime
    choice: Choice = Choice()
    cursor: str
    """Behind everything that is acked."""
    feed: FeedPosition | None
    """Where that is in the feed; null if there was none."""
    is_in_history: bool = False
    """It still goes through what was there before, of which the feed tells nothing."""
    at: UtcTime
    """When it came to be there."""
    acked: Acked | None = None
    """Null: nothing since it was created or reset."""
    count: int = 0
    """Records acked since it was created."""


def is_name(text: str) -> bool:
    """Say whether a subscription may have this name."""
    return _NAME.fullmatch(text) is not None


def damage_of(position: Position, name: str) -> str:
    """Return why this cannot be the position of that name, as far as it shows by itself; empty if it can."""
    if position.name != name:
        return f"it is the position of {position.name[:64]!a}"
    if position.acked is not None and not is_run_id(position.acked.run_id):
        return f"{position.acked.run_id[:64]!a} is no run"
    if _CURSOR.fullmatch(position.cursor) is None:
        return f"{position.cursor[:64]!a} is no cursor"
    return ""


def check_name(name: str) -> str:
    """Return a name that a subscription may have.

    Raises:
        BadInput: it may not.
    """
    if not is_name(name):
        raise BadInput(
            f"{name[:80]!a} cannot name a subscription; take up to 64 of a-z A-Z 0-9 . _ - "
            "and begin with a letter or digit"
        )
    return name
