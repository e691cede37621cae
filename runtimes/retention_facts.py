"""Find out all that decides whether a run may go: its journal, its locks, its folder. Reads only."""

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from msgspec import structs

from runlore.journal.disk import Disk
from runlore.journal.events import FORMAT
from runlore.journal.layout import Layout
from runlore.journal.values import RunId
from runlore.projections.registry import Row
from runlore.projections.retention import Facts, Folder, Owner
from runlore.projections.run_state import RunState
from runlore.runtimes import heartbeat, run_folder

_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK
_FRESH_S: Final = 15.0
_END_OF_TIME: Final = datetime.max.replace(tzinfo=UTC)
Needed = Mapping[RunId, RunId]
"""By run: one that has not ended and goes back to it."""


def facts_of(
    disk: Disk, layout: Layout, row: Row, needed: Needed, *, holding: bool = False, folder: str = ""
) -> Facts:
    """Return the facts about one run, as they are now.

    holding: the caller has its owner lock. folder: where its outputs lie, if not in their place.
    """
    state, run_id = row.state, row.run_id
    path = folder or layout.run_dir(run_id)
    lies = _movable(layout, run_folder.look(path))
    owner: Owner = "free"
    detail = ""
    if not holding and lies is not None:
        owner, detail = _owner(disk, f"{path}/owner.lock")
    asked = state.queued.retention if state.queued else None
    return Facts(
        run_id=run_id,
        name=state.name,
        status=state.status,
        tags=state.tags,
        created_at=state.created_at,
        ended_at=state.ended_at,
        problem=row.problem.detail if row.problem else "",
        newer=state.format > FORMAT,
        pinned=state.pinned,
        promoted=state.promoted,
        accepted=state.accepted,
        restored=state.restored,
        keep_s=asked.keep_s if asked else None,
        retain_until=asked.retain_until if asked else None,
        preview_until=_leased_until(state),
        owner=owner,
        owner_detail=detail,
        tree_held=_is_held(disk, f"{path}/tree.lock"),
        beating=_beats(disk, f"{path}/heartbeat"),
        folder=lies,
        needed_by=needed.get(run_id),
        moved=state.expired is not None,
    )


def _movable(layout: Layout, lies: Folder | None) -> Folder | None:
    """Return what lies there, with what is wrong if it could never be moved to the trash."""
    if lies is None or lies.problem:
        return lies
    for path in (layout.trash, layout.root):
        with suppress(OSError):
            if os.stat(path).st_dev == lies.device:
                return lies
            return structs.replace(lies, problem=f"its folder is on another file system than {path}")
    return lies


def needed_by(states: Iterable[RunState]) -> dict[RunId, RunId]:
    """Return which runs are gone back to by one that has not ended: its origin, and what began it."""
    found: dict[RunId, RunId] = {}
    for state in states:
        if state.ended or state.queued is None:
            continue
        origin = state.origin
        for each in (origin.run_id if origin else "", state.queued.parent):
            if each:
                found[RunId(each)] = state.run_id
    return found


def _owner(disk: Disk, path: str) -> tuple[Owner, str]:
    """Ask the kernel whether somebody owns a run; without a lock file nobody can tell."""
    try:
        fd = disk.open(path, _FLAGS)
    except FileNotFoundError:
        return "unverifiable", "its owner lock is missing"
    except OSError as error:
        return "unverifiable", f"its owner lock cannot be asked: {error.strerror}"
    try:
        return ("held", "") if disk.is_locked(fd) else ("free", "")
    except OSError as error:
        return "unverifiable", f"its owner lock cannot be asked: {error.strerror}"
    finally:
        disk.close(fd)


def _is_held(disk: Disk, path: str) -> bool:
    """Say whether a lock is held, if there is one; who cannot be asked is taken to."""
    try:
        fd = disk.open(path, _FLAGS)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        return disk.is_locked(fd)
    except OSError:
        return True
    finally:
        disk.close(fd)


def _beats(disk: Disk, path: str) -> bool:
    age_s = heartbeat.age_s(heartbeat.read(disk, path), disk.monotonic())
    return age_s is not None and age_s < _FRESH_S


def _leased_until(state: RunState) -> datetime | None:
    preview = state.preview
    if preview is None or preview.state not in {"starting", "available"}:
        return None
    return preview.lease_until or (_END_OF_TIME if not state.ended else None)
