"""Make rows from journals and packs as they are now: closely one by one, or by pieces where most are plain.

The order is what makes it right: first the append lock, then the journal between two looks at its file.
Packs are looked at before and after a whole piece: a journal that begins behind one meanwhile moves the
time of its folder, which was read before (see `survey`).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from runlore.journal.disk import Disk
from runlore.journal.errors import NotFound
from runlore.journal.layout import Layout
from runlore.journal.packs import day_of
from runlore.journal.values import RunId
from runlore.projections.index import version
from runlore.projections.index.entry import PACKED, Entry, Signature, entry, is_behind_packs
from runlore.projections.index.packed import PackedRuns, PackReader, is_redacted, seen
from runlore.projections.index.plain import plain_entry, plain_row
from runlore.projections.index.survey import is_appended_to
from runlore.projections.registry import fold_journal

Passing = Callable[[Iterable[RunId]], Iterable[RunId]]
"""Takes what is about to be done and gives it on, so that somebody can count."""
Rows = list[Entry | None]
"""The rows of some runs, one for each, in order; None for a run that is not there."""
UNSURE: Final[Signature] = (0, 0, 0)
"""The signature of no journal: whoever has it is looked at again."""
PIECE: Final = 64
"""Runs whose rows are made together."""


def entries(disk: Disk, layout: Layout, run_ids: Sequence[RunId], passing: Passing = iter) -> Iterator[Entry]:
    """Yield the rows of these runs, as they are now."""
    packed, made = PackedRuns(disk, layout), Rows()
    for at, _ in enumerate(passing(run_ids)):
        if not at % PIECE:
            made = piece(disk, layout, run_ids[at : at + PIECE], packed, most=version.LONG)
        if (each := made[at % PIECE]) is not None:
            yield each


def piece(
    disk: Disk, layout: Layout, run_ids: Sequence[RunId], packed: PackedRuns, *, most: int | None = None
) -> Rows:
    """Return the rows of a few runs as they are now; cheapest where those that lie together come together.

    most: a journal of so many bytes is left to whoever reads this index, who can keep snapshots of it.
    """
    with PackReader(disk, packed) as reader:
        made = [_plain(disk, layout, run_id, reader) for run_id in run_ids]
    days = {day_of(each.run_id) for each in made if each is not None and each.signature[1] == PACKED}
    moved = {day for day in days if not packed.stands(day)}
    return [
        _closely(disk, layout, run_id, packed, most=most) if each is None or _is_in(each, moved) else each
        for run_id, each in zip(run_ids, made, strict=True)
    ]


def entry_of(
    disk: Disk, layout: Layout, run_id: RunId, packed: PackedRuns | None = None, *, fresh: bool = False
) -> Entry | None:
    """Return the row of a run as it is now; None if there is none.

    packed: spares reading what lies where in the packs, as long as they look so. fresh: from the whole
    journal, however long it is.
    """
    try:
        plain = plain_entry(disk, run_id, layout.journal(run_id))
    except FileNotFoundError:
        plain = None
    return plain or _closely(disk, layout, run_id, packed, fresh=fresh)


def _plain(disk: Disk, layout: Layout, run_id: RunId, reader: PackReader) -> Entry | None:
    """Return the row of a plain history, in a journal or a pack; None if it is not plain, or not there."""
    try:
        return plain_entry(disk, run_id, layout.journal(run_id))
    except FileNotFoundError:
        found = reader.read(run_id)
        return None if found is None else plain_row(run_id, *found)


def _is_in(each: Entry, days: set[str]) -> bool:
    return bool(days) and each.signature[1] == PACKED and day_of(each.run_id) in days


def _closely(
    disk: Disk,
    layout: Layout,
    run_id: RunId,
    packed: PackedRuns | None,
    *,
    fresh: bool = False,
    most: int | None = None,
) -> Entry | None:
    held = is_appended_to(disk, layout.journal(run_id))
    before = seen(disk, layout, run_id)
    if before is None:
        return None
    signature, is_packed = before.signature, before.signature[1] == PACKED
    if not is_packed and (held or (most is not None and before.size >= most)):
        return Entry(run_id, UNSURE)
    try:
        found = packed.known(run_id, signature) if packed else None
        row = fold_journal(disk, layout, run_id, found, fresh=fresh)
    except NotFound:
        return None if is_packed else Entry(run_id, UNSURE)
    is_held_back = _may_be_under_redaction(disk, layout, run_id, signature)
    if seen(disk, layout, run_id) != before:
        return Entry(run_id, UNSURE)
    if is_held_back:
        return Entry(run_id, signature)
    return Entry(run_id, signature) if row is None else entry(row, signature, before.end)


def _may_be_under_redaction(disk: Disk, layout: Layout, run_id: RunId, signature: Signature) -> bool:
    """Say whether packs may still hold what a journal behind them says was taken out: no row may."""
    try:
        return is_behind_packs(signature) and is_redacted(disk, layout.journal(run_id))
    except OSError:
        return True
