"""Take over a run whose keeper died: win its lock, read where it stands, put that on record, go on.

Everything is read again from the disk: the dead keeper may have come anywhere. Nothing here waits for
long, because the command's output stands in its pipe until somebody takes it in.
"""

import time
from collections.abc import Callable
from typing import Final, Literal

from msgspec import Struct

from runlore.journal import events, machine
from runlore.journal.disk import Disk
from runlore.journal.errors import Busy, JournalIO, NotFound
from runlore.journal.feed import Feed
from runlore.journal.layout import Layout
from runlore.journal.values import Identity, RunId
from runlore.journal.writer import Writer
from runlore.projections.run_state import RunState
from runlore.runtimes import boot
from runlore.runtimes.folding import RunFold
from runlore.runtimes.heartbeat import Heartbeat
from runlore.runtimes.identity import this_owner
from runlore.runtimes.live_files import clear_live_files
from runlore.runtimes.owned_run import OwnedRun
from runlore.runtimes.owner_lock import OwnerLock
from runlore.runtimes.room import NO_SLOT, Slot
from runlore.runtimes.run_secrets import Secrets
from runlore.runtimes.spec import RunSpec
from runlore.runtimes.transcript import Transcript

_PATIENCE_S: Final = 2.0
"""How long the lock is tried for: the dead let go of it a moment later, a reconciler looks under it."""
_BETWEEN_S: Final = 0.005
NOTHING_LEFT: Final = "no secret values are left to redact with"


class Lost(Struct, frozen=True, kw_only=True):
    """A run whose keeper died, and what of it does not come from the journal."""

    disk: Disk
    layout: Layout
    run_id: RunId
    spec: RunSpec
    exit_fd: int
    secrets: Secrets
    slot: Slot = NO_SLOT
    knows: Literal["values", "settings", "nothing"] = "values"
    """What there is to redact with: all of it, no values of the command's, not even the user's settings."""


def adopt(
    lost: Lost, *, why: str, is_to_be_kept: Callable[[RunState], bool] = lambda _: True
) -> OwnedRun | None:
    """Return the run, owned by this process, `owner.adopted` on record; None if it has ended or is gone.

    is_to_be_kept: asked under the lock. The disk may refuse the record of the adoption: the command is
    cared for all the same.

    Raises:
        Busy: somebody else holds the owner lock. NotFound: its lock file is gone, so nobody may own the
        run. CorruptJournal, NewerFormat, JournalIO: the journal cannot be read, so nobody can.
    """
    disk, layout, run_id = lost.disk, lost.layout, lost.run_id
    folded = RunFold(disk, layout, run_id)
    try:
        folded.advance()
    except NotFound:
        return None
    lock = _take(lost)
    folded.advance()  # what the dead one did last
    if folded.has_ended():
        clear_live_files(disk, layout, run_id)
    if folded.has_ended() or not is_to_be_kept(folded.state):
        lock.release()
        return None
    run = _owned(lost, lock, folded.state)
    run.heartbeat.beat()
    if folded.state.status == "queued":
        boot.take_over(run)
    else:
        owner = folded.state.owner
        _record(run, owner.identity if owner else None, why)
    return run


def _owned(lost: Lost, lock: OwnerLock, state: RunState) -> OwnedRun:
    """Open everything that a keeper holds."""
    disk, layout, run_id = lost.disk, lost.layout, lost.run_id
    return OwnedRun(
        disk,
        layout,
        lost.spec,
        by=machine.actor(boot.PROGRAM),
        secrets=lost.secrets,
        lock=lock,
        writer=Writer(
            disk, layout, run_id, owner=True, feed=Feed(disk, layout), redact=lost.secrets.event
        ).open(),
        exit_fd=lost.exit_fd,
        transcript=Transcript.resume(
            disk,
            layout.in_run(run_id, "transcript"),
            layout.in_run(run_id, "transcript.index"),
            limit=lost.spec.output_limit,
        ),
        heartbeat=Heartbeat(disk, layout.in_run(run_id, "heartbeat")),
        slot=lost.slot,
        epoch=state.epoch + 1,
        drops_output=_may_not_store(lost, state),
    )


def _record(run: OwnedRun, previous: Identity | None, why: str) -> None:
    try:
        if run.drops_output:
            why = f"{why}; {NOTHING_LEFT}, so what it prints is counted and not kept"
        run.append(
            events.OwnerAdopted,
            owner=this_owner(),
            previous=previous,
            why=why,
            drops_output=run.drops_output,
        )
    except JournalIO:
        return  # later events of this epoch say as much, once the disk works again


def _may_not_store(lost: Lost, state: RunState) -> bool:
    """Say whether output could hold secrets that nobody here would find."""
    if lost.knows == "settings":
        return state.booting is not None and bool(state.booting.masked)
    return lost.knows == "nothing"


def _take(lost: Lost) -> OwnerLock:
    until = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return OwnerLock.take(lost.disk, lost.layout, lost.run_id)
        except Busy:
            if time.monotonic() >= until:
                raise
        time.sleep(_BETWEEN_S)
