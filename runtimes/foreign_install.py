"""Put a run of another tool into the registry: whole, or not at all, and once.

The claim of its key comes first, as for a keyed submission, so a kill leaves no second run behind; then
the outputs and the transcript, and last the journal, all of it in one rename. Before that nobody sees the
run; after it everything is there.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import structs

from runlore.journal import ids, keys, machine
from runlore.journal.compose import check_legal, compose
from runlore.journal.disk import Disk, discard, write_whole
from runlore.journal.errors import Conflict, JournalIO, RunloreError
from runlore.journal.events import KnownEvent
from runlore.journal.history import exists
from runlore.journal.root import registry_info
from runlore.journal.scan import Tail
from runlore.journal.values import Actor, Identity, Owner, RunId
from runlore.projections.artifact_views import manifest
from runlore.projections.artifacts import ARTIFACTS
from runlore.projections.fold import fold
from runlore.projections.foreign_run import ForeignRun, Made, events_of
from runlore.projections.imported import ImportedView
from runlore.runtimes.bundle import FOLDER, write_manifest
from runlore.runtimes.foreign_files import digest_of
from runlore.runtimes.foreign_folder import Foreign
from runlore.runtimes.identity import this_owner
from runlore.runtimes.owner_lock import OwnerLock
from runlore.runtimes.shared_feed import shared_feed
from runlore.runtimes.trash import is_removed

if TYPE_CHECKING:
    from runlore.journal.layout import Layout
    from runlore.runtimes.registry import Registry

_NO_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TRIES: Final = 64
_NOBODY: Final = Owner(host="", identity=Identity(boot_id="", pid_ns=0, pid=0))


def install(registry: "Registry", foreign: Foreign, where: str) -> ImportedView:
    """Return the run as it was imported, everything of it durable; or the one it was imported as before.

    where: what the answer calls its source.

    Raises:
        Conflict: the same id was imported with other content, or a file changed meanwhile.
        BadInput: its id, or the name of a tag, holds a secret. JournalIO: the disk refused; nothing of it
        is left.
    """
    disk, layout, run = registry.disk, registry.layout, foreign.run
    _refuse_secret_labels(registry, run)
    spec = _spec(registry, foreign)
    try:
        claim = keys.claim(disk, layout, run.key, spec, lambda: _mint(disk, layout, run.started_at))
    except Conflict as error:
        raise Conflict(
            f"{run.external_id!a} of {run.source!a} was imported before, with other content; nothing was "
            f"changed. Look at that one: `runlore show key:{run.key}`"
        ) from error
    with claim:
        if not claim.existing:
            _Installation(registry, foreign, claim.run_id, spec).do()
        return ImportedView(
            run_id=claim.run_id,
            outcome="existing" if claim.existing else "imported",
            source=where,
            removed=claim.existing and is_removed(disk, layout, claim.run_id),
        )


class _Installation:
    """One run on its way in; the claim of its key is held."""

    def __init__(self, registry: "Registry", foreign: Foreign, run_id: RunId, spec: str) -> None:
        self._registry, self._foreign, self._run_id, self._spec = registry, foreign, run_id, spec
        self._disk: Disk = registry.disk
        self._layout: Layout = registry.layout

    def do(self) -> None:
        lock = OwnerLock.create(
            self._disk, self._layout, self._run_id, durability=self._registry.durability, claimed=True
        )
        try:
            self._clear()
            self._write()
        except BaseException as error:
            self._discard()
            if isinstance(error, OSError) and not isinstance(error, RunloreError):
                folder = self._layout.run_dir(self._run_id)
                raise JournalIO(f"{folder}: {error.strerror or error}; nothing was imported") from error
            raise
        finally:
            lock.release()

    def _write(self) -> None:
        foreign, disk, layout, run_id = self._foreign, self._disk, self._layout, self._run_id
        foreign.logs.store(
            disk,
            layout.in_run(run_id, "transcript"),
            layout.in_run(run_id, "transcript.index"),
            foreign.run.ended_at,
        )
        bundle = layout.in_run(run_id, FOLDER)
        if foreign.files is not None:
            foreign.files.store(foreign.planned, bundle)
        events = self._events()
        state = fold(ARTIFACTS, events)
        if state.stored:
            data = msgspec.json.format(msgspec.json.encode(manifest(state)), indent=1) + b"\n"
            write_manifest(disk, bundle, data)
        disk.sync_dir(layout.run_dir(run_id))
        self._write_journal(events)

    def _write_journal(self, events: Sequence[KnownEvent]) -> None:
        """Write the journal with its seal under its name, and announce it before and after."""
        disk, layout, run_id = self._disk, self._layout, self._run_id
        tail, pieces = Tail.empty(run_id), list[bytes]()
        for event in events:
            check_legal(tail, event, owner=True)
            composed = compose(tail, event)
            pieces.append(composed.data)
            tail = composed.after
        feed, empty = shared_feed(disk, layout), Tail.empty(run_id)
        feed.announce(run_id, empty.seq, empty.offset, empty.digest, intent=True, surely=True)
        write_whole(disk, layout.journal(run_id), b"".join(pieces))
        feed.announce(run_id, tail.seq, tail.offset, tail.digest, surely=True)

    def _events(self) -> list[KnownEvent]:
        """Return the history as it may be recorded."""
        registry, foreign = self._registry, self._foreign
        known = registry.secrets.found.named()
        made = Made(
            run_id=self._run_id,
            registry_id=registry_info(self._disk, self._layout).registry_id,
            spec=self._spec,
            by=registry.by,
            owner=this_owner(),
            masked=known.masked,
            unmasked=known.unmasked,
            durability=registry.durability,
            boot_id=machine.boot_id(),
            imported_at=self._disk.now(),
            transcript_bytes=foreign.logs.size,
            collected=tuple(each.event for each in foreign.planned),
        )
        return [registry.secrets.event(event) for event in events_of(foreign.run, made)]

    def _clear(self) -> None:
        """Remove what an import that failed, or died before the journal, had made; the lock stays."""
        folder = self._layout.run_dir(self._run_id)
        for name in self._disk.listdir(folder):
            if name == FOLDER:
                for inner in self._disk.listdir(f"{folder}/{name}"):
                    self._disk.unlink(f"{folder}/{name}/{inner}")
                os.rmdir(f"{folder}/{name}")
            elif name != "owner.lock":
                self._disk.unlink(f"{folder}/{name}")

    def _discard(self) -> None:
        """Leave nothing of a run that never was; what cannot be removed is harmless without a journal.

        A journal that cannot be removed keeps all of it: then the run is whole, though nobody was told.
        """
        journal = self._layout.journal(self._run_id)
        discard(self._disk, journal)
        if os.path.lexists(journal):
            return
        with suppress(OSError):
            self._clear()
        with suppress(OSError):
            self._disk.unlink(self._layout.owner_lock(self._run_id))
        with suppress(OSError):
            os.rmdir(self._layout.run_dir(self._run_id))


def _mint(disk: Disk, layout: "Layout", at: datetime) -> RunId:
    """Return an id that no run has: many may have started in that one second, long ago.

    Raises:
        JournalIO: the disk does not tell of any id whether it is free.
    """
    for _ in range(_TRIES):
        run_id = ids.mint(at, _draw())
        if not os.path.lexists(layout.run_dir(run_id)) and not exists(disk, layout, run_id):
            return run_id
    raise JournalIO(f"{layout.journals}: whether an id is free cannot be told; nothing was imported")


def _draw() -> bytes:
    return os.urandom(5)


def _refuse_secret_labels(registry: "Registry", run: ForeignRun) -> None:
    """Return if id, tool and names of tags hold no secret: they have to stay what they are."""
    secrets = registry.secrets.found
    secrets.unchanged("external_id", run.external_id)
    secrets.unchanged("source", run.source)
    secrets.unchanged("key", run.key)
    registry.secrets.tags(run.tags)


def _spec(registry: "Registry", foreign: Foreign) -> str:
    """Return what makes two imports the same: all that the run is, as it is recorded, and its files.

    The times of files that nobody described are no part of it: a copy of the folder has others.
    """
    run = foreign.run
    if run.told_by == "files":
        run = structs.replace(run, started_at=_NO_TIME, ended_at=_NO_TIME)
    nothing = Made(run_id=RunId(""), registry_id="", spec="", by=Actor(), owner=_NOBODY, imported_at=_NO_TIME)
    told = [msgspec.json.encode(registry.secrets.event(event)) for event in events_of(run, nothing)]
    files = f"{digest_of(foreign.planned)}\n{foreign.logs.digest}".encode()
    return sha256(b"\n".join([*told, files])).hexdigest()
