"""Collect the outputs of a run whose own processes are all gone, for whoever concludes it."""

import time
from collections.abc import Callable
from typing import Final

from runlore.journal import events
from runlore.journal.disk import Disk
from runlore.journal.layout import Layout
from runlore.journal.redactor import Redactor
from runlore.journal.scan import Record
from runlore.journal.settings_file import read_settings
from runlore.journal.values import Actor
from runlore.journal.writer import Writer
from runlore.projections.globs import as_recorded
from runlore.projections.run_state import RunState
from runlore.runtimes import heartbeat
from runlore.runtimes.collect import Wanted
from runlore.runtimes.collecting import collect_surely, limits_in
from runlore.runtimes.heartbeat import EVERY_S
from runlore.runtimes.run_secrets import in_environment
from runlore.runtimes.surroundings import environment

_BETWEEN_S: Final = 1.0


def collect_left(disk: Disk, layout: Layout, state: RunState, writer: Writer, *, by: Actor) -> str:
    """Return which declared outputs are not durable, once the others are; the caller owns the run.

    The values that were secret in the run are known no more. Where there were some nothing may be
    stored, which goes on record.
    """
    recipe = state.recipe
    if recipe is None:
        return ""
    wanted = Wanted(
        disk=disk,
        layout=layout,
        run_id=state.run_id,
        cwd=recipe.cwd,
        artifacts=tuple(map(as_recorded, recipe.artifacts)),
        reports=tuple(map(as_recorded, recipe.reports)),
        required=tuple(map(as_recorded, recipe.required)),
        redactor=_redactor(layout, state),
        limits=limits_in(layout.root),
    )

    def append(kind: type[events.Event], /, **fields: object) -> Record:
        return writer.append(lambda seq, at: kind(seq=seq, at=at, by=by, epoch=state.epoch + 1, **fields))

    def pause() -> None:
        time.sleep(_BETWEEN_S)

    return collect_surely(wanted, append, _beating(disk, layout, state), pause)


def _redactor(layout: Layout, state: RunState) -> Redactor | None:
    if state.booting is not None and state.booting.masked:
        return None
    return in_environment(environment(), read_settings(layout.root).redaction).redactor


def _beating(disk: Disk, layout: Layout, state: RunState) -> Callable[[], None]:
    """Return what gives a sign of life as often as a keeper does."""
    path = layout.in_run(state.run_id, "heartbeat")
    beats, due = 0, 0.0

    def tick() -> None:
        nonlocal beats, due
        if (now := time.monotonic()) >= due:
            beats, due = beats + 1, now + EVERY_S
            heartbeat.beat_once(disk, path, beats)

    return tick
