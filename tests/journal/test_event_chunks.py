"""The events of a journal for a fold: those that a reader sees, however they are cut into pieces."""

from collections.abc import Callable
from pathlib import Path

import pytest

from runlore.journal.disk import REAL
from runlore.journal.event_chunks import EventChunks, fold_events
from runlore.journal.layout import Layout
from runlore.journal.reader import JournalReader, read
from tests.doubles.drafts import booting, failed, started
from tests.journal.journals import RUN, ended_run, new_run, overwrite, raw, registry


@pytest.fixture
def layout(registry_root: Path) -> Layout:
    return registry(registry_root)


@pytest.mark.parametrize("piece", [1 << 20, 300, 1000])
def test_events_for_a_fold(layout: Layout, piece: int) -> None:
    """They are those of a read, whatever the pieces."""
    ended_run(layout)

    assert list(fold_events(REAL, layout.journal(RUN), piece=piece)) == [
        record.event for record in read(REAL, layout, RUN)
    ]


ODD: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "nothing odd": (lambda data: data, ""),
    "a cut line": (lambda data: data[:-5], "torn"),
    "a blank line": (lambda data: data.replace(b"\n", b"\n\n", 1), "damaged"),
    "two events on one line and a blank one": (
        lambda data: data.replace(b'"}\n{"type":"run.started"', b'"}{"type":"run.started"') + b"\n",
        "damaged",
    ),
    "white space in front": (
        lambda data: data.replace(b'\n{"type":"run.started"', b'\n {"type":"run.started"'),
        "damaged",
    ),
    "NULs": (lambda data: data + bytes(10) + b"\n", "damaged"),
    "a missing line": (
        lambda data: b"".join(data.splitlines(keepends=True)[:1] + data.splitlines(keepends=True)[2:]),
        "damaged",
    ),
}


@pytest.mark.parametrize(("change", "stopped"), ODD.values(), ids=ODD)
def test_a_fold_stops_where_a_read_stops(
    layout: Layout, change: Callable[[bytes], bytes], stopped: str
) -> None:
    """A listing and a reader see the same history, even of a damaged journal."""
    writer = new_run(layout)
    for draft in (booting(), started(), failed()):
        writer.append(draft)
    writer.close()
    overwrite(layout, change(raw(layout)))
    with JournalReader(REAL, layout, RUN) as reader:
        seen = [record.event for record in reader.read_available()]
    for piece in (1 << 20, 400):
        chunks = EventChunks(REAL, layout.journal(RUN), piece=piece)

        assert [event for chunk in chunks for event in chunk] == seen
        assert chunks.stopped == stopped
