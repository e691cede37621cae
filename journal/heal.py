"""Mend what a crash did to a journal, under its append lock; bytes are moved aside, never destroyed.

Two wounds: a crash tail is copied to quarantine and cut; a file whose sync failed is condemned and
replaced by a copy of what is known to be right. Each leaves a `journal.repaired` event behind.
"""

import os
from datetime import datetime
from hashlib import sha256
from typing import Literal

from msgspec import Struct

from runlore.journal.compose import compose
from runlore.journal.disk import Disk, discard, write_fully
from runlore.journal.errors import JournalIO
from runlore.journal.events import Event, JournalRepaired
from runlore.journal.journal_file import JournalFile
from runlore.journal.layout import Layout
from runlore.journal.machine import actor
from runlore.journal.scan import Scanner, Tail
from runlore.journal.tailing import PIECE, Source, pieces, read_on
from runlore.journal.values import RunId, Seq

Cause = Literal["crash_tail", "sync_failed", "corruption"]


class Cut(Struct, frozen=True):
    """Bytes that were taken out of a journal."""

    offset: int
    bytes: int
    sha256: str
    quarantine: str


def repaired(seq: Seq, at: datetime, cause: Cause, cut: Cut) -> JournalRepaired:
    """Return the event that tells what was cut."""
    return JournalRepaired(
        seq=seq,
        at=at,
        by=actor("runlore"),
        cause=cause,
        offset=cut.offset,
        bytes=cut.bytes,
        sha256=cut.sha256,
        quarantine=cut.quarantine,
    )


def set_aside(disk: Disk, layout: Layout, source: Source, tail: Tail) -> Cut:
    """Copy everything behind the tail to quarantine, durably; the journal itself stays as it is."""
    digest, length = sha256(), 0
    name = f"{tail.run_id}-{tail.offset}-{os.urandom(4).hex()}"
    fd = disk.open(f"{layout.quarantine}/{name}", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        while piece := source.pread(PIECE, tail.size + length):
            write_fully(disk, fd, piece)
            digest.update(piece)
            length += len(piece)
        disk.fdatasync(fd)
    finally:
        disk.close(fd)
    disk.sync_dir(layout.quarantine)
    return Cut(tail.offset, length, digest.hexdigest(), name)


def cut_tail(disk: Disk, layout: Layout, file: JournalFile, tail: Tail) -> Cut:
    """Set everything behind the tail aside, then cut it off; the next sync makes the cut durable."""
    cut = set_aside(disk, layout, file, tail)
    file.cut(tail.size)
    return cut


def replace_condemned(disk: Disk, layout: Layout, old: JournalFile, tail: Tail) -> tuple[JournalFile, Tail]:
    """Return a new journal file, locked and synced, with every record up to `tail`; `old` is unlinked.

    The records keep their bytes, so nobody who read them is led astray; `journal.repaired` follows
    them. What this process wrote since the last good sync is taken from memory, not from the file.

    Raises:
        JournalIO: the bytes in the file are not what the chain says, or the disk refused again.
    """
    nothing = Cut(tail.offset, 0, sha256().hexdigest(), "")
    return replace(disk, layout, old, tail, repaired(Seq(tail.seq + 1), disk.now(), "sync_failed", nothing))


def replace(  # noqa: PLR0917 - where from, where to, and what stands behind it
    disk: Disk, layout: Layout, old: JournalFile, tail: Tail, last: Event, source: Source | None = None
) -> tuple[JournalFile, Tail]:
    """Return a new journal file, locked and synced: the records of `old` up to `tail`, then `last`.

    It takes the place of `old` in one rename, so a crash leaves the one or the other.
    source: the records are taken from there, and not from `old`.

    Raises:
        JournalIO: the bytes in `old` are not what the chain says. OSError: the disk refused.
    """
    run_id: RunId = tail.run_id
    path = layout.journal(run_id)
    temporary = f"{layout.journals}/.{run_id}.{os.urandom(6).hex()}.tmp"
    new = JournalFile(disk, temporary, create=True)
    try:
        new.lock()
        _copy(disk, source or old, old, new, tail)
        composed = compose(tail, last)
        write_fully(disk, new.fd, composed.data)
        new.sync()
        disk.rename(temporary, path)
        disk.sync_dir(layout.journals)
    except BaseException:
        discard(disk, temporary)
        new.close()
        raise
    new.path = path
    old.close()
    return new, composed.after


def _copy(disk: Disk, source: Source, old: JournalFile, new: JournalFile, tail: Tail) -> None:
    """Copy the records up to `tail`, checked against the chain; lines that were redacted stay so."""
    start, loose, end = Tail.empty(tail.run_id), bytes(old.loose), tail.size - len(old.loose)
    scanner = Scanner(start)
    for piece in pieces(source, 0, end):
        scanner.advance(piece)
        write_fully(disk, new.fd, piece)
    if scanner.damage is not None:
        scanner = Scanner(read_on(source, start, end)[0])
    scanner.advance(loose)
    write_fully(disk, new.fd, loose)
    if scanner.tail.digest != tail.digest:
        raise JournalIO(f"{old.path}: the file does not hold any more what was written to it")
