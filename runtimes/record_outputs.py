"""Put outputs on record in batches: an event each, once the bytes of the batch are on the disk."""

import os
from collections.abc import Callable, Mapping
from typing import Final, Literal, Protocol

from msgspec import Struct

from runlore.journal import events
from runlore.journal.errors import JournalIO, RunloreError
from runlore.journal.scan import Record
from runlore.runtimes.bundle import Bundle, Kept
from runlore.runtimes.emptying import Emptying

_BATCH: Final = 64
_BATCH_BYTES: Final = 64 << 20
_TRIES: Final = 10
Outcome = Literal["stored", "skipped", "oversized", "failed"]


class Append(Protocol):
    """Appends an event of the run as its owner."""

    def __call__(self, kind: type[events.Event], /, **fields: object) -> Record: ...


class Source(Struct, frozen=True):
    """A file in `$RUNLORE_OUTPUTS`, as it was when it had been copied."""

    path: str
    found: os.stat_result


class Beyond:
    """What is counted and neither stored nor named."""

    def __init__(self) -> None:
        self.files = self.bytes = 0
        self.why = ""
        self.is_all = False
        """Nothing can be stored any more, so all that is found belongs here."""

    def tell(self, why: str) -> None:
        """Note a reason, once; there may be several."""
        if why not in self.why:
            self.why = f"{self.why}; {why}" if self.why else why

    def add(self, size: int) -> None:
        """Count one more file."""
        self.files, self.bytes = self.files + 1, self.bytes + size


class _Line(Struct, frozen=True):
    """An event that is to be appended, and what it rests on."""

    fields: dict[str, object]
    kept: Kept | None = None
    source: Source | None = None

    @property
    def size(self) -> int:
        return self.kept.size if self.kept is not None else 0

    def lost(self, why: str) -> dict[str, object]:
        """Return the fields of the event if the disk did not take the bytes after all."""
        known = {name: self.fields[name] for name in ("path", "kind")}
        return {**known, "outcome": "failed", "bytes": self.size, "reason": why}


class Recorder:
    """The outputs of one run on their way into its journal."""

    def __init__(
        self,
        bundle: Bundle,
        append: Append,
        on_record: Callable[[], set[str]],
        pause: Callable[[], None],
        beyond: Beyond,
    ) -> None:
        self._bundle, self._append, self._on_record = bundle, append, on_record
        self._pause, self._beyond = pause, beyond
        self._lines: list[_Line] = []
        self._held_bytes = 0
        self.named: Final[set[str]] = set()
        """Digests that are on record."""
        self.new: Final[list[events.ArtifactCollected]] = []
        self.emptying: Final = Emptying()
        """Sources whose outputs are on record, so that they need not stay."""

    def line(self, fields: dict[str, object], kept: Kept | None = None, source: Source | None = None) -> None:
        """Have one output put on record, with the rest of its batch.

        kept: its copy, which is not durable yet. Raises: as `put` does.
        """
        self._lines.append(_Line(fields, kept, source))
        self._held_bytes += self._lines[-1].size
        if len(self._lines) >= _BATCH or self._held_bytes >= _BATCH_BYTES:
            self.put()

    def put(self) -> None:
        """Append what was gathered, once its bytes are on the disk.

        Raises OSError, JournalIO: the disk takes no more; what the journal does not name is removed again.
        """
        lines, self._lines, self._held_bytes = self._lines, [], 0
        done = 0
        try:
            refused: Mapping[str, str] = self._bundle.settle() if lines else {}
            for line in lines:
                why = refused.get(line.kept.sha256) if line.kept is not None else None
                self.record(line.fields if why is None else line.lost(why))
                done += 1
                if line.source is not None and why is None:
                    self.emptying.add(line.source.path, line.source.found)
        except OSError:
            self._drop(lines[done:])
            raise

    def _drop(self, lines: list[_Line]) -> None:
        """Remove copies that the journal does not name: it may name one although it could not be synced."""
        try:
            named = self.named | self._on_record()
        except RunloreError:
            named = self.named | {each.kept.sha256 for each in lines[:1] if each.kept is not None}
        for line in lines:
            self._beyond.add(line.size)
            if line.kept is not None and line.kept.is_new and line.kept.sha256 not in named:
                self._bundle.drop(line.kept.sha256)

    def record(self, fields: dict[str, object]) -> None:
        """Append one event about outputs.

        Raises JournalIO: the journal takes it not.
        """
        event = self._append(events.ArtifactCollected, **fields).event
        assert isinstance(event, events.ArtifactCollected)  # noqa: S101 - what was appended
        self.new.append(event)
        if event.sha256 is not None:
            self.named.add(event.sha256)

    def say_failed(self, reason: str) -> bool:
        """Append a last word about what is missing, with patience; say whether the journal took it."""
        files = max(1, self._beyond.files)
        for attempt in range(_TRIES):
            if attempt:
                self._pause()
            try:
                self.record({"path": "", "outcome": "failed", "reason": reason, "files": files})
            except JournalIO:
                continue
            return True
        return False
