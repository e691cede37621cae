"""Apply the policy of a registry to its runs: the verdict about one, or about all of them. Reads only."""

from datetime import datetime
from typing import TYPE_CHECKING, Final

from msgspec import structs

from runlore.journal.disk import Disk
from runlore.journal.errors import BadSettings, RunloreError
from runlore.journal.layout import Layout
from runlore.journal.lifecycle import TERMINAL
from runlore.journal.settings import Settings
from runlore.journal.settings_file import examine_settings, path_of
from runlore.journal.values import RunId
from runlore.projections import retention
from runlore.projections.registry import Row
from runlore.projections.retention import Verdict
from runlore.projections.retention_policy import RetentionPolicy, policy_of
from runlore.projections.run_view import RetentionView
from runlore.runtimes.retention_facts import Needed, facts_of, needed_by
from runlore.runtimes.run_places import may_return

if TYPE_CHECKING:
    from collections.abc import Callable

    from runlore.runtimes.indexed import IndexedListing
    from runlore.runtimes.listing import Listing

_SPARE: Final = 32
"""Newest runs of a name that are looked through for those that still have their outputs."""
_MORE: Final = 8
"""So many times as many, where most of these were removed."""


class Retaining:
    """What may go from one registry."""

    def __init__(
        self, disk: Disk, layout: Layout, listing: "Listing", indexed: "Callable[[], IndexedListing]"
    ) -> None:
        self._disk, self._layout, self._listing, self._indexed = disk, layout, listing, indexed

    def policy(self) -> RetentionPolicy:
        """Return the policy as the file has it now; without a file there are no rules.

        Raises:
            BadSettings: something in the file is not understood, so no rule is applied.
        """
        root = self._layout.root
        return policy_of(examine_settings(root) or Settings(), path_of(root))

    def plan(self, policy: RetentionPolicy, now: datetime) -> list[Verdict]:
        """Return a verdict about each run that still has its outputs, oldest first.

        Raises:
            NotFound: there is no registry. JournalIO: the disk refused.
        """
        rows = self.rows()
        needed = needed_by(row.state for row in rows)
        facts = [facts_of(self._disk, self._layout, row, needed) for row in rows if row.state.expired is None]
        return retention.plan(facts, policy, now)

    def one(self, run_id: RunId, now: datetime) -> Verdict:
        """Return the verdict about one run; where a ceiling may take it, the whole registry is looked at.

        Raises:
            NotFound: no such run. BadSettings: the policy cannot be understood.
        """
        policy, row = self.policy(), self.row(run_id)
        if policy.max_bytes is not None and row.state.expired is None:
            return next(each for each in self.plan(policy, now) if each.run_id == run_id)
        return self._judged(row, policy, now)

    def rows(self) -> list[Row]:
        """Return every run as it is now; an end that only the evidence tells counts.

        Raises:
            NotFound: there is no registry. JournalIO: the disk refused.
        """
        return [found.row for found in self._listing.all()]

    def row(self, run_id: RunId) -> Row:
        """Return a run as its journal has it now.

        Raises:
            NotFound: no such run, or it never began.
        """
        return self._listing.one(run_id).row

    def needed(self) -> Needed:
        """Return which runs are gone back to by one that has not ended."""
        return needed_by(found.row.state for found in self._indexed().recent(0).items)

    def shown(self, row: Row, view: RetentionView, now: datetime) -> RetentionView:
        """Return what `show` tells: a ceiling is left out, because only all runs together tell of that."""
        if view.removal is not None:
            can_return = row.state.removed is None and may_return(self._layout, row.run_id)
            return structs.replace(view, removal=structs.replace(view.removal, can_return=can_return))
        if row.state.expired is not None:
            return view
        try:
            verdict = self._judged(row, self.policy(), now)
        except BadSettings as error:
            return structs.replace(view, reason=str(error))
        except RunloreError:
            return view
        return structs.replace(view, eligible=not verdict.keep, at=verdict.at, reason=verdict.reason)

    def _judged(self, row: Row, policy: RetentionPolicy, now: datetime) -> Verdict:
        facts = facts_of(self._disk, self._layout, row, {})
        last = row.run_id in self._last_of(row, policy, now)
        verdict = retention.judge(facts, policy, now, facts.name if last else "")
        if verdict.keep:
            return verdict
        needed = self.needed().get(row.run_id)  # only now: everybody who lives is looked at for it
        return retention.judge(structs.replace(facts, needed_by=needed), policy, now)

    def _last_of(self, row: Row, policy: RetentionPolicy, now: datetime) -> frozenset[RunId]:
        """Return the newest runs of the same name that are kept for that."""
        name, count = row.state.name, policy.keep_last
        if not name or count is None:
            return frozenset()
        from runlore.projections import filters  # noqa: PLC0415 - few have such a rule

        limit = count + _SPARE
        while True:
            wanted = filters.parse(now=now, name=name, status=sorted(TERMINAL), limit=limit)
            items = self._indexed().page(wanted).items
            kept = [each.run_id for each in items if each.row.state.expired is None]
            if len(kept) >= count or len(items) < limit:
                return frozenset(kept[:count])
            limit *= _MORE
