"""Let the next appender come to a registry after a crash, and say which promise is broken.

1 nothing acknowledged is lost; 2 what is there is a prefix of what was written, plus `journal.repaired`;
3 the chain holds; 4 a second recovery changes nothing; 5 appending works; 6 folding gives the status the
witness knows; 7 every byte that was cut lies in quarantine.
"""

import traceback
from collections.abc import Callable, Iterator
from datetime import datetime
from hashlib import sha256
from typing import Final

from runlore.journal.disk import Disk, read_whole
from runlore.journal.errors import CorruptJournal, NotFound
from runlore.journal.event_chunks import fold_run
from runlore.journal.events import JournalRepaired, RunNoted
from runlore.journal.history import open_history
from runlore.journal.journal_ids import journal_ids
from runlore.journal.layout import Layout
from runlore.journal.reader import JournalReader
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


def broken_registry(disk: Disk, layout: Layout, witness: Witness, *, owner: bool) -> Iterator[str]:
    """Yield what a registry breaks of its promises when the next appender comes to each journal."""
    try:
        present = journal_ids(disk, layout)
    except NotFound:
        present = []
    for run_id in witness.promised.keys() - set(present):
        yield f"1: the journal of {run_id} is gone"
    for run_id in present:
        yield from _Recovered(disk, layout, run_id, witness).broken(owner=owner)


def _broken(image: Image, witness: Witness, *, owner: bool) -> Iterator[str]:
    disk = SimulatedDisk(image.boot())
    yield from broken_registry(disk, LAYOUT, witness, owner=owner)
    if disk.open_files:
        yield f"{disk.open_files} descriptors were left open"


class _Recovered:
    """One journal, looked at before and after somebody appends to it."""

    def __init__(self, disk: Disk, layout: Layout, run_id: RunId, witness: Witness) -> None:
        self._disk, self._layout, self._run_id, self._witness = disk, layout, run_id, witness
        self._path = layout.journal(run_id)

    def broken(self, *, owner: bool) -> Iterator[str]:
        with JournalReader(self._disk, self._layout, self._run_id, check_chain=True) as reader:
            before = reader.read_available()
            verdict = reader.verdict()
        yield from self._lost(before)
        yield from self._invented(before, reader.tail.status)
        if verdict.state == "corrupt":
            yield f"3: {verdict.damage} is taken for corruption"
        elif before:
            with open_history(self._disk, self._layout, self._run_id) as history:
                was = history.pread(1 << 30, 0)
            yield from self._appended(before, was[len(was) - verdict.length :], owner=owner)
            yield from self._not_idempotent(owner=owner)
        else:
            yield from self._unborn()

    def _lost(self, records: list[Record]) -> Iterator[str]:
        promised = self._witness.promised.get(self._run_id)
        if promised is None:
            return
        kept = [record.head for record in records[promised.seq - 1 : promised.seq]]
        if kept != [promised.head]:
            yield f"1: seq {promised.seq} ({promised.kind}) was promised; {len(records)} records are left"

    def _invented(self, records: list[Record], status: str | None) -> Iterator[str]:
        if not records:
            return
        last = self._witness.lines.get(records[-1].head)
        if last is None or last.seq != len(records):
            yield f"2: seq {records[-1].seq} was never written"
        elif last.status != status:
            yield f"6: folded to {status}, but it was {last.status}"

    def _appended(self, before: list[Record], torn: bytes, *, owner: bool) -> Iterator[str]:
        writer = Writer(self._disk, self._layout, self._run_id, owner=owner)
        noted = writer.append(_note)
        writer.close()
        after = self._read()
        findings = verify(self._disk, self._layout, self._run_id).findings
        if findings:
            yield f"3: after recovery verify says {findings}"
        if [record.head for record in after[: len(before)]] != [record.head for record in before]:
            yield "2: recovery changed records"
        if noted not in after:
            yield "5: the appended event cannot be read back"
        appended = [record.event for record in after[len(before) :]]
        kinds = [type(event).__name__ for event in appended]
        allowed = {"RunNoted", "RunSealed", "JournalContinued"} | ({"JournalRepaired"} if torn else set())
        if set(kinds) - allowed or kinds.count("JournalRepaired") != bool(torn):
            yield f"2: recovery from {len(torn)} torn bytes appended {kinds}"
        if [event.seq for event in fold_run(self._disk, self._layout, self._run_id)] != [
            record.seq for record in after
        ]:
            yield "6: a fold sees other events than a read"
        for event in appended:
            if isinstance(event, JournalRepaired):
                yield from self._not_kept(event, torn)

    def _not_kept(self, told: JournalRepaired, torn: bytes) -> Iterator[str]:
        kept = read_whole(self._disk, f"{self._layout.quarantine}/{told.quarantine}", 1 << 30)
        if kept != torn or sha256(kept).hexdigest() != told.sha256 or len(kept) != told.bytes:
            yield f"7: {len(torn)} bytes were cut, {len(kept)} are in quarantine"

    def _not_idempotent(self, *, owner: bool) -> Iterator[str]:
        size = self._disk.stat_path(self._path).size
        Writer(self._disk, self._layout, self._run_id, owner=owner).open().close()
        if self._disk.stat_path(self._path).size != size:
            yield "4: a second recovery changed the journal"

    def _unborn(self) -> Iterator[str]:
        writer = Writer(self._disk, self._layout, self._run_id)
        try:
            writer.append(_note)
            yield "2: a journal without a first event was appended to"
        except NotFound:
            pass
        except CorruptJournal:
            yield "3: a journal cut in its first event is called corrupt"
        finally:
            writer.close()

    def _read(self) -> list[Record]:
        with JournalReader(self._disk, self._layout, self._run_id, check_chain=True) as reader:
            return reader.read_available()


def _note(seq: Seq, at: datetime) -> RunNoted:
    return RunNoted(seq=seq, at=at, text="after the crash")
