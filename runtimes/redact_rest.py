"""What still holds a value after a redaction, because it is not ours to rewrite: it is named instead."""

import os
import stat
from collections.abc import Iterable, Iterator
from typing import Final

from runlore.journal.disk import Disk, read_whole
from runlore.journal.errors import JournalIO
from runlore.journal.layout import Layout
from runlore.journal.overwrite import overwritten_bytes
from runlore.journal.sought import Sought
from runlore.journal.values import RunId
from runlore.projections.secret_views import StillThereView
from runlore.runtimes import redact_blobs
from runlore.runtimes import secret_search as search
from runlore.runtimes.bundle import FOLDER as BUNDLE
from runlore.runtimes.bundle import MANIFEST
from runlore.runtimes.collecting import OUTPUTS
from runlore.runtimes.run_places import folders_of
from runlore.runtimes.stored import artifacts_of

_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK
_OUTPUT: Final = "an output of the command: remove or replace it yourself"
_MANIFEST: Final = "the list of the outputs; the value lies across its fields"
_CLAIM: Final = "the claim of the run's key, by which a submission finds it again"
_SETTING: Final = "your settings"
_SUBSCRIPTION: Final = "a named subscription: `runlore subscriptions rm NAME` forgets it"
_BLOB: Final = "the recipe of other runs, too: redact them as well"
_OTHER: Final = "a file that this release does not know"
_REWRITTEN: Final = frozenset({"transcript", "transcript.index", "exit", "keeper.error"})
_CLAIM_BYTES: Final = 1 << 16
_TOLD: Final = 3
"""Paths that are named of outputs with the same bytes."""


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
            yield StillThereView(path=sought.text(name), why=_as_redacted(why, sought))


def _candidates(disk: Disk, layout: Layout, run_id: RunId) -> Iterator[tuple[str, str]]:
    for folder in folders_of(layout, run_id):
        yield from _in_folder(disk, layout, run_id, folder)
    yield from _evidence(disk, layout, run_id)
    blob = redact_blobs.recipe_blob(disk, layout, run_id)
    for digest in {*redact_blobs.to_go(disk, layout, run_id), *([blob] if blob else [])}:
        yield layout.blob(digest), _BLOB
    for name in _names(disk, layout.keys):
        if run_id.encode() in _beginning(disk, f"{layout.keys}/{name}"):
            yield f"{layout.keys}/{name}", _CLAIM
    yield from _of_users(layout)


def _of_users(layout: Layout) -> Iterator[tuple[str, str]]:
    """Yield what somebody wrote or named on purpose."""
    yield layout.config_file, _SETTING
    for path in _below(layout.settings):
        yield path, _SETTING
    for path in _below(layout.positions):
        yield path, _SUBSCRIPTION


def _in_folder(disk: Disk, layout: Layout, run_id: RunId, folder: str) -> Iterator[tuple[str, str]]:
    for name in _names(disk, folder):
        if name == BUNDLE:
            yield from _in_bundle(disk, layout, run_id, f"{folder}/{name}")
        elif name == OUTPUTS:
            for path in _below(f"{folder}/{name}"):
                yield path, _OUTPUT
        elif name not in _REWRITTEN:
            yield f"{folder}/{name}", _OTHER


def _in_bundle(disk: Disk, layout: Layout, run_id: RunId, folder: str) -> Iterator[tuple[str, str]]:
    """Yield what is stored of the run's outputs: evidence by its digest, so nobody writes it anew."""
    state = artifacts_of(disk, layout, run_id)
    paths: dict[str, list[str]] = {}
    for entry in state.stored:
        paths.setdefault(entry.sha256 or "", []).append(entry.path)
    for path in _below(folder):
        name = path.rpartition("/")[2]
        if name in paths:
            yield path, f"the output {_listed(paths[name])}, evidence by its digest: {_remove(run_id)}"
        else:
            yield path, _MANIFEST if name == MANIFEST else _OTHER


def _evidence(disk: Disk, layout: Layout, run_id: RunId) -> Iterator[tuple[str, str]]:
    """Yield what of the run's outputs was promoted, also if its folder is gone."""
    paths: dict[str, list[str]] = {}
    for path, promotion in artifacts_of(disk, layout, run_id).promoted.items():
        paths.setdefault(promotion.sha256, []).append(path)
    for digest, named in sorted(paths.items()):
        told = _listed(sorted(named))
        yield f"{layout.evidence}/{digest}", f"promoted evidence, the output {told}: nothing removes it"


def _as_redacted(text: str, sought: Sought) -> str:
    """Return a text as the journal has it after the redaction, so that a plan says the same."""
    data = text.encode("utf-8", "surrogatepass")
    return overwritten_bytes(data, sought.spans(data)).decode("utf-8", "replace")


def _listed(paths: list[str]) -> str:
    """Return the first paths, and how many more there are."""
    more = f" and {len(paths) - _TOLD:,} more" if len(paths) > _TOLD else ""
    return ", ".join(paths[:_TOLD]) + more


def _remove(run_id: RunId) -> str:
    return f"`runlore rm {run_id} --now` removes it, with all that the run stored"


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
