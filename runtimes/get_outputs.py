"""Write stored outputs into a folder of the user's, under their paths; nothing there is written over."""

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final

from runlore.journal.disk import REAL, write_fully
from runlore.journal.errors import BadInput, DamagedArtifact, JournalIO
from runlore.journal.events import ArtifactCollected
from runlore.journal.layout import Layout
from runlore.journal.values import RunId
from runlore.projections.artifact_paths import refusal
from runlore.projections.artifact_views import GotView
from runlore.runtimes.beneath import FOLDER, open_beneath, open_folder
from runlore.runtimes.stored import open_stored, pieces

_MODE: Final = 0o777
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def get_outputs(
    layout: Layout,
    run_id: RunId,
    entries: Sequence[ArtifactCollected],
    to: str,
    each: Callable[[Iterable[ArtifactCollected]], Iterable[ArtifactCollected]] = lambda entries: entries,
) -> list[GotView]:
    """Return what was written below the folder `to`, which is made if need be.

    Each file appears whole and checked, or not at all. each: passes the entries through, to count them.

    Raises:
        BadInput: something is there already (then nothing was written), or a path could not be one.
        NotFound, DamagedArtifact: bytes are missing or damaged; what was written before stays.
        JournalIO: the disk refused.
    """
    for entry in entries:
        if why := refusal(entry.path):
            raise DamagedArtifact(entry.path, f"nothing is written there: {why}")
        if os.path.lexists(os.path.join(to, entry.path)):
            raise BadInput(
                f"{os.path.join(to, entry.path)} is there already; nothing was written. Name another --to"
            )
    try:
        os.makedirs(to, exist_ok=True)
        top = open_folder(to)
    except OSError as error:
        raise BadInput(f"--to {to!a}: {error.strerror or error}") from error
    try:
        return [_got(layout, run_id, entry, top, to) for entry in each(entries)]
    finally:
        os.close(top)


def save_output(layout: Layout, run_id: RunId, entry: ArtifactCollected, to: str) -> str:
    """Return the path of the file that one output was written to; nothing is written over.

    to: that path, or a folder that is there, in which it gets its own name.

    Raises: as `get_outputs` does.
    """
    where = os.path.join(to, entry.path.rpartition("/")[2]) if os.path.isdir(to) else to
    folder, name = os.path.split(where)
    if os.path.lexists(where) or not name:
        raise BadInput(f"{where!a} is there already, or no name of a file; nothing was written")
    try:
        top = open_folder(folder or ".")
    except OSError as error:
        raise BadInput(f"{folder or '.'!a}: {error.strerror or error}") from error
    try:
        source = open_stored(layout, run_id, entry)
        try:
            _write(source, entry, top, folder, name)
        finally:
            os.close(source)
    finally:
        os.close(top)
    return where


def _got(layout: Layout, run_id: RunId, entry: ArtifactCollected, top: int, to: str) -> GotView:
    source = open_stored(layout, run_id, entry)
    try:
        _write(source, entry, top, to, entry.path)
    finally:
        os.close(source)
    where = os.path.join(to, entry.path)
    return GotView(path=entry.path, to=where, bytes=entry.bytes, sha256=entry.sha256 or "")


def _write(source: int, entry: ArtifactCollected, top: int, to: str, path: str) -> None:
    *folders, name = path.split("/")
    temporary = f".{os.urandom(6).hex()}.tmp"
    try:
        folder = _folder(top, folders)
    except OSError as error:
        raise BadInput(f"{to}/{'/'.join(folders)}: {error.strerror or error}") from error
    try:
        target = os.open(temporary, _NEW, _MODE & 0o666, dir_fd=folder)
        try:
            for piece in pieces(source, entry):
                write_fully(REAL, target, piece)
        finally:
            os.close(target)
        os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except FileExistsError as error:
        raise BadInput(f"{os.path.join(to, path)} has appeared meanwhile; it was left alone") from error
    except (DamagedArtifact, JournalIO):
        raise
    except OSError as error:
        raise JournalIO(f"{os.path.join(to, path)}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        os.close(folder)


def _folder(top: int, names: Sequence[str]) -> int:
    """Return a descriptor of the folder below, made if need be, no link on the way."""
    at = os.dup(top)
    for name in names:
        with suppress(FileExistsError):
            os.mkdir(name, _MODE, dir_fd=at)
        try:
            deeper = open_beneath(at, name, FOLDER)
        finally:
            os.close(at)
        at = deeper
    return at
