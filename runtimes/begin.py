"""Begin a run that is this process: the lock, the files, the journal up to `run.started`."""

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from runlore.journal import events, ids, machine
from runlore.journal.disk import Disk
from runlore.journal.layout import Layout
from runlore.journal.root import registry_info
from runlore.journal.settings_file import read_settings
from runlore.journal.values import Handle, Recipe, RunId
from runlore.journal.writer import Writer
from runlore.projections import labels
from runlore.projections.run_state import OWN_PROCESS
from runlore.runtimes import exit_file
from runlore.runtimes.collecting import require_limits
from runlore.runtimes.identity import this_owner
from runlore.runtimes.owner_lock import OwnerLock
from runlore.runtimes.pulse import pulse
from runlore.runtimes.recipe import recipe_of, shortened
from runlore.runtimes.shared_feed import shared_feed
from runlore.runtimes.spec import RunSpec, check_patterns
from runlore.runtimes.surroundings import current_folder, parent_in
from runlore.runtimes.tracked import EPOCH, TrackedRun

if TYPE_CHECKING:
    from runlore.runtimes.registry import Registry

_MOST_RECIPE: Final = 64 * 1024
"""Bytes of a recipe as JSON that are kept; nobody runs a block of Python again by its command line."""


class Labels(Struct, frozen=True, kw_only=True):
    """What a program calls its run; as it was given, checked when the run begins."""

    name: str | None = None
    tags: Mapping[str, str] | None = None
    metadata: Mapping[str, object] | None = None
    argv: tuple[str, ...] = ()
    """What is shown as its command; else how this program was started."""
    cwd: str = ""
    """Where that is; else the current folder."""
    artifacts: tuple[str, ...] = ()
    """Patterns of files below that folder that are collected when it ends."""
    reports: tuple[str, ...] = ()
    required: tuple[str, ...] = ()


def begin(registry: "Registry", given: Labels) -> TrackedRun:
    """Return a run that has started, owned by this process, everything about its start durable.

    Raises:
        BadInput: a label is none. NotPermitted, JournalIO: the registry cannot be written.
    """
    registry.require_writable()
    disk, layout = registry.disk, registry.layout
    run_id = ids.mint(disk.now(), os.urandom(5))
    spec = _spec(registry, given)
    queued = _queued(registry, given, spec, run_id)
    lock = OwnerLock.create(disk, layout, run_id, durability=registry.durability)
    try:
        disk.close(exit_file.preallocate(disk, layout.in_run(run_id, "exit")))
        writer = Writer.create(
            disk,
            layout,
            run_id,
            lambda seq, at: msgspec.structs.replace(queued, seq=seq, at=at),
            feed=shared_feed(disk, layout),
            redact=registry.secrets.event,
        )
    except BaseException:
        _discard(disk, layout, run_id)
        lock.release()
        raise
    run = TrackedRun(registry, lock, writer, registry.by, spec)
    _start(registry, writer)
    pulse().join(run)
    return run


def _spec(registry: "Registry", given: Labels) -> RunSpec:
    """Return how this program was started, as far as the interpreter knows, or what was said of that.

    Raises:
        BadInput: a pattern is none. BadSettings: how much is to be collected is not clear.
    """
    argv = given.argv or tuple(sys.orig_argv) or (sys.executable or "python",)
    spec = RunSpec(
        root=registry.root,
        argv=argv,
        cwd=given.cwd or current_folder(),
        by=registry.by,
        artifacts=given.artifacts,
        reports=given.reports,
        required=given.required,
    )
    check_patterns(spec)
    require_limits(read_settings(registry.root), registry.root)
    return spec


def _queued(registry: "Registry", given: Labels, spec: RunSpec, run_id: RunId) -> events.RunQueued:
    return events.RunQueued(
        seq=1,
        at=registry.disk.now(),
        by=registry.by,
        format=events.FORMAT,
        run_id=run_id,
        registry_id=registry_info(registry.disk, registry.layout).registry_id,
        recipe=_recipe(registry, spec),
        name=labels.name(given.name) if given.name is not None else "",
        tags=registry.secrets.tags(labels.tags(given.tags or {})),
        metadata=labels.metadata(given.metadata or {}),
        parent=parent_in(registry.root),
        durability=registry.durability,
        boot_id=machine.boot_id(),
    )


def _recipe(registry: "Registry", spec: RunSpec) -> Recipe:
    """Return the spec as the journal has it."""
    recipe = msgspec.structs.replace(recipe_of(spec, registry.secrets.found.redactor), runtime=OWN_PROCESS)
    return recipe if len(msgspec.json.encode(recipe)) <= _MOST_RECIPE else shortened(recipe)


def _start(registry: "Registry", writer: Writer) -> None:
    """Put on record that this process owns the run, and is it."""
    by, owner, known = registry.by, this_owner(), registry.secrets.found.named()
    me = owner.identity
    handle = Handle(runtime=OWN_PROCESS, pid=me.pid, identity=me)
    writer.append(
        lambda seq, at: events.RunBooting(
            seq=seq,
            at=at,
            by=by,
            epoch=EPOCH,
            runtime=OWN_PROCESS,
            owner=owner,
            masked=known.masked,
            unmasked=known.unmasked,
        )
    )
    writer.append(lambda seq, at: events.RunStarted(seq=seq, at=at, by=by, epoch=EPOCH, handle=handle))


def _discard(disk: Disk, layout: Layout, run_id: RunId) -> None:
    """Leave nothing of a run that never was; what cannot be removed is harmless without a journal."""
    try:
        for name in disk.listdir(layout.run_dir(run_id)):
            disk.unlink(layout.in_run(run_id, name))
        os.rmdir(layout.run_dir(run_id))
    except OSError:
        return
