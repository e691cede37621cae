"""Remove runs that somebody named, bring them back, empty the trash: each deed whole, or told why not."""

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from time import sleep
from typing import TYPE_CHECKING, Final

from runlore.journal.errors import AlreadyEnded, Conflict, JournalIO, NotFound, RunloreError
from runlore.journal.values import RunId
from runlore.projections import retention
from runlore.projections.retention import Code, Facts, Verdict
from runlore.projections.retention_policy import NO_POLICY
from runlore.projections.retention_views import Done, RemovedRunView, TrashedView, TrashView
from runlore.runtimes import trash
from runlore.runtimes.cleanup_lock import PATIENCE_S, cleanup_lock
from runlore.runtimes.removal import Remover
from runlore.runtimes.retention_facts import Needed, facts_of
from runlore.runtimes.run_places import Place, place_of
from runlore.runtimes.run_secrets import secrets_about
from runlore.runtimes.waiting import Waiting, wait_over, waiting_for

if TYPE_CHECKING:
    from runlore.runtimes.registry import Registry

ASKED: Final = "asked"
"""The rule of a removal that somebody asked for by name."""
_DONE: Final[Mapping[Place, Done]] = {"trash": "moved", "nowhere": "freed"}
"""By where the folder of a removed run lies."""
_STOPPABLE: Final[frozenset[Code]] = frozenset({"not_ended", "owner_live", "tree_live", "heartbeat_fresh"})
"""What `force` ends first."""
Watch = Callable[[Waiting], Callable[[], None]]
"""Is told what is waited for, and gives what is to be called after each look at it."""
_LET_GO_S: Final = 2.0
"""How long a keeper may take to let go of a run that has ended."""
_LOOK_S: Final = 0.05


def silent(_waiting: Waiting) -> Callable[[], None]:
    """Watch nothing."""
    return lambda: None


def removable(registry: "Registry", run_id: RunId, *, force: bool = False) -> RemovedRunView:
    """Return what removing a run would take; reads only.

    Raises:
        Conflict: something keeps it; the message says what. NotFound: no such run.
    """
    verdict = _judged(registry, run_id)
    if verdict.code != "not_removed_yet":
        _refuse(verdict, force=force)
        return _view(registry, verdict, None)
    place = place_of(registry.layout, run_id)
    return _view(registry, verdict, _DONE.get(place), already=place in _DONE)


def remove(
    registry: "Registry",
    run_id: RunId,
    *,
    force: bool = False,
    now: bool = False,
    why: str = "",
    watch: Watch = silent,
) -> RemovedRunView:
    """Return what was moved to the trash, or, with `now`, is gone for good.

    force: stop it first, if it goes on. A run that is in the trash already stays there; `already` says so.
    watch: gives what is called again and again while a run that was asked to stop is waited for.

    Raises:
        Conflict: something keeps it; the message says what. Busy: somebody else is removing.
        NotFound: no such run. NotPermitted, JournalIO: it was not removed, or not whole: ask again.
    """
    registry.require_writable()
    with suppress(RunloreError):
        registry.reconcile([run_id])
    verdict = _judged(registry, run_id)
    if force and verdict.keep and verdict.vetoes:
        _refuse(verdict, force=True)
        _stop(registry, run_id, why, watch)
    with cleanup_lock(registry.disk, registry.layout, patience_s=PATIENCE_S):
        redact = secrets_about(registry.disk, registry.layout, run_id).event
        with Remover(registry.disk, registry.layout, by=registry.by, redact=redact) as remover:
            verdict, is_new = (_let_go if force else _judged)(registry, run_id), True
            if verdict.code != "not_removed_yet":
                _refuse(verdict)
                verdict = remover.expire(verdict, _judge, ASKED, {}, detail=why)
                _refuse(verdict)
            else:
                is_new = remover.go_on(run_id)
            remover.sync()
            place = remover.place(run_id)
            if place == "going" or (now and place == "trash"):
                remover.empty(run_id)
                is_new, place = True, "nowhere"
    return _view(registry, verdict, _DONE.get(place, "moved"), already=not is_new)


def restore(registry: "Registry", run_id: RunId, why: str = "") -> None:
    """Bring a run back from the trash, durably.

    Raises:
        Removed: its bytes are gone. NotFound: it is not in the trash. Busy: somebody is at it.
        NotPermitted, JournalIO: it did not come back.
    """
    registry.require_writable()
    with cleanup_lock(registry.disk, registry.layout, patience_s=PATIENCE_S):
        redact = secrets_about(registry.disk, registry.layout, run_id).event
        with Remover(registry.disk, registry.layout, by=registry.by, redact=redact) as remover:
            remover.restore(run_id, why)


def in_trash(registry: "Registry") -> TrashView:
    """Return what is in the trash, that which was removed first coming first; reads only.

    Raises:
        BadSettings: how long it stays there cannot be understood. JournalIO: the disk refused.
    """
    found = trash.entries(registry.disk, registry.layout, registry.retaining.policy().trash_s)
    return TrashView(items=found, bytes=sum(each.bytes for each in found))


def empty_trash(
    registry: "Registry", run_ids: Collection[RunId] | None = None, *, dry_run: bool = False
) -> TrashView:
    """Return what is gone for good now: all of the trash, or these runs.

    Raises:
        NotFound: one of them is not in the trash; nothing was emptied. Busy: somebody else is removing.
        NotPermitted, JournalIO: some of it could not be emptied; ask again.
    """
    if dry_run:
        chosen = _chosen(in_trash(registry).items, run_ids)
        found = [each for each in chosen if each.state in {"whole", "going"}]  # others come back, or stay
        return TrashView(items=found, bytes=sum(each.bytes for each in found), dry_run=True)
    registry.require_writable()
    with cleanup_lock(registry.disk, registry.layout, patience_s=PATIENCE_S):
        found = _chosen(in_trash(registry).items, run_ids)
        failed: list[RunloreError] = []
        gone: list[TrashedView] = []
        with Remover(
            registry.disk, registry.layout, by=registry.by, redact=registry.secrets.event
        ) as remover:
            for each in found:
                try:
                    if each.state != "without_journal" and remover.empty(each.run_id) is not None:
                        gone.append(each)
                except RunloreError as error:
                    failed.append(error)
    if failed:
        more = f", and {len(failed) - 1} more" if len(failed) > 1 else ""
        raise JournalIO(f"{len(gone)} runs were emptied; {failed[0]}{more}")
    return TrashView(items=gone, bytes=sum(each.bytes for each in gone), emptied=True)


def _chosen(found: list[TrashedView], run_ids: Collection[RunId] | None) -> list[TrashedView]:
    if run_ids is None:
        return found
    there = {each.run_id for each in found}
    for run_id in run_ids:
        if run_id not in there:
            raise NotFound(f"run {run_id} is not in the trash; see `runlore trash`")
    return [each for each in found if each.run_id in run_ids]


def _judged(registry: "Registry", run_id: RunId) -> Verdict:
    retaining = registry.retaining
    row = retaining.row(run_id)
    needed: Needed = {} if row.state.expired is not None else retaining.needed()
    facts = facts_of(registry.disk, registry.layout, row, needed)
    return retention.asked_for(facts, ASKED, NO_POLICY, registry.disk.now())


def _judge(facts: Facts) -> Verdict:
    from datetime import UTC, datetime  # noqa: PLC0415 - no hard veto depends on the time

    return retention.asked_for(facts, ASKED, NO_POLICY, datetime.now(UTC))


def _refuse(verdict: Verdict, *, force: bool = False) -> None:
    """Return if nothing keeps the run but what `force` ends.

    Raises:
        Conflict: something does.
    """
    codes = [veto for veto in verdict.vetoes if not (force and veto.code in _STOPPABLE)]
    if not verdict.keep or (verdict.vetoes and not codes):
        return
    code, text = (codes[0].code, codes[0].text) if codes else (verdict.code, verdict.reason)
    raise Conflict(f"run {verdict.run_id} stays: {text}{_todo(verdict, code)}")


def _todo(verdict: Verdict, code: Code) -> str:
    if code in _STOPPABLE:
        return "; `--force` stops it first"
    if code == "pinned":
        return f"; `runlore unpin {verdict.run_id}` first"
    return f"; see `runlore retention {verdict.run_id}`"


def _stop(registry: "Registry", run_id: RunId, why: str, watch: Watch) -> None:
    """End a run, and return when it is over."""
    with suppress(AlreadyEnded):
        registry.get(run_id).stop(why or "it is to be removed", force=True)
    with waiting_for(registry, [run_id]) as waiting:
        wait_over(waiting, looked=watch(waiting))
    registry.settle(run_id)


def _let_go(registry: "Registry", run_id: RunId) -> Verdict:
    """Return the verdict, once the keeper of a run that was just stopped has let go of it."""
    until = registry.disk.monotonic() + _LET_GO_S
    while True:
        verdict = _judged(registry, run_id)
        only_owned = {veto.code for veto in verdict.vetoes} <= _STOPPABLE - {"not_ended"}
        if not verdict.keep or not verdict.vetoes or not only_owned:
            return verdict
        if registry.disk.monotonic() >= until:
            return verdict
        sleep(_LOOK_S)


def _view(
    registry: "Registry", verdict: Verdict, done: Done | None, *, already: bool = False
) -> RemovedRunView:
    """Return what becomes of a run; how much that is stands in its journal once it is decided."""
    facts = verdict.facts
    files, size = (facts.folder.files if facts.folder else 0), facts.bytes
    if verdict.code == "not_removed_yet":
        expired = registry.retaining.row(facts.run_id).state.expired
        files, size = (expired.files, expired.bytes) if expired else (files, size)
    return RemovedRunView(
        run_id=facts.run_id, name=facts.name or None, files=files, bytes=size, done=done, already=already
    )
