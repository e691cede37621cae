"""Move sealed journals into packs: copy, sync, compare, and only then let the journal go.

Whoever packs holds the pack lock. A pack gets its name when it is whole and on the disk; what has no such
name is left over and goes. A journal goes only if, under its append lock, its bytes are those of the last
packed part: whatever a crash leaves undone, the next packing finds done or does again.
"""

import os
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from typing import Final

from msgspec import Struct

from runlore.journal import packs, tailing
from runlore.journal.disk import Disk, discard, write_fully
from runlore.journal.errors import Busy, CorruptJournal, JournalIO, RunloreError
from runlore.journal.history import History, continued_at
from runlore.journal.journal_file import JournalFile
from runlore.journal.layout import Layout
from runlore.journal.lock_waits import if_stopped
from runlore.journal.pack_index import OPENINGS, PackedPart, PackIndex, PartFinder
from runlore.journal.packed_tail import tail_in_packs
from runlore.journal.packs import PackName, Packs
from runlore.journal.scan import Tail
from runlore.journal.values import RunId

PACK_BYTES: Final = 64 << 20
"""A pack is closed before it grows beyond this; a redaction rewrites a whole pack."""
_PIECE: Final = 1 << 20
_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK


class Pack(Struct, frozen=True):
    """A pack that was written."""

    name: PackName
    parts: list[PackedPart]
    bytes: int


@contextmanager
def pack_lock(disk: Disk, layout: Layout, *, wait: bool = False) -> Generator[None]:
    """Hold the lock of everybody who makes or rewrites packs, or removes halves of them.

    Raises:
        Busy: somebody else holds it. JournalIO: the disk refused.
    """
    try:
        with suppress(FileExistsError):
            disk.mkdir(layout.packs)
        disk.sync_dir(layout.root)  # whoever made it may have been killed in front of this
        fd = disk.open(f"{layout.packs}/.lock", os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise JournalIO(f"{layout.packs}: {error.strerror or error}; nothing was packed") from error
    try:
        if not disk.lock(fd, wait=wait):
            raise Busy(
                f"somebody else is packing in {layout.packs}; try again when that is done{if_stopped(fd)}"
            )
        yield
    finally:
        disk.close(fd)


def tidy(disk: Disk, layout: Layout) -> None:
    """Remove halves of packs, and make the indexes anew that are missing or wrong; holds the pack lock.

    Raises:
        OSError: the disk refused.
    """
    names = disk.listdir(layout.packs)
    for name in names:
        if name.startswith(".") and name.endswith(".tmp"):
            disk.unlink(f"{layout.packs}/{name}")
    for pack in packs.pack_names(disk, layout):
        path = f"{layout.packs}/{pack}"
        if packs.load_index(disk, path) is None:
            finder = packs.find_parts(disk, path)
            if not finder.lost:  # an index of a damaged pack would hide the damage
                _write_index(disk, path, finder.finish(), disk.stat_path(path).size)


def next_name(disk: Disk, layout: Layout, day: str) -> PackName:
    """Return the name of the next pack of a day; holds the pack lock."""
    return PackName(day, max((name.number for name in packs.pack_names(disk, layout, day)), default=0) + 1)


def write_pack(disk: Disk, layout: Layout, name: PackName, run_ids: Iterable[RunId]) -> Pack | None:
    """Return a new pack of these runs' journals, whole and on the disk; None if none of them could be packed.

    A journal that is not whole and sealed is left out. The journals stay: see `let_go`.

    Raises:
        OSError: the disk refused; no pack is left behind.
    """
    path = f"{layout.packs}/{name}"
    temporary = f"{layout.packs}/.{name}.{os.urandom(6).hex()}.tmp"
    finder, size = PartFinder(), 0
    fd = disk.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL)
    try:
        try:
            for run_id in run_ids:
                size += _copy(disk, layout, run_id, fd, finder)
            disk.fdatasync(fd)
        finally:
            disk.close(fd)
        if not size:
            disk.unlink(temporary)
            return None
        disk.rename(temporary, path)
    except BaseException:
        discard(disk, temporary)
        raise
    disk.sync_dir(layout.packs)
    parts = finder.finish()
    _write_index(disk, path, parts, size)
    return Pack(name, parts, size)


def let_go(disk: Disk, layout: Layout, run_id: RunId, known: Packs) -> bool:
    """Remove a journal whose bytes are the last packed parts of its run; say whether it is gone.

    They are several if the journal was imported: it may hold what was packed, and what was appended then.

    For the holder of the owner lock and the pack lock. Takes the append lock: an appender that waits for it
    finds the file without a name, and goes on behind the pack. known: the packs, as they are now.

    Raises:
        OSError: the disk refused.
    """
    path = layout.journal(run_id)
    try:
        file = JournalFile(disk, path)
    except FileNotFoundError:
        return True
    with _locked(file) as size:
        if size is None or not _is_packed(disk, run_id, file, size, known):
            return False
        disk.unlink(path)
    return True


@contextmanager
def _locked(file: JournalFile) -> Generator[int | None]:
    """Hold the append lock, give the size, and let go of the file; None: it has no name any more."""
    try:
        yield file.lock()
        file.unlock()
    finally:
        file.close()


def _is_packed(disk: Disk, run_id: RunId, file: JournalFile, size: int, known: Packs) -> bool:
    """Say whether the file could go, and nothing of the run's history with it."""
    chain = packs.chained(known.copies(run_id))
    if not chain:
        return False
    if not size:  # made for an event that never came
        return True
    begins = continued_at(file)
    if begins is None:
        return False
    parts = [copy for copy in chain if copy.part.start >= begins]
    if not parts or parts[0].part.start != begins or parts[-1].part.end != begins + size:
        return False
    with History(disk, None, run_id) as packed:
        packed.add_copies(parts)
        offset = 0
        while offset < size:
            ours = file.pread(min(_PIECE, size - offset), offset)
            if not ours or ours != packed.pread(len(ours), offset):
                return False
            offset += len(ours)
    return True


def _copy(disk: Disk, layout: Layout, run_id: RunId, fd: int, finder: PartFinder) -> int:
    """Append a run's journal to a pack and return how many bytes that were; 0 if it cannot be packed."""
    try:
        file = JournalFile(disk, layout.journal(run_id))
    except FileNotFoundError:
        return 0
    with _locked(file) as size:
        if not size or not _is_whole(disk, layout, run_id, file, size):
            return 0
        offset = 0
        while offset < size:
            piece = file.pread(min(_PIECE, size - offset), offset)
            write_fully(disk, fd, piece)
            finder.feed(piece)
            offset += len(piece)
    return size


def _is_whole(disk: Disk, layout: Layout, run_id: RunId, file: JournalFile, size: int) -> bool:
    """Say whether a journal is sealed, undamaged, and begins as a part of a pack does."""
    begins = continued_at(file)
    if begins is None or not file.pread(64, 0).startswith(OPENINGS):
        return False
    start = Tail.empty(run_id)
    if begins:
        try:
            packed = tail_in_packs(disk, layout, run_id, begins)
        except CorruptJournal:
            return False
        if packed is None:
            return False  # what it continues is lost, and it says so as long as it lies there
        start = packed.tail
    try:
        tail, verdict = tailing.read_on(file, start, size)
    except OSError:
        return False  # `verify` says so
    return verdict.state == "clean" and tail.sealed and tail.size == size


def _write_index(disk: Disk, path: str, parts: list[PackedPart], size: int) -> None:
    """Write what lies where, if the disk takes it: without an index the pack is read as well.

    It is not synced, because one that a power cut spoils is not taken for right.
    """
    folder, _, name = packs.index_path(path).rpartition("/")
    temporary = f"{folder}/.{name}.{os.urandom(6).hex()}.tmp"
    try:
        fd = disk.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            write_fully(disk, fd, PackIndex.of(parts).encode(size))
        finally:
            disk.close(fd)
        disk.rename(temporary, f"{folder}/{name}")
    except BaseException as error:
        discard(disk, temporary)
        if not isinstance(error, OSError):
            raise


def refused(layout: Layout, error: OSError) -> RunloreError:
    """Return the error that is told."""
    if isinstance(error, RunloreError):
        return error
    return JournalIO(
        f"{layout.packs}: {error.strerror or error}; every run is where it was, or packed: "
        "`runlore pack` again goes on"
    )
