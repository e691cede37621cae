"""What still holds a value after a redaction, because it is not ours to rewrite: it is named instead."""

import os
import stat
from collections.abc import Iterable, Iterator
from typing import Final

from runlore.journal.disk import Disk, read_whole
from runlore.journal.errors import JournalIO
from runlore.journal.layout import Layout
from runlore.journal.sought import Sought
from runlore.journal.values import RunId
from runlore.projections.views import StillThereView
from runlore.runtimes import redact_blobs
from runlore.runtimes import secret_search as search
from runlore.runtimes.stored import evidence_of

_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK
_OUTPUT: Final = "an output of the command: remove or replace it yourself"
_EVIDENCE: Final = "an output that was promoted: remove it yourself, if it may be missed"
_CLAIM: Final = "the claim of the run's key, by which a submission finds it again"
_SETTING: Final = "your settings"
_BLOB: Final = "the recipe of other runs, too: redact them as well"
_OTHER: Final = "a file that this release does not know"
_REWRITTEN: Final = frozenset({"transcript", "transcript.index", "exit", "keeper.error"})
_CLAIM_BYTES: Final = 1 << 16


def still_there(
    disk: Disk, layout: Layout, run_id: RunId, sought: Sought, shared: Iterable[str] = ()
) -> Iterator[StillThereView]:
    """Yield files that hold a value and stay as they are; a value in a name is told without it.

    shared: digests of blobs that the run needs no more, and others do.
    """
    blobs = ((layout.blob(digest), _BLOB) for digest in shared)
    for path, why in [*_candidates(disk, layout, run_id), *blobs]:
        if _holds(disk, path, sought):
            name = path.removeprefix(f"{layout.root}/")
            yield StillThereView(path=sought.text(name), why=why)


def _candidates(disk: Disk, layout: Layout, run_id: RunId) -> Iterator[tuple[str, str]]:
    folder = layout.run_dir(run_id)
    for name in _names(disk, folder):
        if name in {"artifacts", "bundle"}:
            for path in _below(f"{folder}/{name}"):
                yield path, _OUTPUT
        elif name not in _REWRITTEN:
            yield f"{folder}/{name}", _OTHER
    for digest in sorted(evidence_of(disk, layout, run_id)):
        yield f"{layout.evidence}/{digest}", _EVIDENCE
    blob = redact_blobs.recipe_blob(disk, layout, run_id)
    for digest in {*redact_blobs.to_go(disk, layout, run_id), *([blob] if blob else [])}:
        yield layout.blob(digest), _BLOB
    for name in _names(disk, layout.keys):
        if run_id.encode() in _beginning(disk, f"{layout.keys}/{name}"):
            yield f"{layout.keys}/{name}", _CLAIM
    yield layout.config_file, _SETTING
    for path in _below(layout.settings):
        yield path, _SETTING


def _holds(disk: Disk, path: str, sought: Sought) -> bool:
    """Say whether a file holds a value, or is called so; what cannot be read counts as holding it."""
    if sought.spans(os.fsencode(path.rpartition("/")[2])):
        return True
    try:
        if not stat.S_ISREG(disk.stat_path(path).mode):
            return False
        fd = disk.open(path, _FLAGS)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise JournalIO(
            f"{sought.text(path)}: {error.strerror}; whether it holds the value is not known"
        ) from error
    try:
        return search.holds(search.whole(disk, fd), sought.spans)
    finally:
        disk.close(fd)


def _below(folder: str) -> Iterator[str]:
    """Yield everything below a folder but folders, symbolic links not followed."""
    for at, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            yield f"{at}/{name}"


def _names(disk: Disk, folder: str) -> list[str]:
    try:
        return sorted(disk.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _beginning(disk: Disk, path: str) -> bytes:
    try:
        return read_whole(disk, path, _CLAIM_BYTES)
    except OSError:
        return b""
