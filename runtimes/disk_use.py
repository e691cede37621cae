"""Count what takes the disk under a root. Reads only."""

import os
import stat
from typing import TYPE_CHECKING, Final

from runlore.journal import ids
from runlore.journal.errors import RunloreError
from runlore.journal.values import RunId
from runlore.projections.retention_views import DfView, LargeRunView
from runlore.runtimes import run_folder
from runlore.runtimes.free_space import free_bytes

if TYPE_CHECKING:
    from runlore.runtimes.registry import Registry

LARGEST: Final = 10
_BLOCK: Final = 512


def disk_use(registry: "Registry") -> DfView:
    """Return the bytes of disk under the root, by what they are, and the largest runs.

    Raises:
        NotFound: there is no registry.
    """
    layout = registry.layout
    kinds: dict[str, int] = {}
    runs: dict[RunId, int] = {}
    for name in _names(layout.runs):
        found = run_folder.sizes(f"{layout.runs}/{name}")
        for kind, size in found.items():
            kinds[kind] = kinds.get(kind, 0) + size
        if ids.is_run_id(name):
            runs[RunId(name)] = sum(found.values())
    trash = below(layout.trash)
    largest = sorted(runs, key=lambda run_id: (-runs[run_id], run_id))[:LARGEST]
    return DfView(
        root=layout.root,
        transcripts=kinds.get("transcripts", 0),
        artifacts=kinds.get("artifacts", 0),
        other_run_files=kinds.get("rest", 0),
        journals=below(layout.journals),
        packs=below(layout.packs),
        blobs=below(layout.blobs),
        evidence=below(layout.evidence),
        trash=trash,
        quarantine=below(layout.quarantine),
        derived=below(layout.feed) + below(layout.index),
        total=below(layout.root),
        free=free_bytes(layout.root),
        largest=[_large(registry, run_id, runs[run_id]) for run_id in largest],
        next=_next(registry, trash),
    )


def below(path: str) -> int:
    """Return the bytes of disk of everything below a folder, of what cannot be read none."""
    size = 0
    left = [path]
    while left:
        folder = left.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    found = entry.stat(follow_symlinks=False)
                    size += found.st_blocks * _BLOCK
                    if stat.S_ISDIR(found.st_mode):
                        left.append(entry.path)
        except OSError:
            continue
    return size


def _large(registry: "Registry", run_id: RunId, size: int) -> LargeRunView:
    try:
        state = registry.retaining.row(run_id).state
    except RunloreError:
        return LargeRunView(run_id=run_id, name=None, status=None, bytes=size)
    return LargeRunView(run_id=run_id, name=state.name or None, status=state.status, bytes=size)


def _next(registry: "Registry", in_trash: int) -> str | None:
    """Return the command that frees most with the least said."""
    try:
        if registry.retaining.policy().has_rules:
            return "runlore prune"
        if in_trash and registry.trash().items:
            return "runlore trash empty --dry-run"
    except RunloreError:
        return "runlore config check"
    return "runlore rm ID --dry-run"


def _names(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except OSError:
        return []
