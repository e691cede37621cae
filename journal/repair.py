"""Mend a damaged journal on request: say what would be cut, and only then cut it.

Crash tails heal by themselves at the next append. Corruption does not: whole records behind the damage
were once acknowledged, so cutting them is a person's decision. Nothing is destroyed: the bytes go to
quarantine, and `journal.repaired` says so.
"""

from msgspec import Struct, structs

from runlore.journal import heal, tailing
from runlore.journal.disk import Disk
from runlore.journal.errors import Busy, JournalIO, NewerFormat, NotFound, RunloreError
from runlore.journal.events import FORMAT
from runlore.journal.feed import Feed
from runlore.journal.history import History, exists, open_history
from runlore.journal.journal_file import JournalFile
from runlore.journal.layout import Layout
from runlore.journal.machine import boot_id
from runlore.journal.scan import Damage, Tail, Verdict, heals_by_itself
from runlore.journal.tailing import Source
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
        NotFound: no such journal, or nothing in it is whole. NewerFormat: what looks like damage here may
        be none. JournalIO: the disk refused.
    """
    try:
        with open_history(disk, layout, run_id) as history:
            size, _links = history.size_and_links()
            tail, verdict = tailing.read_on(history, Tail.empty(run_id), size)
            planned = _planned(run_id, tail, verdict, history.packed)
            if planned.damage is not None:
                _require_repairable(history, tail)
            return planned
    except OSError as error:
        raise _refused(layout.journal(run_id), run_id, error) from error


def repair(disk: Disk, layout: Layout, run_id: RunId) -> RepairPlan:
    """Cut the journal behind its last whole record and return what was cut and where it is kept.

    Holds the append lock throughout. The bytes are in quarantine, synced, before they leave the journal;
    the journal is replaced in one step by what is left of it and `journal.repaired` (with its seal, if
    the run has ended), so that no crash can leave records cut and nobody told. Live writers follow.
    A pack is never cut: what is whole of a run that is damaged in one comes back as a journal of its own,
    which supersedes the packed copies.

    Raises:
        NotFound: no such journal, or nothing in it is whole. Busy: it is being replaced right now.
        NewerFormat: what looks like damage here may be none.
        JournalIO: the disk refused; the journal is as it was.
    """
    path = layout.journal(run_id)
    try:
        file, is_new = _opened(disk, layout, run_id)
        size: int | None = None
        try:
            size = file.lock()
            if size is None:
                raise Busy(f"{path} was replaced just now; try again")
            with open_history(disk, layout, run_id) as history:
                tail, verdict = tailing.read_on(history, Tail.empty(run_id), history.size_and_links()[0])
                planned = _planned(run_id, tail, verdict, history.packed)
                if planned.damage is None:
                    return planned
                _require_repairable(history, tail)
                source: Source = history
                if not history.packed or history.packed < tail.size:  # what is packed is whole
                    source, tail = (
                        file,
                        structs.replace(
                            tail, base=tail.base + history.packed, size=tail.size - history.packed
                        ),
                    )
                is_new = False  # from here on another file may have its name
                quarantine = _replaced(disk, layout, file, source, tail, planned)
            return structs.replace(planned, quarantine=quarantine)
        finally:
            if is_new and size == 0:
                disk.unlink(path)  # nobody was told of anything in it
            file.close()
    except OSError as error:
        raise _refused(path, run_id, error) from error


def _opened(disk: Disk, layout: Layout, run_id: RunId) -> tuple[JournalFile, bool]:
    """Return the journal, and whether it was made now, behind packed parts."""
    path = layout.journal(run_id)
    try:
        return JournalFile(disk, path), False
    except FileNotFoundError:
        if not exists(disk, layout, run_id):
            raise
    try:
        return JournalFile(disk, path, create=True), True
    except FileExistsError:
        raise Busy(f"{path} was made just now; try again") from None


def _replaced(  # noqa: PLR0917 - one step of `repair`
    disk: Disk, layout: Layout, file: JournalFile, source: Source, tail: Tail, planned: RepairPlan
) -> str:
    """Put the journal's whole records in its place, and return where the rest is kept."""
    feed = Feed(disk, layout)
    try:
        feed.announce(tail.run_id, tail.seq, tail.offset, tail.digest, intent=True, surely=True)
        cut = heal.set_aside(disk, layout, source, tail)
        cause: heal.Cause = "crash_tail" if planned.is_crash_tail else "corruption"
        event = heal.repaired(Seq(tail.seq + 1), disk.now(), cause, cut)
        new, after = heal.replace(disk, layout, file, tail, event, source)
        try:
            feed.announce(after.run_id, after.seq, after.offset, after.digest, surely=True)
        finally:
            new.close()
    finally:
        feed.close()
    return cut.quarantine


def _require_repairable(history: History, tail: Tail) -> None:
    """Return if there is something to keep, and nothing to misunderstand.

    Raises:
        NotFound: nothing is whole. NewerFormat: a later release wrote it.
    """
    path, at = history.place(0)
    if tail.seq == 0 and history.packed:
        raise NotFound(
            f"{path}: not even the run's first event, at byte {at:,}, is whole, and nothing can be kept; "
            "bring that file back from a copy"
        )
    if tail.seq == 0:
        raise NotFound(f"{path}: not even its first event is whole; move the file aside by hand")
    if tail.format > FORMAT:
        raise NewerFormat(f"{path} has journal format {tail.format}: repair it with the newer release")


def _refused(path: str, run_id: RunId, error: OSError) -> RunloreError:
    if isinstance(error, RunloreError):
        return error
    if isinstance(error, FileNotFoundError):
        return NotFound(f"run {run_id} has no journal at {path}")
    return JournalIO(f"{path}: {error.strerror or error}; nothing was cut")


def _planned(run_id: RunId, tail: Tail, verdict: Verdict, packed: int) -> RepairPlan:
    return RepairPlan(
        run_id=run_id,
        damage=verdict.damage,
        kept_records=tail.seq,
        cut_bytes=verdict.length,
        is_crash_tail=heals_by_itself(tail, verdict, boot_id()) and tail.offset >= packed,
    )
