"""What a stream is about to do, in order: hand out a record, or note how far it has come.

What is read ahead of the subscriber changes nothing that a cursor says; these do, one by one, as they
are taken. Pure.
"""

from collections.abc import Generator
from typing import Literal

from msgspec import Struct

from runlore.journal.errors import RunloreError
from runlore.journal.feed_position import FeedLine, FeedPosition
from runlore.journal.scan import Record
from runlore.journal.values import RunId
from runlore.watcher.cursor import Spot
from runlore.watcher.ledger import Said


class Told(Struct, frozen=True):
    """Something a stream says about itself.

    rewound: records may come again. lagged: the order over runs was lost for a while, no record was.
    """

    type: Literal["rewound", "lagged"]
    reason: str


class Passed(Struct, frozen=True, gc=False):
    """A record that nobody wants, or a run's new beginning: it is read up to a spot."""

    run_id: RunId
    spot: Spot


class Announced(Struct, frozen=True, gc=False):
    """A line of the feed, everything it speaks of delivered."""

    line: FeedLine
    run_id: RunId | None = None
    """None: a run that is not in this stream."""
    seq: int = 0


class WentThrough(Struct, frozen=True):
    """What was there before was gone through up to this run; None: all of it."""

    run_id: RunId | None


class Settled(Struct, frozen=True):
    """A journal is sealed and delivered."""

    run_id: RunId
    size: int


class Moved(Struct, frozen=True):
    """The stream stands at another place in the feed, or in another feed, and has said so."""

    position: FeedPosition | None
    said: dict[RunId, Said]


class Restarted(Struct, frozen=True):
    """The stream goes through everything again, and has said so."""


class Gone(Struct, frozen=True):
    """A journal was removed."""

    run_id: RunId


class Failed(Struct, frozen=True):
    """The stream cannot go on."""

    error: RunloreError


Note = Passed | Announced | WentThrough | Settled | Moved | Restarted | Gone | Failed
Step = Record | Told | Note

Errand = Generator[None, None, None]
"""Something that takes several pulls to prepare."""
