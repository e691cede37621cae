"""Mend a damaged journal on request: say what would be cut, and only then cut it.

Crash tails heal by themselves at the next append. Corruption does not: whole records behind the damage
were once acknowledged, so cutting them is a person's decision. Nothing is destroyed: the bytes go to
quarantine, and `journal.repaired` says so.
"""

import os

from msgspec import Struct

from runlore.journal import heal, tailing
from runlore.journal.compose import compose
from runlore.journal.disk import Disk
from runlore.journal.errors import Busy, JournalIO, NotFound, RunloreError
from runlore.journal.journal_file import JournalFile
from runlore.journal.layout import Layout
from runlore.journal.scan import Damage, Tail, Verdict
from runlore.journal.values import RunId, Seq


class RepairPlan(Struct, frozen=True, kw_only=True):
    """What repair would do. `cut_bytes` is 0 when there is nothing to repair."""

    run_id: RunId
    damage: Damage | None
    kept_records: int
    cut_bytes: int
    is_crash_tail: bool = False
    quarantine: str = ""
    """File below `quarantine/` that holds the bytes, once it was done."""


def plan(disk: Disk, layout: Layout, run_id: RunId) -> RepairPlan:
    """Return what repair would cut; reads only.

    Raises:
        NotFound: no such journal. JournalIO: the disk refused.
    """
    path = layout.journal(run_id)
    try:
        fd = disk.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        raise NotFound(f"run {run_id} has no journal at {path}") from None
    try:
        size, _links = disk.size_and_links(fd)
        tail, verdict = tailing.read_on(disk, fd, Tail.empty(run_id), size)
    except OSError as error:
        raise JournalIO(f"{path}: {error.strerror}") from error
    finally:
        disk.close(fd)
    return _planned(run_id, tail, verdict)


def repair(disk: Disk, layout: Layout, run_id: RunId) -> RepairPlan:
    """Cut the journal behind its last whole record and return what was cut and where it is kept.

    Holds the append lock throughout. The bytes are in quarantine, synced, before the journal is cut;
    `journal.repaired` and, if the run has ended, its seal are durable when this returns.

    Raises:
        NotFound: no such journal, or nothing in it is whole. Busy: it is being replaced right now.
        JournalIO: the disk refused; either nothing was cut, or the bytes are in quarantine.
    """
    path = layout.journal(run_id)
    try:
        file = JournalFile(disk, path)
    except FileNotFoundError:
        raise NotFound(f"run {run_id} has no journal at {path}") from None
    try:
        size = file.lock()
        if size is None:
            raise Busy(f"{path} was replaced just now; try again")
        tail, verdict = tailing.read_on(disk, file.fd, Tail.empty(run_id), size)
        planned = _planned(run_id, tail, verdict)
        if verdict.damage is None:
            return planned
        if tail.seq == 0:
            raise NotFound(f"{path}: not even its first event is whole; move the file aside by hand")
        cut = heal.cut_tail(disk, layout, file, tail)
        cause: heal.Cause = "crash_tail" if planned.is_crash_tail else "corruption"
        event = heal.repaired(Seq(tail.seq + 1), disk.now(), cause, cut)
        composed = compose(tail, event)
        file.write(composed.data, tail.size)
        disk.fdatasync(file.fd)
    except OSError as error:
        if isinstance(error, RunloreError):
            raise
        raise JournalIO(f"{path}: {error.strerror}; see quarantine/ for bytes already moved") from error
    finally:
        file.close()
    return RepairPlan(
        run_id=run_id,
        damage=planned.damage,
        kept_records=tail.seq,
        cut_bytes=cut.bytes,
        is_crash_tail=planned.is_crash_tail,
        quarantine=cut.quarantine,
    )


def _planned(run_id: RunId, tail: Tail, verdict: Verdict) -> RepairPlan:
    return RepairPlan(
        run_id=run_id,
        damage=verdict.damage,
        kept_records=tail.seq,
        cut_bytes=verdict.length,
        is_crash_tail=verdict.state == "crash_tail",
    )
