"""Let go of the journals of removed runs, once the age for that has passed.

A journal goes whole or not at all. One of which a part lies in a pack stays: without its end, the packed
part would tell of a run that was never removed. So does one whose beginning is missing, because it goes on
behind a pack: that may be damaged, or elsewhere for a while.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from runlore.journal import keys
from runlore.journal.disk import Disk
from runlore.journal.errors import JournalIO, NotFound
from runlore.journal.journal_file import JournalFile
from runlore.journal.layout import Layout
from runlore.journal.packs import Packs
from runlore.journal.values import RunId
from runlore.projections.registry import Row, fold_journal
from runlore.projections.retention_policy import RetentionPolicy
from runlore.projections.retention_views import TombstoneView

PACKED = "packed"


def due(
    disk: Disk, layout: Layout, rows: Sequence[Row], policy: RetentionPolicy, now: datetime
) -> tuple[list[TombstoneView], dict[str, int]]:
    """Return the tombstones that may go, and how many stay, by why; reads only."""
    if policy.journal_s is None:
        return [], {}
    before, found, packed = now - timedelta(seconds=policy.journal_s), list[TombstoneView](), 0
    known: Packs | None = None
    for row in rows:
        at = row.state.removed_at
        if row.problem is not None or row.state.removed is None or at is None or at > before or at > now:
            continue
        if row.state.pinned or row.state.promoted or row.state.accepted:
            continue  # decided before its removal was; what is said of evidence stays readable
        known = known or Packs(disk, layout)
        if _goes_on(row) or known.copies(row.run_id):
            packed += 1
        else:
            found.append(TombstoneView(run_id=row.run_id, removed_at=at, bytes=row.size))
    return found, ({PACKED: packed} if packed else {})


def remove(disk: Disk, layout: Layout, run_id: RunId) -> None:
    """Remove the journal of a removed run, and its claim on a key; for the holder of the cleanup lock.

    The claim goes first: one that is left over without a journal would make the next run of that key use
    the id again.

    Raises:
        JournalIO: the disk refused.
    """
    try:
        file = JournalFile(disk, layout.journal(run_id))
    except FileNotFoundError:
        return
    except OSError as error:
        raise JournalIO(f"{layout.journal(run_id)}: {error.strerror or error}") from error
    try:
        if file.lock() is None:  # it was replaced, or packed: then it is no longer due
            return
        with suppress(NotFound):
            row = fold_journal(disk, layout, run_id)
            if row is None or row.state.removed is None or _goes_on(row):
                return
            if Packs.of(disk, layout, run_id).copies(run_id):
                return
            if row.state.key:
                keys.forget(disk, layout, row.state.key, run_id)
            disk.unlink(layout.journal(run_id))
            disk.sync_dir(layout.journals)
    except OSError as error:
        raise JournalIO(f"{layout.journal(run_id)}: {error.strerror or error}") from error
    finally:
        file.close()


def _goes_on(row: Row) -> bool:
    """Say whether a history does not begin where it can be read from."""
    return row.state.queued is None
