"""The records of some runs' journals in one stream: what is there, and what comes while they live.

Per run the order is that of the journal. A journal that is not the one a cursor was taken from is read
from its beginning, and the stream says so.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from runlore.cli.cursor import Place, encode
from runlore.journal.errors import CorruptJournal
from runlore.journal.reader import JournalReader
from runlore.journal.scan import Record
from runlore.journal.values import RunId, Seq
from runlore.projections.views import ControlRecord
from runlore.runtimes.waiting import Waiting

if TYPE_CHECKING:
    from runlore.runtimes.registry import Registry

_MARK: Final = 16


class EventStream:
    """One reading of some journals, resumed where a cursor stands."""

    def __init__(self, registry: "Registry", run_ids: Sequence[RunId], after: Mapping[RunId, Place]) -> None:
        self._registry, self._run_ids = registry, run_ids
        self._places = {run_id: after[run_id] for run_id in run_ids if run_id in after}

    @property
    def cursor(self) -> str:
        """Where to resume."""
        return encode(self._places)

    def read(self, *, follow: bool) -> Iterator[Record | ControlRecord | None]:
        """Yield records, `rewound`, and None after each look; if following, end with the runs.

        Raises:
            NotFound: one of them has no journal. CorruptJournal: damage; what is before it has come by then.
        """
        registry = self._registry
        readers = {run_id: self._reader(run_id) for run_id in self._run_ids}
        try:
            with Waiting(registry.disk, registry.layout, registry.observer, self._run_ids) as waiting:
                while True:
                    waiting.check()  # before reading: what was written before the end is read after it
                    for run_id, reader in readers.items():
                        yield from self._news(run_id, reader)
                    if not follow or not waiting.pending:
                        return
                    yield None
                    waiting.sleep(None)
        finally:
            for reader in readers.values():
                reader.close()

    def _reader(self, run_id: RunId) -> JournalReader:
        """Return a reader that begins at the record the cursor names, to see whether it is still that."""
        place = self._places.get(run_id)
        after = Seq(place.seq - 1) if place else Seq(0)
        return JournalReader(self._registry.disk, self._registry.layout, run_id, after=after)

    def _news(self, run_id: RunId, reader: JournalReader) -> Iterator[Record | ControlRecord]:
        place = self._places.get(run_id)
        records = reader.read_available()
        if place is not None and reader.tail.seq < place.seq:
            yield from self._again(run_id, "the journal is shorter than the cursor says")
            return
        for record in records:
            if place is not None and record.seq == place.seq:
                if record.head[:_MARK] != place.mark:
                    yield from self._again(run_id, "the journal is not the one of the cursor")
                    return
                continue
            yield self._seen(record)
        if reader.rewound:
            yield ControlRecord(type="rewound", cursor=self.cursor, reason="the journal was replaced")
        self._check(run_id, reader)

    def _again(self, run_id: RunId, why: str) -> Iterator[Record | ControlRecord]:
        """Yield the whole journal, after saying that records may come twice."""
        self._places.pop(run_id)
        yield ControlRecord(type="rewound", cursor=self.cursor, reason=f"run {run_id}: {why}")
        with self._reader(run_id) as reader:
            for record in reader.read_available():
                yield self._seen(record)
            self._check(run_id, reader)

    def _seen(self, record: Record) -> Record:
        self._places[record.run_id] = Place(record.seq, record.head[:_MARK])
        return record

    def _check(self, run_id: RunId, reader: JournalReader) -> None:
        verdict = reader.verdict()
        if verdict.state == "corrupt" and verdict.damage is not None:
            path = self._registry.layout.journal(run_id)
            raise CorruptJournal(path, run_id, verdict.damage.offset, verdict.damage.detail)
