"""Which parts of a long journal a stream has to read: those that may hold what is wanted.

The index says of each stretch between two snapshots when its first and its last event happened, and of
which types they are. Where it says nothing, all is read.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from runlore.journal.disk import Disk
from runlore.journal.errors import JournalIO
from runlore.journal.layout import Layout
from runlore.journal.values import Offset, RunId
from runlore.projections.index import version
from runlore.watcher.cursor import START, Spot, spot_of
from runlore.watcher.wanted import Wanted

if TYPE_CHECKING:
    from runlore.projections.index.long_runs import LongRun


class Stretch(Struct, frozen=True):
    """A part of a journal to be read: from a spot to an offset, or to wherever it ends."""

    start: Spot
    until: int | None = None


ALL: Sequence[Stretch] = (Stretch(START),)


def wanted_of(disk: Disk, layout: Layout, run_id: RunId, size: int, wanted: Wanted) -> Sequence[Stretch]:
    """Return what of a journal is to be read, oldest first; the last part reaches to wherever it ends.

    Raises:
        JournalIO: the disk refused.
    """
    asks = wanted.since is not None or wanted.until is not None or wanted.types
    if size < version.LONG or not asks or wanted.runs is not None:
        return ALL  # what a run was like at a record is folded from all in front of it
    from runlore.projections.index import long_runs  # noqa: PLC0415 - few journals are long

    try:
        with long_runs.opened(disk, layout, run_id) as long:
            if long.last() is None:
                return ALL
            found = list(_stretches(long, wanted))
    except FileNotFoundError:
        return ALL
    except OSError as error:
        raise JournalIO(f"{layout.journal(run_id)}: {error.strerror or error}") from error
    return tuple(_joined(found))


def _stretches(long: "LongRun", wanted: Wanted) -> Iterator[Stretch]:
    start = START
    for snapshot in long.snapshots:
        if wanted.may_take(snapshot.low_us, snapshot.high_us, snapshot.kinds):
            yield Stretch(start, snapshot.offset)
        start = spot_of(snapshot.head, snapshot.seq, Offset(snapshot.offset))
    yield Stretch(start)


def _joined(stretches: Sequence[Stretch]) -> Iterator[Stretch]:
    """Yield the same parts, those that follow each other as one."""
    pending: Stretch | None = None
    for each in stretches:
        if pending is None:
            pending = each
        elif pending.until == each.start.offset:
            pending = Stretch(pending.start, each.until)
        else:
            yield pending
            pending = each
    if pending is not None:
        yield pending
