"""From a spec to a run that exists: the id, the lock, the files, the journal's first event.

The order makes every crash in between harmless: the owner is known before the journal exists, and the
files that a live run needs are there before anybody can read about it.
"""

import os
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from typing import Final

import msgspec

from runlore.journal import events, ids, keys, machine
from runlore.journal.codec import encode
from runlore.journal.disk import Disk, write_whole
from runlore.journal.errors import EventTooLarge, JournalIO, LostJournal, RunloreError
from runlore.journal.feed import Feed
from runlore.journal.layout import Layout
from runlore.journal.root import open_for_writing, registry_info
from runlore.journal.settings import Limits
from runlore.journal.values import Recipe, Retention, RunId, Seq
from runlore.journal.writer import Writer
from runlore.runtimes import exit_file
from runlore.runtimes.heartbeat import Heartbeat
from runlore.runtimes.identity import this_owner
from runlore.runtimes.live_files import BELL, FIFOS, SLOTS
from runlore.runtimes.owned_run import OwnedRun
from runlore.runtimes.owner_lock import OwnerLock
from runlore.runtimes.recipe import recipe_of, shortened
from runlore.runtimes.room import NO_SLOT, Room, Slot
from runlore.runtimes.run_secrets import Secrets
from runlore.runtimes.spec import RunSpec, check
from runlore.runtimes.transcript import Transcript

PROGRAM: Final = "keeper"


class _Submission(msgspec.Struct, frozen=True):
    """What is asked for, and where."""

    disk: Disk
    layout: Layout
    spec: RunSpec
    secrets: Secrets
    recipe: Recipe
    digest: str | None = None
    """What makes keyed submissions the same; None without a key."""
    slot: Slot = NO_SLOT
    room: Room | None = None


def create_run(disk: Disk, spec: RunSpec, secrets: Secrets, limits: Limits | None = None) -> OwnedRun | RunId:
    """Return a new run, owned, its first event durable; or the id of the run its key names already.

    secrets: what is secret in it, by the names that the spec gives and the command's environment.
    limits: of the registry; None keeps the run however many there are.

    Raises:
        BadInput: the spec cannot be submitted. Conflict: its key was used with another spec.
        NoRoom: so many runs are kept as may be; not even the key is claimed.
        Busy: somebody else who submits was stopped in the middle of it.
        LostJournal: the run that its key names has lost its journal.
        NotPermitted, JournalIO: the registry cannot be written; nothing is left behind.
    """
    check(spec)
    refuse_secret_labels(spec, secrets)
    layout = open_for_writing(disk, spec.root)
    room = Room(layout, limits) if limits is not None else None
    wanted = _Submission(disk, layout, spec, secrets, recipe_of(spec, secrets.redactor), room=room)
    place = _Place(room)
    try:
        if not spec.key:
            return _make(msgspec.structs.replace(wanted, slot=place.taken()), _mint(disk))
        return _make_once(wanted, place)
    except BaseException:
        place.give_back()
        raise


class _Place:
    """The slot of a run that may not come to be: taken when it is first asked for."""

    def __init__(self, room: Room | None) -> None:
        self._room = room
        self._slot: Slot | None = None

    def taken(self) -> Slot:
        if self._slot is None:
            self._slot = self._room.take() if self._room is not None else NO_SLOT
        return self._slot

    def give_back(self) -> None:
        if self._slot is not None:
            self._slot.drop()


def _make_once(wanted: _Submission, place: _Place) -> OwnedRun | RunId:
    """Return a new run, or the id of the one that its key names; a new key is claimed once there is room."""
    disk, layout, digest = wanted.disk, wanted.layout, keys.spec_digest(wanted.recipe)
    claimed = keys.claim(
        disk,
        layout,
        wanted.spec.key,
        digest,
        lambda: _mint(disk),
        before_new=place.taken,
        before_again=lambda run_id: _require_no_traces(disk, layout, run_id),
    )
    with claimed as claim:
        if claim.existing:
            place.give_back()
            return claim.run_id
        wanted = msgspec.structs.replace(wanted, digest=digest, slot=place.taken())
        return _make(wanted, claim.run_id)


def refuse_secret_labels(spec: RunSpec, secrets: Secrets) -> None:
    """Return if key and names of tags hold no secret: they have to stay what they are, so none is masked.

    Raises:
        BadInput: one does; the message does not tell it.
    """
    if spec.key:
        secrets.unchanged("key", spec.key)
    for name in spec.tags:
        secrets.unchanged("name of a tag", name)


def take_over(run: OwnedRun) -> None:
    """Put on record that this process owns the run from here on."""
    known = run.secrets.named()
    run.append(
        events.RunBooting,
        runtime="background",
        owner=this_owner(),
        masked=known.masked,
        unmasked=known.unmasked,
    )


def _mint(disk: Disk) -> RunId:
    return ids.mint(disk.now(), os.urandom(5))


def _make(wanted: _Submission, run_id: RunId) -> OwnedRun:
    disk, layout, claimed = wanted.disk, wanted.layout, wanted.digest is not None
    try:  # its folder is synced below, together with the other files, and before the journal exists
        lock = OwnerLock.create(disk, layout, run_id, durability="process", claimed=claimed)
    except JournalIO:
        if not claimed:
            _discard(disk, layout, run_id)
        raise
    try:
        _clear(disk, layout, run_id)
        return _furnish(wanted, lock, _queued(wanted, run_id))
    except BaseException as error:
        _discard(disk, layout, run_id)
        lock.release()
        if isinstance(error, OSError) and not isinstance(error, RunloreError):
            folder = layout.run_dir(run_id)
            raise JournalIO(f"{folder}: {error.strerror or error}; nothing was submitted") from error
        raise


def _require_no_traces(disk: Disk, layout: Layout, run_id: RunId) -> None:
    """Return if the run of a claim without a journal never ran.

    Raises:
        LostJournal: it did, so what it left is not ours to clear away.
    """
    from runlore.runtimes.traces import has_run  # noqa: PLC0415 - only with a key

    if has_run(disk, layout, run_id):
        raise LostJournal(
            f"run {run_id} has this key and has run: its files are in {layout.run_dir(run_id)}, or in the "
            "trash, and its journal is missing; nothing was submitted. Bring the journal back, or its pack, "
            "from a copy, or choose another key. If it is to run again, move its files elsewhere"
        )


def _furnish(wanted: _Submission, lock: OwnerLock, queued: events.RunQueued) -> OwnedRun:
    """Make the files of a live run, then its journal."""
    disk, layout, run_id = wanted.disk, wanted.layout, lock.run_id
    for name in (*FIFOS.values(), BELL):
        os.mkfifo(layout.in_run(run_id, name), 0o600)
        os.chmod(layout.in_run(run_id, name), 0o600)
    disk.mkdir(layout.in_run(run_id, "artifacts"))
    if wanted.room is not None:
        wanted.slot.name_again(layout.in_run(run_id, SLOTS), wanted.room.take)
    disk.close(disk.open(layout.tree_lock(run_id), os.O_RDWR | os.O_CREAT | os.O_EXCL))
    exit_fd = exit_file.preallocate(disk, layout.in_run(run_id, "exit"))
    transcript = Transcript.create(
        disk,
        layout.in_run(run_id, "transcript"),
        layout.in_run(run_id, "transcript.index"),
        limit=wanted.spec.output_limit,
    )
    heartbeat = Heartbeat(disk, layout.in_run(run_id, "heartbeat"))
    heartbeat.beat()
    if wanted.spec.durability == "power":
        disk.sync_dir(layout.run_dir(run_id))
        disk.sync_dir(f"{layout.root}/runs")

    def draft(seq: Seq, at: datetime) -> events.Event:
        return msgspec.structs.replace(queued, seq=seq, at=at)

    return OwnedRun(
        disk,
        layout,
        wanted.spec,
        by=machine.actor(PROGRAM),
        secrets=wanted.secrets,
        lock=lock,
        writer=Writer.create(
            disk, layout, run_id, draft, feed=Feed(disk, layout), redact=wanted.secrets.event
        ),
        exit_fd=exit_fd,
        transcript=transcript,
        heartbeat=heartbeat,
        slot=wanted.slot,
    )


def _queued(wanted: _Submission, run_id: RunId) -> events.RunQueued:
    """Return the run's first event; a recipe that does not fit a line is a blob by then."""
    disk, layout, spec = wanted.disk, wanted.layout, wanted.spec
    queued = events.RunQueued(
        seq=1,
        at=disk.now(),
        by=spec.by,
        format=events.FORMAT,
        run_id=run_id,
        registry_id=registry_info(disk, layout).registry_id,
        recipe=wanted.recipe,
        name=spec.name,
        tags=spec.tags,
        metadata=spec.metadata,
        key=spec.key,
        spec=wanted.digest,
        parent=spec.parent,
        retention=Retention(pinned=True) if spec.pin else None,
        durability=spec.durability,
        boot_id=machine.boot_id(),
    )
    queued = wanted.secrets.event(queued)  # here already, because redacting changes its length
    try:
        encode(queued)
    except EventTooLarge:
        short = msgspec.structs.replace(queued, recipe=shortened(wanted.recipe))
        encode(short)  # labels and metadata alone are too large: the caller's to mend
        return msgspec.structs.replace(short, recipe_blob=_store_blob(wanted))
    return queued


def _store_blob(wanted: _Submission) -> str:
    data = msgspec.json.encode(wanted.recipe)
    digest = sha256(data).hexdigest()
    write_whole(wanted.disk, wanted.layout.blob(digest), data)
    return digest


def _clear(disk: Disk, layout: Layout, run_id: RunId) -> None:
    """Remove what a submitter that failed, or died before the journal, had made; the lock stays."""
    folder = layout.run_dir(run_id)
    try:
        names = disk.listdir(folder)
    except FileNotFoundError:
        return
    for name in names:
        if name == "artifacts":
            os.rmdir(f"{folder}/{name}")
        elif name != "owner.lock":
            disk.unlink(f"{folder}/{name}")


def _discard(disk: Disk, layout: Layout, run_id: RunId) -> None:
    """Leave nothing of a run that never was; what cannot be removed is harmless without a journal."""
    with suppress(OSError):
        _clear(disk, layout, run_id)
    with suppress(OSError):
        disk.unlink(layout.owner_lock(run_id))
    with suppress(OSError):
        os.rmdir(layout.run_dir(run_id))
