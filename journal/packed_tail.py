"""Where the packed parts of a run end: what the next event of a packed run goes on from."""

from msgspec import Struct, structs

from runlore.journal import packs, tailing
from runlore.journal.disk import Disk
from runlore.journal.errors import CorruptJournal
from runlore.journal.history import History
from runlore.journal.layout import Layout
from runlore.journal.packs import Packs
from runlore.journal.scan import Tail
from runlore.journal.values import Offset, RunId


class PackedTail(Struct, frozen=True):
    """The end of what is packed of a run."""

    tail: Tail
    """With `base` at its end and `size` 0: of a file that goes on from there."""
    pack: str
    """File name of the pack that holds the last part."""


def tail_in_packs(disk: Disk, layout: Layout, run_id: RunId, end: int | None) -> PackedTail | None:
    """Return the end of the packed parts of a run; None if there are none.

    end: where the journal says that it goes on; None: it says nothing yet.

    Raises:
        CorruptJournal: the packed parts do not end in a whole record. OSError: the disk refused.
    """
    copies = packs.chained(Packs.of(disk, layout, run_id).copies(run_id), end)
    if not copies:
        return None
    path = copies[-1].path
    with History(disk, layout, run_id) as history:
        history.add_copies(copies)
        packed = history.packed
        tail = tailing.behind(history, run_id, packed)
    if tail is None:
        raise CorruptJournal(path, run_id, Offset(packed), "its packed part does not end in a record")
    return PackedTail(
        structs.replace(tail, base=tail.offset, size=0),
        path.rpartition("/")[2],
    )
