"""Errands at which a disk may refuse any call: each goes on after an error as its caller would."""

import os
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from runlore.journal.audit import save_anchors
from runlore.journal.disk import Disk
from runlore.journal.errors import RunloreError
from runlore.journal.event_chunks import fold_events
from runlore.journal.feed import Feed
from runlore.journal.feed_reader import FeedReader
from runlore.journal.journal_ids import journal_ids
from runlore.journal.keys import claim
from runlore.journal.layout import Layout
from runlore.journal.reader import JournalReader
from runlore.journal.repair import plan, repair
from runlore.journal.root import consent_to_network_fs
from runlore.journal.values import Actor
from runlore.journal.verify import verify
from runlore.journal.writer import Draft, Writer
from runlore.runtimes.packing import Packing
from runlore.runtimes.redact import Redaction
from tests.doubles.drafts import booting, failed, new_run_id, noted, progressed, queued, tagged

if TYPE_CHECKING:
    from runlore.journal.values import RunId

RUN, OTHER = new_run_id(1), new_run_id(2)
DAMAGED: Final = new_run_id(3)
"""A journal with a hole in the middle."""
REDACTED: Final = new_run_id(5)
"""A journal whose run is called nightly, which is to be taken out."""
TORN: Final = new_run_id(4)
"""A journal with a cut line at its end."""


class Errand:
    """Somebody with a disk, a layout, and the memory of what was acknowledged."""

    def __init__(self, disk: Disk, layout: Layout) -> None:
        self.disk, self.layout = disk, layout
        self.acknowledged: dict[RunId, str] = {}
        """Per run the head of the newest event that was acknowledged as durable."""
        self.was: dict[RunId, str] = {}
        """Per run the newest head that was there before."""
        self.refused: list[RunloreError] = []

    def try_to(self, what: Callable[[], object]) -> None:
        """Do it; an error of ours is an answer, any other is a finding; Ctrl-C is a user's right."""
        try:
            what()
        except RunloreError as error:
            self.refused.append(error)
        except KeyboardInterrupt:
            return

    def append(self, writer: Writer, draft: Draft, *, durable: bool = True) -> None:
        """Append, and remember what was acknowledged."""

        def append() -> None:
            record = writer.append(draft)
            if durable:
                self.acknowledged[record.run_id] = record.head

        self.try_to(append)

    def close(self, writer: Writer) -> None:
        """Close; what was only progress is durable then, unless a sync was refused before."""

        def sync() -> None:
            writer.sync()
            if writer.tail.seq and not writer._condemned:
                self.acknowledged[writer.tail.run_id] = writer.tail.head

        self.try_to(sync)
        self.try_to(writer.close)


def create(errand: Errand) -> None:
    """Create a journal with a feed."""
    disk, layout = errand.disk, errand.layout
    feed = Feed(disk, layout)

    def make() -> None:
        writer = Writer.create(disk, layout, OTHER, queued(OTHER), feed=feed)
        errand.acknowledged[OTHER] = writer.tail.head
        errand.append(writer, booting())
        errand.close(writer)

    errand.try_to(make)
    with suppress(OSError):
        feed.close()


def append(errand: Errand) -> None:
    """Append facts and chatter, end the run, label it."""
    feed = Feed(errand.disk, errand.layout)
    owner = Writer(errand.disk, errand.layout, RUN, owner=True, feed=feed)
    errand.append(owner, booting())
    errand.append(owner, progressed(), durable=False)
    errand.append(owner, noted("n" * 6000))
    errand.append(owner, progressed("p" * 3000), durable=False)
    errand.close(owner)
    again = Writer(errand.disk, errand.layout, RUN, owner=True, feed=feed)
    errand.append(again, failed())
    errand.append(again, tagged())
    errand.close(again)
    with suppress(OSError):
        feed.close()


def heal(errand: Errand) -> None:
    """Append behind a torn line."""
    stranger = Writer(errand.disk, errand.layout, TORN)
    errand.append(stranger, tagged())
    errand.append(stranger, progressed(), durable=False)
    errand.close(stranger)


def mend(errand: Errand) -> None:
    """Have damage cut out."""
    errand.try_to(lambda: plan(errand.disk, errand.layout, DAMAGED))
    errand.try_to(lambda: repair(errand.disk, errand.layout, DAMAGED))


def redact(errand: Errand) -> None:
    """Have a name taken out of journal and quarantine, twice."""
    disk, layout = errand.disk, errand.layout
    errand.acknowledged[REDACTED] = errand.was[REDACTED]

    def redact() -> None:
        Redaction(disk, layout, REDACTED, ["nightly"], by=Actor(), why="it was one").apply()

    errand.try_to(redact)
    errand.try_to(redact)


def pack(errand: Errand) -> None:
    """End a run, pack it, label it, and pack that too."""
    disk, layout = errand.disk, errand.layout

    def make() -> None:
        writer = Writer.create(disk, layout, OTHER, queued(OTHER))
        errand.acknowledged[OTHER] = writer.tail.head
        errand.append(writer, failed())
        errand.close(writer)

    errand.try_to(make)
    for draft in (tagged(), noted()):
        errand.try_to(lambda: Packing(disk, layout, older_than_s=0).apply())
        stranger = Writer(disk, layout, OTHER)
        if OTHER in errand.acknowledged:
            errand.append(stranger, draft)
        errand.close(stranger)
    errand.try_to(lambda: verify(disk, layout, OTHER))


def submit_with_key(errand: Errand) -> None:
    """Claim a key and create its run."""

    def submit() -> None:
        with claim(errand.disk, errand.layout, "nightly", "ab" * 32, lambda: OTHER) as held:
            if not held.existing:
                draft = queued(held.run_id, key="nightly")
                writer = Writer.create(errand.disk, errand.layout, held.run_id, draft)
                errand.acknowledged[held.run_id] = writer.tail.head
                errand.close(writer)

    errand.try_to(submit)
    errand.try_to(submit)


def look(errand: Errand) -> None:
    """Read, fold, verify, list and follow the feed."""
    disk, layout = errand.disk, errand.layout
    errand.try_to(lambda: journal_ids(disk, layout))
    reader = JournalReader(disk, layout, RUN)
    errand.try_to(reader.read_available)
    errand.try_to(reader.read_available)
    errand.try_to(reader.close)
    errand.try_to(lambda: list(fold_events(disk, layout.journal(RUN))))
    errand.try_to(lambda: verify(disk, layout, RUN))
    errand.try_to(lambda: FeedReader(disk, layout).read(FeedReader(disk, layout).end()))


def set_up(errand: Errand) -> None:
    """Keep heads and consent."""
    errand.try_to(lambda: save_anchors(errand.disk, f"{errand.layout.root}/heads", os.urandom(100)))
    errand.try_to(lambda: consent_to_network_fs(errand.disk, errand.layout))


ERRANDS: Final[dict[str, Callable[[Errand], None]]] = {
    "create": create,
    "append": append,
    "heal": heal,
    "mend": mend,
    "redact": redact,
    "pack": pack,
    "submit with key": submit_with_key,
    "look": look,
    "set up": set_up,
}
