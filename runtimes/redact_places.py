"""Where a run's text lies besides its history, and how a value is taken out of each of them."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Final

import msgspec

from runlore.journal import exit_record
from runlore.journal.disk import Disk, read_whole, write_whole
from runlore.journal.layout import Layout
from runlore.journal.overwrite import Spans, overwritten_bytes
from runlore.journal.values import RunId
from runlore.projections.artifact_views import manifest_file
from runlore.runtimes import secret_search as search
from runlore.runtimes import transcript_index as index
from runlore.runtimes.bundle import FOLDER, MANIFEST, write_manifest
from runlore.runtimes.run_places import folders_of, paths_of
from runlore.runtimes.secret_search import Overwritten
from runlore.runtimes.stored import artifacts_of

_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK


class Place(msgspec.Struct, frozen=True):
    """A file that holds a value, and what takes it out."""

    kind: str
    path: str
    count: int
    """Times that a value was found."""
    rewrite: Callable[[], None]


def found_in(disk: Disk, layout: Layout, run_id: RunId, spans: Spans) -> Iterator[Place]:
    """Yield the files of a run that hold a value and may be rewritten: transcript, exit record, and so on."""
    for find in PLACES:
        yield from find(disk, layout, run_id, spans)


def _transcript(disk: Disk, layout: Layout, run_id: RunId, spans: Spans) -> Iterator[Place]:
    """Find values in each stream by itself, and in the file as it lies there."""
    for path in paths_of(layout, run_id, "transcript"):
        if _exists(disk, path):
            yield from _transcript_at(disk, path, spans)


def _transcript_at(disk: Disk, path: str, spans: Spans) -> Iterator[Place]:
    index_path = f"{path}.index"
    data_fd = disk.open(path, _FLAGS)
    try:
        found = list(search.edits(search.whole(disk, data_fd), spans))
        if _exists(disk, index_path):
            index_fd = disk.open(index_path, _FLAGS)
            try:
                for stream in index.STREAMS:
                    found += search.edits(search.stream(disk, data_fd, index_fd, stream), spans)
            finally:
                disk.close(index_fd)
    finally:
        disk.close(data_fd)
    if found:
        yield _edited(disk, "transcript", path, found)


def _exit(disk: Disk, layout: Layout, run_id: RunId, spans: Spans) -> Iterator[Place]:
    """Find values in the reason that the exit record gives."""
    for path in paths_of(layout, run_id, "exit"):
        if _exists(disk, path):
            yield from _exit_at(disk, path, spans)


def _exit_at(disk: Disk, path: str, spans: Spans) -> Iterator[Place]:
    record = exit_record.decode(read_whole(disk, path, exit_record.BLOCK))
    reason = record.reason if record else None
    if record is None or reason is None:
        return
    text = reason.text.encode()
    found = spans(text)
    if found:
        kept = overwritten_bytes(text, found).decode("utf-8", "replace")
        said = msgspec.structs.replace(record, reason=msgspec.structs.replace(reason, text=kept))
        block = exit_record.encode(said)
        yield Place("exit", path, len(found), lambda: write_whole(disk, path, block))


def _keeper_error(disk: Disk, layout: Layout, run_id: RunId, spans: Spans) -> Iterator[Place]:
    """Find values in what a keeper that failed left for its users."""
    for path in paths_of(layout, run_id, "keeper.error"):
        yield from _plain(disk, "keeper.error", path, spans)


def _quarantine(disk: Disk, layout: Layout, run_id: RunId, spans: Spans) -> Iterator[Place]:
    """Find values in what was cut out of the journal."""
    with suppress(FileNotFoundError):
        for name in sorted(disk.listdir(layout.quarantine)):
            if name.startswith(f"{run_id}-"):
                yield from _plain(disk, "quarantine", f"{layout.quarantine}/{name}", spans)


def _manifest(disk: Disk, layout: Layout, run_id: RunId, spans: Spans) -> Iterator[Place]:
    """Find values in the list of the outputs; once the journal is redacted it is made from that anew."""
    for folder in paths_of(layout, run_id, FOLDER):
        path = f"{folder}/{MANIFEST}"
        if not os.path.isfile(path) or os.path.islink(path):
            continue
        for place in _plain(disk, "manifest", path, spans):
            yield Place(place.kind, path, place.count, partial(_made_anew, disk, layout, run_id, folder))


def _made_anew(disk: Disk, layout: Layout, run_id: RunId, folder: str) -> None:
    write_manifest(disk, folder, manifest_file(artifacts_of(disk, layout, run_id)))


def _plain(disk: Disk, kind: str, path: str, spans: Spans) -> Iterator[Place]:
    if not _exists(disk, path):
        return
    fd = disk.open(path, _FLAGS)
    try:
        edits = list(search.edits(search.whole(disk, fd), spans))
    finally:
        disk.close(fd)
    if edits:
        yield _edited(disk, kind, path, edits)


def _edited(disk: Disk, kind: str, path: str, edits: list[Overwritten]) -> Place:
    count = len({edit.offset for edit in edits if edit.begins})
    return Place(kind, path, count, lambda: search.replace(disk, path, edits))


PLACES: Final = (_transcript, _quarantine, _keeper_error, _exit, _manifest)


def drop_halves(disk: Disk, layout: Layout, run_id: RunId) -> None:
    """Remove what a crash left of files of the run that were being replaced; the owner lock is held."""
    for folder in folders_of(layout, run_id):
        for path in (folder, f"{folder}/{FOLDER}"):
            with suppress(FileNotFoundError, NotADirectoryError):
                _drop_halves_in(disk, path)
    with suppress(FileNotFoundError):
        for name in disk.listdir(layout.quarantine):
            if name.startswith(f".{run_id}-") and name.endswith(".tmp"):
                disk.unlink(f"{layout.quarantine}/{name}")


def _drop_halves_in(disk: Disk, folder: str) -> None:
    for name in disk.listdir(folder):
        if name.startswith(".") and name.endswith(".tmp"):
            disk.unlink(f"{folder}/{name}")


def _exists(disk: Disk, path: str) -> bool:
    try:
        disk.stat_path(path)
    except FileNotFoundError:
        return False
    return True
