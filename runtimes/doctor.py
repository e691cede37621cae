"""Look at everything that can be wrong with a registry and its machine; look only, and change nothing."""

import os
from collections.abc import Callable, Iterator
from typing import Final

from runlore.journal import machine
from runlore.journal.disk import REAL
from runlore.journal.errors import RunloreError
from runlore.journal.layout import Layout
from runlore.journal.packs import lost_bytes
from runlore.journal.values import RunId
from runlore.projections import shell
from runlore.projections.findings import Finding, finding
from runlore.projections.run_view import RunView
from runlore.runtimes import doctor_machine
from runlore.runtimes.doctor_files import FileExaminer
from runlore.runtimes.lookup import Lookup
from runlore.runtimes.packing import could_be_packed

_BY_HEALTH: Final = {
    "unsupervised": ("run_unsupervised", "runlore reconcile"),
    "stalled": ("run_stalled", "runlore show"),
    "unknown": ("run_unknown", "runlore show"),
}
MANY: Final = 1000
"""Files; fewer are not worth a finding."""
_ORDER: Final = ("error", "warning", "info")


def examine(root: str) -> list[Finding]:
    """Return what is found at a root and on this machine, the gravest first."""
    layout = Layout(root)
    found = [
        *doctor_machine.examine_kernel(os.uname().release),
        *doctor_machine.examine_python(),
        *doctor_machine.examine_logout(machine.user()),
        *doctor_machine.examine_root(layout),
    ]
    try:
        views = Lookup(layout).page().items
    except RunloreError:
        views = []
    for view in views:
        found += examine_run(view, lambda run_id: os.path.lexists(layout.run_dir(run_id)))
    ended = [view.run_id for view in views if view.ended_at is not None and not view.provisional]
    found += FileExaminer(REAL, layout).examine(ended)
    found += examine_packs(layout)
    return sorted(found, key=lambda each: _ORDER.index(each.severity))


def examine_packs(layout: Layout) -> Iterator[Finding]:
    """Offer to pack, once that frees something worth while; look for packs that are damaged."""
    could = could_be_packed(REAL, layout)
    if could is not None and could.freed_inodes >= MANY:
        detail = f"{could.runs:,} journals into {len(could.packs):,} packs"
        yield finding("journals_packable", detail, "runlore pack", path=layout.journals)
    try:
        for path, first, behind in lost_bytes(REAL, layout):
            yield finding("pack_damaged", f"bytes {first:,} to {behind:,}", "runlore verify", path=path)
    except OSError as error:
        todo = f"ls -l {shell.quote(layout.packs)}"
        yield finding("pack_unreadable", error.strerror or str(error), todo, path=layout.packs)


def examine_run(view: RunView, is_in_place: Callable[[RunId], bool] = lambda _: False) -> Iterator[Finding]:
    """Yield what is wrong with a run, as it is shown; is_in_place: says whether its folder is there."""
    run_id = view.run_id
    if view.problem is not None:
        code = "journal_damaged" if view.problem.kind == "damaged" else "journal_unreadable"
        yield finding(code, view.problem.detail, f"runlore verify {run_id}", run_id=run_id)
        return
    if view.compatibility == "newer_format":
        yield finding("journal_newer", "its format is newer than ours", "runlore --version", run_id=run_id)
    elif view.compatibility == "no_manifest":
        source = f"{view.origin.source}: {view.origin.external_id}" if view.origin else ""
        yield finding("imported_without_manifest", source, f"runlore show {run_id}", run_id=run_id)
    if view.provisional:
        detail = view.reason.text if view.reason else f"it {view.status}"
        yield finding("run_lost", detail, f"runlore reconcile {run_id}", run_id=run_id)
    elif view.health in _BY_HEALTH:
        code, todo = _BY_HEALTH[view.health]
        yield finding(code, _rests_on(view), f"{todo} {run_id}", run_id=run_id)
    elif view.status == "queued" and view.health is None:
        yield finding("run_waiting", "nobody owns it", f"runlore stop {run_id}", run_id=run_id)
    removal = view.retention.removal
    if removal is not None and removal.removed_at is None and is_in_place(view.run_id):
        yield finding("removal_unfinished", "not moved", "runlore prune --apply", run_id=run_id)
    if view.paused:
        yield finding("run_paused", "its command is stopped", f"runlore unpause {run_id}", run_id=run_id)


def _rests_on(view: RunView) -> str:
    """Return what the judgement of a live run's health rests on, as far as it is shown."""
    owner = f"; its keeper was pid {view.owner.pid} on {view.owner.host}" if view.owner else ""
    return (view.seen.text if view.seen else "nobody could look") + owner
