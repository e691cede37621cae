"""A run, as the process that owns it holds it: its journal, its locks, its files."""

from contextlib import suppress
from typing import Final, TypeVar

from runlore.journal.disk import Disk
from runlore.journal.errors import JournalIO
from runlore.journal.events import Ended, Event
from runlore.journal.layout import Layout
from runlore.journal.scan import Record
from runlore.journal.values import Actor, RunId
from runlore.journal.writer import Writer
from runlore.runtimes.heartbeat import Heartbeat
from runlore.runtimes.live_files import clear_live_files
from runlore.runtimes.owner_lock import OwnerLock
from runlore.runtimes.room import NO_SLOT, Slot
from runlore.runtimes.run_secrets import Secrets
from runlore.runtimes.spec import RunSpec
from runlore.runtimes.transcript import Transcript

AnEvent = TypeVar("AnEvent", bound=Event)


class OwnedRun:
    """Everything that is open while a keeper keeps its run. Only the keeper's thread uses it."""

    def __init__(
        self,
        disk: Disk,
        layout: Layout,
        spec: RunSpec,
        *,
        by: Actor,
        secrets: Secrets,
        lock: OwnerLock,
        writer: Writer,
        exit_fd: int,
        transcript: Transcript,
        heartbeat: Heartbeat,
        slot: Slot = NO_SLOT,
        epoch: int = 1,
        drops_output: bool = False,
    ) -> None:
        self.disk, self.layout, self.spec, self.by, self.epoch = disk, layout, spec, by, epoch
        self.run_id: Final[RunId] = lock.run_id
        self.secrets: Final = secrets
        self.drops_output: Final = drops_output
        """There are secrets and nothing left to redact with: no output may be stored."""
        self.lock, self.writer = lock, writer
        self.exit_fd, self.transcript, self.heartbeat = exit_fd, transcript, heartbeat
        self.slot: Final = slot
        """Its place among those that may be kept at once; its wrapper has a copy."""

    def path(self, name: str) -> str:
        """Return the path of a file in the run's folder."""
        return self.layout.in_run(self.run_id, name)

    def append(self, kind: type[AnEvent], /, **fields: object) -> Record:
        """Append one event as this owner: who wrote it and in which epoch is filled in here.

        Whoever reads that the run has ended finds room for another one.
        """
        self._make_room_after(kind)
        return self.writer.append(
            lambda seq, at: kind(seq=seq, at=at, by=self.by, epoch=self.epoch, **fields)
        )

    def _make_room_after(self, kind: type[Event]) -> None:
        if issubclass(kind, Ended):
            self.slot.leave()

    def let_go(self) -> None:
        """Remove what only a live run has, and give up the ownership, last of all."""
        clear_live_files(self.disk, self.layout, self.run_id)
        self.transcript.close()
        self.heartbeat.close()
        with suppress(JournalIO):  # what its reserve took is given back when the disk works again
            self.writer.close()
        self.lock.release()
