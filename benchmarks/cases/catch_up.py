"""Read what has happened before: a subscription that begins far behind, until it has caught up."""

import os
import shutil
from contextlib import contextmanager

from msgspec import structs

import runlore
from benchmarks.cases.clocks import batch
from benchmarks.cases.histories import BEGUN, history
from benchmarks.cases.journals import root_of
from benchmarks.place import Measure, Place
from runlore.journal import ids
from runlore.journal.disk import REAL
from runlore.journal.events import Event, RunQueued
from runlore.journal.feed import Feed
from runlore.journal.layout import Layout
from runlore.journal.root import open_for_writing
from runlore.journal.writer import Draft, Writer


def _count(place: Place) -> int:
    """Return the number of events of the corpus, its seal included."""
    return int(str(place.arguments[place.size]).partition(":")[2])


def _read(root: str, count: int, after: str | None) -> None:
    """Read from a cursor, or from the beginning, up to the seal.

    Raises:
        RuntimeError: it was not every event once.
    """
    seen = last = 0
    with runlore.open(root).subscribe(after=after, history=True) as records:
        for record in records:
            seen, last = seen + 1, record.seq
            if seen == count:
                break
        if last != seen or records.rewound:
            raise RuntimeError(f"{seen} records to seq {last}, rewound {records.rewound} times")


@contextmanager
def from_journals(place: Place) -> Measure:
    """A subscription to all that was there before; the feed has nothing of it."""
    root, count = f"{place.folder}/root", _count(place)
    shutil.copytree(root_of(place), root)  # a stream that follows begins a feed
    yield lambda: batch(lambda: _read(root, count, None), count)


@contextmanager
def from_feed(place: Place) -> Measure:
    """A subscription that resumes from a cursor in front of everything: each record was announced."""
    root, count = f"{place.folder}/root", _count(place)
    layout = open_for_writing(REAL, root)
    with runlore.open(root).subscribe() as records:
        cursor = records.cursor
    _append_all(layout, count)
    yield lambda: batch(lambda: _read(root, count, cursor), count)


def _append_all(layout: Layout, count: int) -> None:
    """Append the corpus's events, as it has them, through the writer."""
    run_id = ids.mint(BEGUN, os.urandom(5))
    feed = Feed(REAL, layout)
    queued, *events = history(run_id, BEGUN, count)
    assert isinstance(queued, RunQueued)
    queued = structs.replace(queued, durability="process")
    writer = Writer.create(REAL, layout, run_id, _draft(queued), feed=feed)
    for event in events:
        writer.append(_draft(event))
    writer.close()
    feed.close()


def _draft(event: Event) -> Draft:
    return lambda _seq, _at: event
