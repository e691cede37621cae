"""Bring a registry up from a crash image and say which promise it broke.

1 nothing acknowledged is lost; 2 what is there is a prefix of what was written, plus `journal.repaired`;
3 the chain holds; 4 a second recovery changes nothing; 5 appending works; 6 folding gives the status the
witness knows; 7 every byte that was cut lies in quarantine.
"""

import traceback
from collections.abc import Callable, Iterator
from datetime import datetime
from hashlib import sha256
from typing import Final

from runlore.journal.errors import CorruptJournal, NotFound
from runlore.journal.events import JournalRepaired, RunNoted
from runlore.journal.layout import Layout
from runlore.journal.reader import JournalReader, fold_events, journal_ids
from runlore.journal.scan import Record
from runlore.journal.values import RunId, Seq
from runlore.journal.verify import verify
from runlore.journal.writer import Writer

from tests.crash.witness import Witness
from tests.doubles.crash_states import Image
from tests.doubles.simulated import SimulatedDisk

ROOT: Final = "/registry"
LAYOUT: Final = Layout(ROOT)


def broken_promises(image: Image, witness: Witness, *, owner: bool) -> list[str]:
    """Return what a registry that comes up from `image` breaks; empty if it recovers by itself."""
    return in_words(lambda: _broken(image, witness, owner=owner))


def in_words(check: Callable[[], Iterator[str]]) -> list[str]:
    """Return what a check found, its own failure included, with its place."""
    try:
        return list(check())
    except Exception as error:  # noqa: BLE001 - any error at all is a finding
        places = traceback.extract_tb(error.__traceback__)
        return [f"{type(error).__name__}: {error} ({' < '.join(place.name for place in places[::-1])})"]


def _broken(image: Image, witness: Witness, *, owner: bool) -> Iterator[str]:
    disk = SimulatedDisk(image.boot())
    try:
        present = journal_ids(disk, LAYOUT)
    except NotFound:
        present = []
    for run_id in witness.promised.keys() - set(present):
        yield f"1: the journal of {run_id} is gone"
    for run_id in present:
        yield from _broken_run(disk, image, run_id, witness, owner=owner)
    if disk.open_files:
        yield f"{disk.open_files} descriptors were left open"


def _broken_run(
    disk: SimulatedDisk, image: Image, run_id: RunId, witness: Witness, *, owner: bool
) -> Iterator[str]:
    with JournalReader(disk, LAYOUT, run_id, check_chain=True) as reader:
        before = reader.read_available()
        verdict = reader.verdict()
    yield from _lost(before, run_id, witness)
    yield from _invented(before, reader.tail.status, witness)
    if verdict.state == "corrupt":
        yield f"3: {verdict.damage} is taken for corruption"
        return
    if not before:
        yield from _unborn(disk, run_id)
        return
    writer = Writer(disk, LAYOUT, run_id, owner=owner)
    noted = writer.append(_note)
    writer.close()
    after, findings = _read(disk, run_id), verify(disk, LAYOUT, run_id).findings
    if findings:
        yield f"3: after recovery verify says {findings}"
    if [record.head for record in after[: len(before)]] != [record.head for record in before]:
        yield "2: recovery changed records"
    if noted not in after:
        yield "5: the appended event cannot be read back"
    kinds = [type(record.event).__name__ for record in after[len(before) :]]
    allowed = {"RunNoted", "RunSealed"} | ({"JournalRepaired"} if verdict.length else set())
    if set(kinds) - allowed or kinds.count("JournalRepaired") != bool(verdict.length):
        yield f"2: recovery of a {verdict.state} journal appended {kinds}"
    if [event.seq for event in fold_events(disk, LAYOUT.journal(run_id))] != [r.seq for r in after]:
        yield "6: a fold sees other events than a read"
    yield from _not_kept(disk, image, run_id, after[len(before) :])
    yield from _not_idempotent(disk, run_id, owner=owner)


def _lost(records: list[Record], run_id: RunId, witness: Witness) -> Iterator[str]:
    promised = witness.promised.get(run_id)
    if promised is None:
        return
    kept = [record.head for record in records[promised.seq - 1 : promised.seq]]
    if kept != [promised.head]:
        yield f"1: seq {promised.seq} ({promised.kind}) was acknowledged; {len(records)} records are left"


def _invented(records: list[Record], status: str | None, witness: Witness) -> Iterator[str]:
    if not records:
        return
    last = witness.lines.get(records[-1].head)
    if last is None or last.seq != len(records):
        yield f"2: seq {records[-1].seq} was never written"
    elif last.status != status:
        yield f"6: folded to {status}, but it was {last.status}"


def _unborn(disk: SimulatedDisk, run_id: RunId) -> Iterator[str]:
    writer = Writer(disk, LAYOUT, run_id)
    try:
        writer.append(_note)
        yield "2: a journal without a first event was appended to"
    except NotFound:
        pass
    except CorruptJournal:
        yield "3: a journal cut in its first event is called corrupt"
    finally:
        writer.close()


def _not_kept(disk: SimulatedDisk, image: Image, run_id: RunId, appended: list[Record]) -> Iterator[str]:
    for event in (record.event for record in appended):
        if isinstance(event, JournalRepaired):
            cut = image.files[LAYOUT.journal(run_id)][event.offset :]
            fd = disk.open(f"{LAYOUT.quarantine}/{event.quarantine}", 0)
            kept = disk.pread(fd, 1 << 30, 0)
            disk.close(fd)
            if kept != cut or sha256(kept).hexdigest() != event.sha256 or len(kept) != event.bytes:
                yield f"7: {len(cut)} bytes were cut, {len(kept)} are in quarantine"


def _not_idempotent(disk: SimulatedDisk, run_id: RunId, *, owner: bool) -> Iterator[str]:
    size = disk.stat_path(LAYOUT.journal(run_id)).size
    writer = Writer(disk, LAYOUT, run_id, owner=owner).open()
    writer.close()
    if disk.stat_path(LAYOUT.journal(run_id)).size != size:
        yield "4: a second recovery changed the journal"


def _read(disk: SimulatedDisk, run_id: RunId) -> list[Record]:
    with JournalReader(disk, LAYOUT, run_id, check_chain=True) as reader:
        return reader.read_available()


def _note(seq: Seq, at: datetime) -> RunNoted:
    return RunNoted(seq=seq, at=at, text="after the crash")
