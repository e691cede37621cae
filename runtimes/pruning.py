"""Apply the policy: remove what may go, empty the trash of what is old there, go on with what was cut short.

A dry run and a removal make the same plan; a removal looks at each run again right before. Where no byte
of the disk is free, what is removed already is emptied first, so that the next decision can be recorded.
"""

import errno
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from msgspec import structs

from runlore.journal.errors import RunloreError
from runlore.journal.values import RunId
from runlore.projections import retention
from runlore.projections.registry import Row
from runlore.projections.retention import Facts, Verdict
from runlore.projections.retention_policy import NO_POLICY, RetentionPolicy
from runlore.projections.retention_views import Done, PrunedView, PruneView, TombstoneView, TrashedView
from runlore.runtimes import deletion, tombstones, trash
from runlore.runtimes.as_of import rows_as_of
from runlore.runtimes.cleanup_lock import cleanup_lock
from runlore.runtimes.evidence import Leftover, leftovers, sweep
from runlore.runtimes.import_staging import finish_in_passing
from runlore.runtimes.removal import Remover
from runlore.runtimes.retention_facts import Needed, facts_of, needed_by

if TYPE_CHECKING:
    from runlore.runtimes.registry import Registry

_AT_ONCE: Final = 64
"""Runs that are moved before the moves are synced."""
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_FREED: Final = frozenset({"whole", "going"})
"""States of what is emptied from the trash; all else there moves, or stays."""
Tell = Callable[[int, int], None]
"""Is told how many runs are done, and of how many."""


class Plan:
    """What is to be done, found out at one moment."""

    def __init__(self, policy: RetentionPolicy, now: datetime) -> None:
        self.policy: Final = policy
        self.now: Final = now
        self.verdicts: list[Verdict] = []
        self.needed: Needed = {}
        self.last_of: dict[RunId, str] = {}
        self.trash: list[TrashedView] = []
        self.tombstones: list[TombstoneView] = []
        self.journals_kept: dict[str, int] = {}
        self.halves: list[Leftover] = []
        self.removed_since = 0


class Pruning:
    """Prunes one registry."""

    def __init__(self, registry: "Registry", *, tell: Tell = lambda _done, _of: None) -> None:
        self._registry, self._tell = registry, tell
        self._count = self._total = 0
        self._disk, self._layout = registry.disk, registry.layout
        self._done: dict[RunId, Done] = {}
        self._kept: dict[RunId, Verdict] = {}
        self._also_emptied: list[TrashedView] = []
        """What nobody planned to empty: see `_make_room`."""
        self.failures: list[str] = []
        """What the disk refused; the next pruning goes on there."""

    def plan(
        self, *, at_once: bool = False, free: int | None = None, as_of: datetime | None = None
    ) -> PruneView:
        """Return what would be removed; reads only.

        as_of: what the policy of now would have removed then, as far as the journals and what is left tell.

        Raises:
            BadSettings: the policy cannot be understood. NotFound: there is no registry. JournalIO: the
            disk refused.
        """
        plan = self._planned(free, as_of)
        return self._view(plan, dry_run=True, at_once=at_once or free is not None, free=free)

    def apply(self, *, at_once: bool = False, free: int | None = None) -> PruneView:
        """Return what was removed: moved to the trash, or freed at once.

        free: as many bytes as are wanted; what is moved for that is freed at once.

        Raises:
            As `plan` does. Busy: somebody else is removing. NotPermitted: the registry may not be written.
        """
        return self._applied(at_once=at_once or free is not None, free=free, claim=lambda: True)[0]

    def apply_if(self, claim: Callable[[], bool]) -> bool:
        """Apply the policy if `claim`, asked while nobody else removes anything, says so; say whether it did.

        Raises: as `apply` does.
        """
        return self._applied(at_once=False, free=None, claim=claim)[1]

    def _applied(
        self, *, at_once: bool, free: int | None, claim: Callable[[], bool]
    ) -> tuple[PruneView, bool]:
        registry = self._registry
        registry.require_writable()
        registry.reconcile()
        finish_in_passing(self._disk, self._layout)
        with self._lock():
            if not claim():
                return self._view(
                    Plan(NO_POLICY, self._disk.now()), dry_run=True, at_once=False, free=None
                ), False
            plan = self._planned(free, None)
            self._total = len(plan.trash) + sum(not each.keep for each in plan.verdicts)
            with Remover(self._disk, self._layout, by=registry.by, redact=registry.secrets.event) as remover:
                self._empty(remover, plan.trash)
                self._remove(remover, plan, at_once=at_once)
            for each in plan.tombstones:
                self._try(each.run_id, partial(tombstones.remove, self._disk, self._layout, each.run_id))
            plan.halves = [half for half in plan.halves if self._swept(half)]
        return self._view(plan, dry_run=False, at_once=at_once, free=free), True

    # -- plan

    def _planned(self, free: int | None, as_of: datetime | None) -> Plan:
        registry, disk, layout = self._registry, self._disk, self._layout
        plan = Plan(registry.retaining.policy(), as_of or disk.now())
        if as_of is None:
            rows = registry.retaining.rows()
        else:
            rows, plan.removed_since = rows_as_of(disk, layout, as_of)
        plan.needed = needed_by(row.state for row in rows)
        all_facts = [self._facts(row, plan, as_of) for row in rows if row.state.expired is None]
        oldest_first = retention.by_age(all_facts)
        plan.last_of = retention.last_of_names(oldest_first, plan.policy.keep_last)
        plan.verdicts = retention.plan(all_facts, plan.policy, plan.now)
        if as_of is None:
            self._plan_trash(plan, rows, emptying=free is not None)
            plan.halves = leftovers(disk, layout, plan.now)
            plan.tombstones, plan.journals_kept = tombstones.due(disk, layout, rows, plan.policy, plan.now)
        if free is not None:
            _enough(plan, free)
        return plan

    def _facts(self, row: Row, plan: Plan, as_of: datetime | None) -> Facts:
        found = facts_of(self._disk, self._layout, row, plan.needed)
        newest = found.folder.newest if found.folder else None
        if as_of is None or newest is None or newest <= as_of:
            return found
        why = "its files have changed since then"
        return structs.replace(found, folder=structs.replace(found.folder, newest=as_of, problem=why))  # type: ignore[type-var]

    def _plan_trash(self, plan: Plan, rows: Sequence[Row], *, emptying: bool) -> None:
        """Find what is to be emptied, or was cut short; emptying: however young it is."""
        keep_s = plan.policy.trash_s
        left = [trash.not_moved(row.state, self._layout, keep_s) for row in rows]
        found = trash.entries(self._disk, self._layout, keep_s)
        due = [each for each in found if each.state != "whole" or emptying or _is_due(each, plan.now)]
        plan.trash = [*due, *(each for each in left if each is not None)]

    # -- apply

    def _lock(self) -> AbstractContextManager[None]:
        return cleanup_lock(self._disk, self._layout)

    def _empty(self, remover: Remover, entries: Iterable[TrashedView]) -> None:
        for each in entries:
            if each.state == "not_moved":
                self._try(each.run_id, partial(remover.go_on, each.run_id))
            elif each.state != "without_journal":
                self._try(each.run_id, partial(remover.empty, each.run_id))
            self._tell_one_more()

    def _tell_one_more(self) -> None:
        self._count += 1
        self._tell(self._count, self._total)

    def _remove(self, remover: Remover, plan: Plan, *, at_once: bool) -> None:
        """Remove what goes, in pieces; where the disk is full, what is moved by then is freed first."""
        left = [each for each in plan.verdicts if not each.keep]
        made_room = False
        while left:
            piece, left, full = left[:_AT_ONCE], left[_AT_ONCE:], list[Verdict]()
            moved: list[RunId] = []
            for each in piece:
                if self._is_full_for(remover, each, plan, moved):
                    full.append(each)
                else:
                    self._tell_one_more()
            if moved:
                remover.sync()
            freed = at_once and self._free(remover, moved)
            if full and (freed or not made_room):
                made_room = made_room or self._make_room(remover, at_once=at_once)
                left = full + left
            else:
                for each in full:
                    self._fail(each.run_id, "the disk is full, and its removal could not be recorded")

    def _is_full_for(self, remover: Remover, each: Verdict, plan: Plan, moved: list[RunId]) -> bool:
        """Move one run, or note why it stays; say whether only the full disk was in the way."""

        def judge(facts: Facts) -> Verdict:
            found = retention.judge(facts, plan.policy, self._disk.now(), plan.last_of.get(facts.run_id, ""))
            if each.code == "ceiling" and found.code in {"no_rule", "too_young"}:
                return each
            return found

        try:
            found = remover.expire(each, judge, each.code, plan.needed, detail=each.reason)
        except RunloreError as error:
            if is_full(error):
                return True
            self._fail(each.run_id, str(error))
            return False
        if found.keep:
            self._kept[each.run_id] = found
        else:
            moved.append(each.run_id)
            self._done[each.run_id] = "moved"
        return False

    def _free(self, remover: Remover, moved: Iterable[RunId]) -> bool:
        """Free what was moved just now; say whether anything was."""
        freed = False
        for run_id in moved:
            if self._try(run_id, partial(remover.empty, run_id)):
                self._done[run_id] = "freed"
                freed = True
        return freed

    def _make_room(self, remover: Remover, *, at_once: bool) -> bool:
        """Find the few blocks that the first decision needs: the index, which is derived, then the trash.

        The trash only if the bytes are wanted at once anyway: what is there could still come back.
        """
        with suppress(OSError):
            deletion.empty(self._layout.index)
        if at_once:
            for each in trash.entries(self._disk, self._layout, 0.0):
                if each.state == "whole" and self._try(each.run_id, partial(remover.empty, each.run_id)):
                    self._also_emptied.append(each)
        return True

    def _try(self, run_id: RunId, deed: Callable[[], object]) -> bool:
        try:
            deed()
        except RunloreError as error:
            self._fail(run_id, str(error))
            return False
        return True

    def _swept(self, half: Leftover) -> bool:
        try:
            return sweep(self._disk, half)
        except RunloreError as error:
            self.failures.append(str(error))
            return False

    def _fail(self, run_id: RunId, why: str) -> None:
        self.failures.append(why)
        self._done[run_id] = "failed"

    # -- view

    def _view(self, plan: Plan, *, dry_run: bool, at_once: bool, free: int | None) -> PruneView:
        items = [self._item(self._kept.get(each.run_id, each)) for each in plan.verdicts]
        going = [each for each in items if not each.keep and each.done != "failed"]
        all_emptied = [*plan.trash, *self._also_emptied]
        emptied = [
            each for each in all_emptied if each.state in _FREED and self._done.get(each.run_id) != "failed"
        ]
        at_once_bytes = sum(each.bytes for each in going if at_once and each.done != "moved")
        journals = [
            structs.replace(each, done=None if dry_run else self._done.get(each.run_id, "freed"))
            for each in plan.tombstones
        ]
        return PruneView(
            dry_run=dry_run,
            as_of=plan.now,
            has_rules=plan.policy.has_rules,
            items=items,
            keep=sum(each.keep for each in items),
            remove=sum(not each.keep for each in items),
            trash=all_emptied,
            journals=journals,
            journals_kept=plan.journals_kept,
            halves=len(plan.halves),
            removed_since=plan.removed_since,
            moved_bytes=sum(each.bytes for each in going) - at_once_bytes,
            freed_bytes=sum(each.bytes for each in emptied)
            + at_once_bytes
            + sum(each.bytes for each in journals if each.done != "failed")
            + sum(half.bytes for half in plan.halves),
            wanted_bytes=free,
            failures=list(self.failures),
        )

    def _item(self, each: Verdict) -> PrunedView:
        facts = each.facts
        return PrunedView(
            run_id=facts.run_id,
            name=facts.name or None,
            status=facts.status,
            keep=each.keep,
            code=each.code,
            reason=each.reason,
            files=facts.folder.files if facts.folder else 0,
            bytes=facts.bytes,
            at=each.at,
            done=self._done.get(facts.run_id),
        )


def is_full(error: BaseException) -> bool:
    """Say whether a disk without room is behind an error."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in _FULL:
            return True
        seen = seen.__cause__
    return False


def _is_due(each: TrashedView, now: datetime) -> bool:
    return each.until is not None and each.until <= now


def _enough(plan: Plan, free: int) -> None:
    """Take from what may go only as much as frees so many bytes: the trash first, then the oldest runs."""
    freed, emptied = 0, list[TrashedView]()
    for entry in plan.trash:
        if freed < free or entry.state != "whole" or _is_due(entry, plan.now):
            emptied.append(entry)
            freed += entry.bytes if entry.state in _FREED else 0
    plan.trash = emptied
    for place, each in enumerate(plan.verdicts):
        if each.keep:
            continue
        if freed >= free:
            plan.verdicts[place] = structs.replace(
                each, keep=True, code="enough", reason="enough is freed without it"
            )
        freed += each.facts.bytes if freed < free else 0
