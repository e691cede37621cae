"""Write a bundle: one file that is a whole of some runs, for another registry, or for somebody without one.

A stream: whatever the runs have, a piece of it is in memory at a time. The file gets its name when all of it
is on the disk, so a bundle that can be found is whole. Format: docs/reference/bundle-format.md
"""

import os
import stat
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Final

from runlore._version import __version__
from runlore.journal.disk import Disk, discard, write_fully
from runlore.journal.errors import BadInput, Conflict, DamagedArtifact, JournalIO, RunloreError
from runlore.journal.layout import Layout
from runlore.journal.packs import indexes_kept
from runlore.journal.values import RunId
from runlore.projections import bundle_file, tar_blocks
from runlore.projections.bundle_file import Description
from runlore.projections.exported import ExportedView, ExportView
from runlore.runtimes.export_plan import Item, Plan, plan
from runlore.runtimes.pieces import PIECE

_OPEN_FILES: Final = "/proc/self/fd"
Put = Callable[[bytes], None]
Watch = Callable[[Sequence[Item]], Iterable[Item]]
"""Passes the members through, to count them."""


def export_to_file(
    disk: Disk, layout: Layout, run_ids: Iterable[RunId], to: str, *, force: bool = False, watch: Watch = iter
) -> ExportView:
    """Return what was written to the file `to`, which has its name once all of it is on the disk.

    force: replace a file that is there.

    Raises:
        BadInput: something is there already, or no file can be. Conflict, NotFound, CorruptJournal,
        DamagedArtifact, NewerFormat: see `plan`; no file is made. JournalIO: the disk refused.
    """
    path = os.path.abspath(to)
    folder = os.path.dirname(path)
    _require_free(to, path, force=force)
    temporary = f"{folder}/.{os.urandom(8).hex()}.tmp"
    try:
        fd, named = _nameless(disk, folder) or _named(disk, temporary)
    except OSError as error:
        raise BadInput(f"{to}: {error.strerror or error}; choose another file") from error
    try:
        view = export(disk, layout, run_ids, lambda data: write_fully(disk, fd, data), to=to, watch=watch)
        disk.fdatasync(fd)
        if force and not named:
            _link(fd, temporary)
        if force:
            disk.rename(temporary, path)
        elif named:
            disk.link(temporary, path)
        else:
            _link(fd, path)
        disk.sync_dir(folder)
    except FileExistsError:
        raise BadInput(f"{to} has appeared meanwhile, and was left alone; nothing was exported") from None
    except OSError as error:
        if isinstance(error, RunloreError):
            raise
        raise JournalIO(f"{to}: {error.strerror or error}; nothing was exported") from error
    finally:
        disk.close(fd)
        discard(disk, temporary)
    return view


def export(
    disk: Disk, layout: Layout, run_ids: Iterable[RunId], put: Put, *, to: str, watch: Watch = iter
) -> ExportView:
    """Return what was written by `put`, piece by piece; if this raises, it is not to be used.

    Raises:
        As `plan` does, and whatever `put` raises.
    """
    with indexes_kept():
        return _export(plan(disk, layout, run_ids), put, to, watch)


def _export(planned: Plan, put: Put, to: str, watch: Watch) -> ExportView:
    if not planned.runs:
        raise BadInput("no runs to export; name some")
    out = _Out(put)
    described = bundle_file.encode(_described(planned))
    out.member(bundle_file.DESCRIPTION, len(described), [described])
    for item in watch(planned.items):
        found = out.member(item.file.path, item.file.bytes, item.pieces())
        stated = bundle_file.stated(item.file.path)
        if stated and found != stated:
            raise DamagedArtifact(item.file.path, "its bytes are not those on record")
    sums = "".join(out.sums).encode("ascii")
    out.member(bundle_file.SUMS, len(sums), [sums])
    out.put(tar_blocks.END)
    out.flush()
    items = [
        ExportedView(
            run_id=RunId(each.run_id),
            records=each.records,
            journal_head=each.journal_head,
            outputs=each.outputs,
            removed=each.removed,
        )
        for each in planned.runs
    ]
    return ExportView(to=to, bytes=out.bytes, items=items)


def _described(planned: Plan) -> Description:
    return Description(
        runlore=__version__,
        runs=tuple(planned.runs),
        members=tuple(item.file for item in planned.items),
    )


class _Out:
    """The bytes of a bundle on their way."""

    def __init__(self, put: Put) -> None:
        self._put, self._held = put, bytearray()
        self.bytes = 0
        self.sums: Final[list[str]] = []

    def put(self, data: bytes) -> None:
        self.bytes += len(data)
        self._held += data
        if len(self._held) >= PIECE:
            self.flush()

    def flush(self) -> None:
        data = bytes(self._held)
        self._held.clear()
        if data:
            self._put(data)

    def member(self, path: str, size: int, pieces: Iterable[bytes]) -> str:
        """Write one member, and return the SHA-256 of its bytes."""
        self.put(tar_blocks.header(path, size))
        digest, left = sha256(), size
        for piece in pieces:
            left -= len(piece)
            if left < 0:
                break
            digest.update(piece)
            self.put(piece)
        if left:
            raise Conflict(f"{path} changed while it was exported; try again")
        self.put(tar_blocks.padding(size))
        self.sums.append(bundle_file.sums_line(path, digest.hexdigest()))
        return digest.hexdigest()


def _nameless(disk: Disk, folder: str) -> tuple[int, bool] | None:
    """Return a new file without a name, of which a kill leaves nothing; None where that cannot be had."""
    if not os.path.isdir(_OPEN_FILES):
        return None
    try:
        return disk.open(folder, os.O_RDWR | os.O_TMPFILE), False
    except OSError:
        return None


def _named(disk: Disk, path: str) -> tuple[int, bool]:
    return disk.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL), True


def _link(fd: int, path: str) -> None:
    """Give a file its first name; open(2) tells how. A descriptor of a folder makes Python use linkat(2)."""
    os.link(f"{_OPEN_FILES}/{fd}", path, src_dir_fd=fd, follow_symlinks=True)


def _require_free(to: str, path: str, *, force: bool) -> None:
    """Return if a file may be put there.

    Raises:
        BadInput: something is there already that may not be replaced.
    """
    if not to or "\0" in to or path.endswith("/"):
        raise BadInput(f"{to!a} is no name of a file")
    try:
        found = os.lstat(path)
    except OSError:
        return  # there is nothing, or making the file tells why not
    if not stat.S_ISREG(found.st_mode):
        raise BadInput(f"{to} is there already, and no plain file; choose another, or `-o -` for a pipe")
    if not force:
        raise BadInput(f"{to} is there already; choose another, or replace it with --force")
