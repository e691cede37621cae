"""Journals on a real disk, for tests of what appends to them and reads them."""

import os

from runlore.journal.disk import REAL, Disk
from runlore.journal.events import AnyEvent, tag_of
from runlore.journal.layout import Layout
from runlore.journal.reader import read
from runlore.journal.root import open_for_writing
from runlore.journal.values import RunId
from runlore.journal.writer import Writer
from tests.doubles.drafts import booting, collecting, new_run_id, queued, started, succeeded

RUN = new_run_id()


def registry(path: str | os.PathLike[str]) -> Layout:
    """Return the layout of a registry made at `path`."""
    return open_for_writing(REAL, os.fspath(path))


def new_run(layout: Layout, run_id: RunId = RUN, disk: Disk = REAL) -> Writer:
    """Return the owner's writer of a journal that holds `run.queued`."""
    return Writer.create(disk, layout, run_id, queued(run_id))


def ended_run(layout: Layout, run_id: RunId = RUN) -> None:
    """Leave the sealed journal of a run that succeeded."""
    writer = new_run(layout, run_id)
    for draft in (booting(), started(), collecting(), succeeded()):
        writer.append(draft)
    writer.close()


def events(layout: Layout, run_id: RunId = RUN) -> list[AnyEvent]:
    """Return the events of a journal, the chain checked."""
    return [record.event for record in read(REAL, layout, run_id, check_chain=True)]


def kinds(layout: Layout, run_id: RunId = RUN) -> list[str]:
    """Return the types of a journal's events."""
    return [tag_of(event) for event in events(layout, run_id)]


def raw(layout: Layout, run_id: RunId = RUN) -> bytes:
    """Return a journal's bytes."""
    with open(layout.journal(run_id), "rb") as file:
        return file.read()


def overwrite(layout: Layout, data: bytes, run_id: RunId = RUN) -> None:
    """Put other bytes in a journal's place, in the same file."""
    with open(layout.journal(run_id), "r+b") as file:
        file.truncate(0)
        file.write(data)
