"""Where the packed parts of a run end: what the next event of a packed run goes on from."""

from msgspec import Struct, structs

from runlore.journal import packs, tailing
from runlore.journal.disk import Disk
from runlore.journal.errors import CorruptJournal, NotFound
from runlore.journal.history import History, continued_at
from runlore.journal.journal_file import JournalFile
from runlore.journal.layout import Layout
from runlore.journal.packs import Packs
from runlore.journal.scan import Scanner, Tail
from runlore.journal.values import Offset, RunId


class PackedTail(Struct, frozen=True):
    """The end of what is packed of a run."""

    tail: Tail
    """With `base` at its end and `size` 0: of a file that goes on from there."""
    pack: str
    """File name of the pack that holds the last part."""


def open_behind_packs(disk: Disk, layout: Layout, run_id: RunId) -> tuple[JournalFile, PackedTail | None]:
    """Return a run's journal, and the end of the packed parts in front of it, None if there are none.

    A run that is all in packs gets an empty one; what begins it comes with the first event.

    Raises:
        NotFound: there is neither. CorruptJournal: the packed parts do not end in a whole record.
        OSError: the disk refused.
    """
    path = layout.journal(run_id)
    try:
        file = JournalFile(disk, path)
    except FileNotFoundError:
        file = _begun(disk, layout, run_id)
    try:
        begins = continued_at(file)
        return file, None if begins == 0 else tail_in_packs(disk, layout, run_id, begins)
    except BaseException:
        file.close()
        raise


def _begun(disk: Disk, layout: Layout, run_id: RunId) -> JournalFile:
    if tail_in_packs(disk, layout, run_id, None) is None:
        raise NotFound(f"run {run_id} has no journal in {layout.journals}")
    path = layout.journal(run_id)
    try:
        return JournalFile(disk, path, create=True)
    except FileExistsError:  # by another appender, just now
        return JournalFile(disk, path)


def tail_in_packs(disk: Disk, layout: Layout, run_id: RunId, end: int | None) -> PackedTail | None:
    """Return the end of the packed parts of a run; None if there are none.

    end: where the journal says that it goes on; None: it says nothing yet.

    Raises:
        CorruptJournal: the packed parts do not end in a whole record, or are damaged near their end.
        OSError: the disk refused.
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
        _require_whole(history, run_id, packed)
    return PackedTail(
        structs.replace(tail, base=tail.offset, size=0),
        path.rpartition("/")[2],
    )


def _require_whole(history: History, run_id: RunId, packed: int) -> None:
    """Return if the last lines are records, as many as whoever appends to a journal looks at as well.

    What their `h` is does not matter here: a line that was redacted is named behind the packs.

    Raises:
        CorruptJournal: they are not, so what is appended would stand behind damage.
    """
    known = tailing.near_end(history, run_id, packed, boot_id="")
    scanner = Scanner(known, check_chain=False)
    for piece in tailing.pieces(history, known.size, packed):
        scanner.advance(piece)
    if scanner.damage is not None:
        path, at = history.place(scanner.damage.offset - scanner.tail.base)
        raise CorruptJournal(path, run_id, Offset(at), scanner.damage.detail)
