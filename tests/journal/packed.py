"""Registries whose runs are packed, for tests of what reads them and appends to them."""

from pathlib import Path

from runlore.journal.disk import REAL, Disk
from runlore.journal.layout import Layout
from runlore.journal.values import RunId
from runlore.journal.writer import Draft, Writer
from runlore.projections.pack_views import PackView
from runlore.runtimes.packing import Packing
from tests import second_reader


def pack(layout: Layout, disk: Disk = REAL) -> PackView:
    """Pack every run that has ended, however young."""
    return Packing(disk, layout, older_than_s=0).apply()


def append(layout: Layout, run_id: RunId, *drafts: Draft) -> None:
    """Append as somebody does who does not own the run."""
    writer = Writer(REAL, layout, run_id)
    for draft in drafts:
        writer.append(draft)
    writer.close()


def packs(layout: Layout) -> list[Path]:
    """The packs, oldest first."""
    found = Path(layout.packs).glob("*.jsonl")
    return sorted(found, key=lambda path: (path.name[:10], int(path.stem[11:])))


def journal(layout: Layout, run_id: RunId) -> Path:
    """Where a run's journal lies, if it has one."""
    return Path(layout.journal(run_id))


def by_the_second_reader(layout: Layout, run_id: RunId) -> second_reader.Reading:
    """What a stranger reads of a run, who knows the format page alone."""
    own = journal(layout, run_id)
    data = [path.read_bytes() for path in packs(layout)]
    whole = second_reader.history(run_id, data, own.read_bytes() if own.exists() else b"")
    return second_reader.read(whole, run_id)
