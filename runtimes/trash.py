"""What lies in the trash, and what was cut short: found by looking, whoever began it."""

import os
from datetime import datetime, timedelta
from typing import Final, Literal

from runlore.journal import ids
from runlore.journal.disk import Disk
from runlore.journal.errors import JournalIO, NotFound, Removed
from runlore.journal.layout import Layout
from runlore.journal.values import RunId
from runlore.projections.registry import fold_journal
from runlore.projections.retention_views import TrashedView
from runlore.projections.run_state import RunState
from runlore.projections.status import STATUS
from runlore.runtimes import run_folder
from runlore.runtimes.run_places import may_return

GOING: Final = ".going"


def entries(disk: Disk, layout: Layout, keep_s: float) -> list[TrashedView]:
    """Return what is in the trash, that which was removed first coming first; reads only.

    keep_s: how long runs can be restored.

    Raises:
        JournalIO: the disk refused.
    """
    try:
        names = disk.listdir(layout.trash)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise JournalIO(f"{layout.trash}: {error.strerror or error}") from error
    found = [
        _entry(disk, layout, RunId(name.removesuffix(GOING)), keep_s, going=name.endswith(GOING))
        for name in names
        if ids.is_run_id(name.removesuffix(GOING))
    ]
    return sorted(found, key=lambda each: (each.removed_at is not None, each.removed_at, each.run_id))


def _entry(disk: Disk, layout: Layout, run_id: RunId, keep_s: float, *, going: bool) -> TrashedView:
    lies = run_folder.look(layout.going(run_id) if going else layout.in_trash(run_id))
    try:
        row = fold_journal(disk, layout, run_id)
    except NotFound:
        row = None
    state = row.state if row is not None else STATUS.initial()
    expired = state.expired
    return TrashedView(
        run_id=run_id,
        name=state.name or None,
        state="without_journal" if row is None else _state(state, going=going),
        rule=expired.rule if expired else None,
        removed_at=state.expired_at,
        until=_until(state.expired_at, keep_s),
        files=lies.files if lies else 0,
        bytes=lies.bytes if lies else 0,
    )


def not_moved(state: RunState, layout: Layout, keep_s: float) -> TrashedView | None:
    """Return a run whose removal was decided while its folder is still in its place; None if it is not."""
    expired = state.expired
    if expired is None or state.removed is not None or not os.path.lexists(layout.run_dir(state.run_id)):
        return None
    return TrashedView(
        run_id=state.run_id,
        name=state.name or None,
        state="not_moved",
        rule=expired.rule,
        removed_at=state.expired_at,
        until=_until(state.expired_at, keep_s),
        files=expired.files,
        bytes=expired.bytes,
    )


def is_removed(disk: Disk, layout: Layout, run_id: RunId) -> bool:
    """Say whether the outputs of a run that is here were removed, or are in the trash.

    Raises:
        NotFound: no such run. JournalIO: the disk refused.
    """
    row = fold_journal(disk, layout, run_id)
    return row is not None and row.state.expired is not None


def refused(layout: Layout, state: RunState) -> Removed:
    """Return why nothing can be decided about a removed run; one whose bytes are there can come back."""
    can_return = state.removed is None and may_return(layout, state.run_id)
    return Removed(
        state.run_id, "is in the trash" if can_return else "is removed for good", can_return=can_return
    )


def _state(state: RunState, *, going: bool) -> Literal["whole", "going", "coming_back"]:
    if going:
        return "going"
    return "whole" if state.expired is not None else "coming_back"


def _until(at: datetime | None, keep_s: float) -> datetime | None:
    return None if at is None else at + timedelta(seconds=keep_s)
