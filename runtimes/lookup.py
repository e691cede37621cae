"""What can be asked about the runs under a root: which there are, which one is meant, how they are.

Answers come from the index where it can be had, and else from the journals; that is the business of
`indexed` and `listing`. All that is written for an answer is the index.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from runlore.journal.history import exists
from runlore.journal.values import RunId
from runlore.projections import selectors
from runlore.projections.index.version import RECENT
from runlore.projections.selectors import Chosen
from runlore.runtimes.open_root import OpenRoot

if TYPE_CHECKING:  # starting a run loads nothing that lists runs
    from runlore.projections.list_views import PsView
    from runlore.projections.run_view import RetentionView, RunView
    from runlore.runtimes.indexed import IndexedListing
    from runlore.runtimes.listing import Found, Listing
    from runlore.runtimes.retaining import Retaining
    from runlore.runtimes.sql import SqlRows


class Lookup(OpenRoot):
    """The runs under one root, for whoever only asks about them."""

    @cached_property
    def _listing(self) -> "Listing":
        from runlore.runtimes.listing import Listing  # noqa: PLC0415 - see above

        return Listing(self.disk, self.layout, self.observer)

    @cached_property
    def _indexed(self) -> "IndexedListing":
        from runlore.runtimes.indexed import IndexedListing  # noqa: PLC0415 - see above

        return IndexedListing(self.disk, self.layout, self._listing)

    # -- many runs

    def runs(
        self,
        where: str | None = None,
        *,
        status: str | Iterable[str] = (),
        name: str | None = None,
        tags: Iterable[str] | Mapping[str, str] = (),
        since: str | datetime | None = None,
        until: str | datetime | None = None,
        limit: int | None = None,
        after: str | None = None,
        sort: str | Iterable[str] = (),
    ) -> "list[RunView]":
        """Return the runs that match, newest first or as `sort` says, each as it is now.

        where: an expression, such as `status = failed and name ~ 'nightly'`; see docs/reference/filters.md.
        status: one or several; a run found lost counts as failed. tags: `{"env": "prod"}`, or words
        like "env=prod" and "env". since, until: aware times, or texts like "2h" (ago) and
        "2026-11-20". limit applies after every filter. after: the `next` of an earlier `page`, which
        was sorted the same way. sort: fields of a filter, the first one first, each ascending or with `-`
        descending: "-duration_s,name", or ["-duration_s", "name"]. Runs without the field come last.

        Raises:
            BadInput: a filter is none. NotFound: the registry is gone. JournalIO: the disk refused.
        """
        return self.page(
            where,
            status=status,
            name=name,
            tags=tags,
            since=since,
            until=until,
            limit=limit,
            after=after,
            sort=sort,
        ).items

    def page(
        self,
        where: str | None = None,
        *,
        status: str | Iterable[str] = (),
        name: str | None = None,
        tags: Iterable[str] | Mapping[str, str] = (),
        since: str | datetime | None = None,
        until: str | datetime | None = None,
        limit: int | None = None,
        after: str | None = None,
        sort: str | Iterable[str] = (),
    ) -> "PsView":
        """Return what `runs` returns, with counts, and the cursor of the next page.

        Pages neither repeat nor skip a run when others are added between them; one whose own place in
        the order changes meanwhile may come twice, or not at all. Counts are of all runs
        that match on this page and later ones.
        """
        from runlore.projections import filters  # noqa: PLC0415 - see above

        now = self.disk.now()
        wanted = filters.parse(
            now=now,
            where=where,
            status=status,
            name=name,
            tags=tags,
            since=since,
            until=until,
            after=after,
            limit=limit,
            sort=sort,
        )
        return self._indexed.page(wanted).view(now)

    def recent(self, finished: int = RECENT, *, sort: str | Iterable[str] = ()) -> "PsView":
        """Return the live runs and the last few that ended, newest first or as `sort` says."""
        from runlore.projections import filters  # noqa: PLC0415 - see above

        now = self.disk.now()
        return self._indexed.recent(finished, filters.parse(now=now, sort=sort).order).view(now)

    def sql(self, query: str) -> "SqlRows":
        """Return the rows of a SELECT over the views of docs/reference/sql.md; nothing can be written.

        All of them at once. A journal that could be read only up to its damage is warned about, and
        counted in `unread`.

        Raises:
            BadInput: it is no question, or about something else than the views. NotFound: the registry is
            gone. JournalIO: the disk refused, or the index is damaged.
        """
        from runlore.runtimes.sql import rows_of  # noqa: PLC0415 - few need it

        found = rows_of(self.disk, self.layout, query)
        if found.unread:
            import warnings  # noqa: PLC0415 - rare

            told = f"sql: {found.unread} of the journals could not be read to the end; see `runlore verify`"
            warnings.warn(told, stacklevel=2)
        return found

    # -- the one that is meant

    def resolve(self, selector: str, *, destructive: bool = False, live: bool = False) -> RunId:
        """Return the id of the run that is meant.

        In this order: full id, short id, name (the latest run of that name), `latest`, `latest:failed`,
        `key:K`, the beginning of a short id. A destructive verb never guesses. live: runs that have not
        ended come first; only if none of those is meant, the others count.

        Raises:
            NotFound: no run is meant. Ambiguous: several are; the message lists them.
            BadInput: the selector is empty, or names a status that does not exist.
        """
        exact = selectors.full_id(selector)
        if exact is not None and exists(self.disk, self.layout, exact):
            return exact
        observed = live or ":" in selector  # only statuses depend on who is alive
        known = self._indexed.candidates(selector, observed=observed)
        return selectors.resolve(selector, known, destructive=destructive, live=live)

    def choose(self) -> Chosen:
        """Return the sole live run, else the latest one, and why: what a command without an id means.

        Raises:
            NotFound: there are no runs.
        """
        return selectors.choose(self._indexed.candidates(None, observed=True))

    # -- one run

    def view(self, run_id: RunId, *, at: int | str | datetime | None = None) -> "RunView":
        """Return one run as it is now, or as its journal told it at a seq or a time.

        at: a seq, an aware time, or a text like "2h" (ago) and "2026-11-20". What is found out about a
        run that has not ended, its health and what follows from it, is of now alone.

        Raises:
            BadInput: `at` is neither. NotFound: no such run, or not yet then. JournalIO: the disk refused.
        """
        now = self.disk.now()
        if at is not None:
            from runlore.projections import past  # noqa: PLC0415 - few ask

            return past.view_at(self.disk, self.layout, run_id, past.moment(at, now))
        from msgspec import structs  # noqa: PLC0415 - see above

        found = self._listing.one(run_id)
        view = found.view(now)
        return structs.replace(view, retention=self._retention(found, view.retention, now))

    def _retention(self, found: "Found", view: "RetentionView", now: datetime) -> "RetentionView":
        """Return whether and why the policy lets the run go; for one that goes on it is not even read."""
        if found.row.state.ended:
            return self.retaining.shown(found.row, view, now)
        from msgspec import structs  # noqa: PLC0415 - see above

        return structs.replace(view, eligible=False, reason="it has not ended")

    @cached_property
    def retaining(self) -> "Retaining":
        """What decides which runs may go."""
        from runlore.runtimes.retaining import Retaining  # noqa: PLC0415 - see above

        return Retaining(self.disk, self.layout, self._listing, lambda: self._indexed)
