"""A recipe that is kept as a blob: its text is overwritten under a new digest, and the old blob goes.

An empty file `blobs/.<run_id>.<old digest>.tmp` says from before the journal names the new digest that
the old blob is to go, so that a crash in between is made good by the next redaction.
"""

import os
from contextlib import suppress
from hashlib import sha256
from typing import Final

from msgspec import Struct

from runlore.journal import codec
from runlore.journal.disk import Disk, read_whole, write_whole
from runlore.journal.errors import UndecodableLine
from runlore.journal.events import RunQueued
from runlore.journal.history import open_history
from runlore.journal.journal_ids import journal_ids
from runlore.journal.layout import Layout
from runlore.journal.overwrite import Spans, overwritten_recipe
from runlore.journal.values import RunId

_FIRST: Final = 4096
_LARGEST: Final = 1 << 30


class NewBlob(Struct, frozen=True):
    """A recipe without its secrets, and the digests before and after."""

    old: str
    new: str
    data: bytes


def overwritten(disk: Disk, layout: Layout, run_id: RunId, spans: Spans) -> NewBlob | None:
    """Return what is to stand in place of the run's recipe blob; None if it holds no secret, or is none."""
    digest = recipe_blob(disk, layout, run_id)
    if digest is None:
        return None
    try:
        data = read_whole(disk, layout.blob(digest), _LARGEST)
    except FileNotFoundError:
        return None
    new = overwritten_recipe(data, spans)
    return None if new is None else NewBlob(digest, sha256(new).hexdigest(), new)


def store(disk: Disk, layout: Layout, run_id: RunId, blob: NewBlob) -> None:
    """Make the new blob durable, and note that the old one is to go."""
    write_whole(disk, layout.blob(blob.new), blob.data)
    disk.close(disk.open(_marker(layout, run_id, blob.old), os.O_WRONLY | os.O_CREAT))
    disk.sync_dir(layout.blobs)


def drop_old(disk: Disk, layout: Layout, run_id: RunId) -> list[str]:
    """Remove the run's blobs that are to go, but for those that a journal names; return these."""
    kept: list[str] = []
    for digest in to_go(disk, layout, run_id):
        if _is_named(disk, layout, digest):
            kept.append(digest)
        else:
            with suppress(FileNotFoundError):
                disk.unlink(layout.blob(digest))
        disk.unlink(_marker(layout, run_id, digest))
        disk.sync_dir(layout.blobs)
    return kept


def to_go(disk: Disk, layout: Layout, run_id: RunId) -> list[str]:
    """Return the digests of the run's blobs that a redaction was to remove, and did not reach."""
    prefix, suffix = f".{run_id}.", ".tmp"
    try:
        names = disk.listdir(layout.blobs)
    except FileNotFoundError:
        return []
    found = [name for name in names if name.startswith(prefix) and name.endswith(suffix)]
    return sorted(name[len(prefix) : -len(suffix)] for name in found)


def recipe_blob(disk: Disk, layout: Layout, run_id: RunId) -> str | None:
    """Return the digest that the run's first event names, if it names one."""
    line = b""
    with open_history(disk, layout, run_id) as history:
        for limit in (_FIRST, codec.MAX_LINE):
            line, newline, _ = history.pread(limit, 0).partition(b"\n")
            if newline:
                break
    if b"recipe_blob" not in line:
        return None
    try:
        event = codec.decode(line)
    except UndecodableLine:
        return None
    return event.recipe_blob if isinstance(event, RunQueued) else None


def _is_named(disk: Disk, layout: Layout, digest: str) -> bool:
    """Say whether any run's recipe lies under this digest; a run that cannot be read may."""
    for run_id in journal_ids(disk, layout):
        try:
            if recipe_blob(disk, layout, run_id) == digest:
                return True
        except FileNotFoundError:
            continue
    return False


def _marker(layout: Layout, run_id: RunId, digest: str) -> str:
    return f"{layout.blobs}/.{run_id}.{digest}.tmp"
