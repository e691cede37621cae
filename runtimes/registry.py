"""A registry of runs: the one implementation behind the command line, Python, and later HTTP.

Reading needs no permission but to read. The first act that writes checks the root (private, local, of
no newer format); reading a root that may not be written goes on as before.
"""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Self

from runlore.journal import machine
from runlore.journal.disk import REAL, Disk
from runlore.journal.errors import BadInput, NotPermitted, RunloreError
from runlore.journal.history import exists
from runlore.journal.layout import Layout
from runlore.journal.root import FoundRoot, find_root, open_for_reading, open_for_writing
from runlore.journal.values import Actor, Durability, RunId
from runlore.projections import selectors
from runlore.projections.index.version import RECENT
from runlore.projections.selectors import Chosen
from runlore.runtimes.observe import Observer
from runlore.runtimes.surroundings import current_folder

if TYPE_CHECKING:  # looking loads nothing that writes or waits, and starting a run nothing that looks
    from runlore.journal.scan import Record
    from runlore.journal.writer import Draft
    from runlore.projections.awaiting import Awaited
    from runlore.projections.exported import ExportView
    from runlore.projections.imported import ImportedView
    from runlore.projections.retention_views import PruneView, TrashView
    from runlore.projections.run_view import RunView
    from runlore.projections.views import PsView, ReconciledView
    from runlore.runtimes.indexed import IndexedListing, Page
    from runlore.runtimes.listing import Listing
    from runlore.runtimes.reconcile import Reconciler
    from runlore.runtimes.retaining import Retaining
    from runlore.runtimes.run import Run
    from runlore.runtimes.run_secrets import OwnSecrets
    from runlore.runtimes.sql import SqlRows
    from runlore.runtimes.submit_many import Submitted
    from runlore.runtimes.track import Tracking


class Registry:
    """The runs under one root. Holds nothing open; may be shared by threads and kept for ever.

    writable: False refuses every act that would write, whatever the file system allows.
    """

    def __init__(
        self,
        layout: Layout,
        *,
        writable: bool = True,
        disk: Disk = REAL,
        by: Actor | None = None,
        durability: Durability = "power",
    ) -> None:
        self.layout: Final = layout
        self.disk: Final = disk
        self.observer: Final = Observer(disk, layout)
        self.durability: Final[Durability] = durability
        self._by, self._writable, self._checked = by, writable, False

    def __repr__(self) -> str:
        return f"<runlore.Registry {self.root}>"

    @classmethod
    def open(cls, root: str | os.PathLike[str] | None = None, *, create: bool = True) -> Self:
        """Return the registry at `root`, or the one that the command line would use.

        That is `RUNLORE_ROOT`, else the nearest `.runlore/` upwards from the current folder, else the
        user's own. If there is none yet it is made, unless `create` is off. One that exists is not
        written to by being opened.

        Raises:
            NotFound: there is none, and `create` is off. NotPermitted: it may not be made there.
            BadInput: the root is none. JournalIO: the disk refused.
        """
        found = find(root)
        if create and not os.path.isdir(f"{found.path}/journals"):
            return cls(open_for_writing(REAL, found.path))
        return cls(open_for_reading(found.path))

    @property
    def root(self) -> str:
        """The registry's folder."""
        return self.layout.root

    @property
    def by(self) -> Actor:
        """Who acts here, as events name it; asked anew, because a fork changes it."""
        return self._by or machine.actor("python")

    @cached_property
    def secrets(self) -> "OwnSecrets":
        """What this process's own environment holds of secrets; looked for when something is recorded."""
        from runlore.runtimes.run_secrets import OwnSecrets  # noqa: PLC0415 - see above

        return OwnSecrets(self.root)

    @cached_property
    def _listing(self) -> "Listing":
        from runlore.runtimes.listing import Listing  # noqa: PLC0415 - see above

        return Listing(self.disk, self.layout, self.observer)

    @cached_property
    def _indexed(self) -> "IndexedListing":
        from runlore.runtimes.indexed import IndexedListing  # noqa: PLC0415 - see above

        return IndexedListing(self.disk, self.layout, self._listing)

    # -- look

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
        return _page(self._indexed.page(wanted), now)

    def recent(self, finished: int = RECENT, *, sort: str | Iterable[str] = ()) -> "PsView":
        """Return the live runs and the last few that ended, newest first or as `sort` says."""
        from runlore.projections import filters  # noqa: PLC0415 - see above

        now = self.disk.now()
        return _page(self._indexed.recent(finished, filters.parse(now=now, sort=sort).order), now)

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

    def view(self, run_id: RunId, *, at: int | str | datetime | None = None) -> "RunView":
        """Return one run as it is now, or as its journal told it at a seq or a time.

        at: a seq, an aware time, or a text like "2h" (ago) and "2026-11-20". What is found out about a
        run that has not ended, its health and what follows from it, is of now alone.

        Raises:
            BadInput: `at` is neither. NotFound: no such run, or not yet then. JournalIO: the disk refused.
        """
        now = self.disk.now()
        if at is None:
            from msgspec import structs  # noqa: PLC0415 - see above

            found = self._listing.one(run_id)
            view = found.view(now)
            if not found.row.state.ended:
                shown = structs.replace(view.retention, eligible=False, reason="it has not ended")
            else:
                shown = self.retaining.shown(found.row, view.retention, now)
            return structs.replace(view, retention=shown)
        from runlore.projections import past  # noqa: PLC0415 - few ask
        from runlore.projections.present import run_view  # noqa: PLC0415 - few ask

        moment = past.moment(at, now)
        row = past.row_at(self.disk, self.layout, run_id, moment)
        as_of = moment.at or row.state.reached_at
        return run_view(row.state, as_of=as_of, head=row.head, problem=row.problem)

    @cached_property
    def retaining(self) -> "Retaining":
        """What decides which runs may go."""
        from runlore.runtimes.retaining import Retaining  # noqa: PLC0415 - see above

        return Retaining(self.disk, self.layout, self._listing, lambda: self._indexed)

    def get(self, selector: str, *, destructive: bool = False) -> "Run":
        """Return the run that `selector` means: see `resolve`."""
        from runlore.runtimes.run import Run  # noqa: PLC0415 - see above

        return Run(self, self.resolve(selector, destructive=destructive))

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

    # -- act

    def submit(
        self,
        argv: Sequence[str | os.PathLike[str]],
        *,
        name: str | None = None,
        tags: Mapping[str, str] | None = None,
        metadata: Mapping[str, object] | None = None,
        key: str | None = None,
        env: Mapping[str, str] | None = None,
        secrets: Iterable[str] | Mapping[str, str] = (),
        secret_files: Mapping[str, str | os.PathLike[str]] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        timeout: float | None = None,
        await_ready: float | None = None,
        idle_timeout: float | None = None,
        output_limit: int | None = None,
        artifacts: Iterable[str] = (),
        reports: Iterable[str] = (),
        required: Iterable[str] = (),
        stdin: bool = False,
        pin: bool = False,
    ) -> "Run":
        """Return a new run whose command has started, under a keeper of its own.

        The run needs this process no longer. The keeper is a fresh interpreter: nothing is forked from
        the calling program, so threads, sockets and locks stay where they are.

        env: variables on top of this process's own; these are recorded, inherited ones never are.
        secrets: names of variables that the command must find in this process's environment, or a
        mapping with their values; only the names are recorded, and the values are masked in everything
        that is. secret_files: the same, with the file that holds each value.
        key: the same key with the same command gives the first run again (`existing` says so).
        timeout: seconds after which the run is stopped. idle_timeout: seconds without output after which
        it is stopped. output_limit: bytes of output to keep, the first half of them and the last.
        await_ready: return only once the command has said that it is ready, which may take so many
        seconds. stdin: pass standard input on. pin: keep the run until it is unpinned.
        artifacts: patterns of files below `cwd` that are collected at the end, such as ["out/**",
        "!out/tmp"]; reports: the same, of the kind "report"; required: the same, and without a stored
        file of each the run has failed.

        Raises:
            DidNotStart: the command could not be started, or was over before it was ready; the run is on
                record with the reason.
            BadInput: the submission is none. Conflict: the key was used with another command.
            NotPermitted, JournalIO: the registry cannot be written; no run was made.
        """
        from runlore.runtimes.run import Run  # noqa: PLC0415 - see above
        from runlore.runtimes.starting import submit  # noqa: PLC0415 - few need it
        from runlore.runtimes.submission import Submission  # noqa: PLC0415 - few need it

        wanted = Submission(
            argv=argv,
            name=name,
            tags=tags,
            metadata=metadata,
            key=key,
            env=env,
            secrets=secrets,
            secret_files=secret_files,
            cwd=cwd,
            timeout=timeout,
            await_ready=await_ready,
            idle_timeout=idle_timeout,
            output_limit=output_limit,
            artifacts=artifacts,
            reports=reports,
            required=required,
            stdin=stdin,
            pin=pin,
        )
        accepted = submit(self, wanted)
        if accepted.unmasked:
            import warnings  # noqa: PLC0415 - rare

            told = "; ".join(f"{name}: {why}" for name, why in accepted.unmasked.items())
            warnings.warn(f"run {accepted.run_id}: secrets that are not masked: {told}", stacklevel=2)
        return Run(self, accepted.run_id, existing=accepted.existing)

    def submit_many(
        self, runs: Iterable[Mapping[str, Any]], *, wait_for_room: bool = False
    ) -> "Iterator[Submitted]":
        """Yield what became of each submission, in their order, as soon as its command has started or not.

        for done in registry.submit_many({"argv": ["make", part], "key": part} for part in parts): ...

        runs: mappings of what `submit` takes, `argv` among them, `stdin` not. A few are launched at once,
        so they are asked for a little ahead. One keeper is forked for each, from a fresh interpreter that
        is started once; nothing is forked from the calling program. One that is refused is an answer with
        its `error` and spares the others. Whoever stops asking leaves running what was launched; with a
        key it can be submitted again. wait_for_room: wait for a run to end where no more may be kept,
        instead of refusing.

        Raises, on the first step:
            NotPermitted, JournalIO: the registry cannot be written.
        """
        from runlore.runtimes.submit_many import submitted  # noqa: PLC0415 - few need it

        known = submitted(self, runs, wait_for_room=wait_for_room)
        with closing(known):
            yield from filter(None, known)

    def track(
        self,
        name: str | None = None,
        *,
        tags: Mapping[str, str] | None = None,
        metadata: Mapping[str, object] | None = None,
        artifacts: Iterable[str] = (),
        reports: Iterable[str] = (),
        required: Iterable[str] = (),
    ) -> "Tracking":
        """Return a context in which this process is a run; also a decorator for functions.

        The run begins and ends with the block. An exception makes it failed, Ctrl-C and cancellation
        make it cancelled, `SystemExit` counts as the exit code it carries. A process that dies inside
        is concluded from outside: failed, owner_lost.

        artifacts, reports, required: patterns as `submit` takes them, below the folder that the block
        begins in. They are collected at its end, which waits for that: a block that came to its end fails
        without what is required or could not be stored, one that raised ends as it raised.

        Raises, on entering:
            BadInput: a label or a pattern is none. BadSettings. NotPermitted, JournalIO: the registry cannot
                be written.
        """
        from runlore.runtimes.begin import Labels  # noqa: PLC0415 - few need it
        from runlore.runtimes.track import Tracking  # noqa: PLC0415 - few need it

        labels = Labels(
            name=name,
            tags=tags,
            metadata=metadata,
            artifacts=tuple(artifacts),
            reports=tuple(reports),
            required=tuple(required),
        )
        return Tracking(self, labels)

    def import_records(
        self, records: Iterable[Mapping[str, Any]], *, folder: str | os.PathLike[str] | None = None
    ) -> "list[ImportedView]":
        """Return the runs that other tools executed, as they were imported from their records, durable.

        What was imported before is `existing`. All records are looked at first: if one is wrong, none
        comes in. records: mappings with the fields of `runlore schema import_record`; times may be aware
        datetimes. folder: where the files lie that they name.

        Raises:
            BadInput: a record is none; nothing was imported. Once all others were imported, Conflict: an
            id was imported before with other content. WrongDigest: a file is not the one that is named.
            NotPermitted, JournalIO: the registry cannot be written.
        """
        from runlore.runtimes import foreign  # noqa: PLC0415 - few need it

        where = None if folder is None else os.fspath(folder)
        return foreign.import_records(self, records, folder=where)

    def import_directory(
        self, path: str | os.PathLike[str], *, tool: str | None = None
    ) -> "list[ImportedView]":
        """Return the run in a folder of another tool, or those in the folders below it, durable.

        The folder is only read. tool: what the runs are said to come from, whatever the folders say.

        Raises:
            BadInput: there is no run in it. Once all others were imported, what was wrong with the first
            that was not: see `import_records`.
        """
        from runlore.runtimes import foreign  # noqa: PLC0415 - few need it

        return foreign.import_directory(self, os.fspath(path), tool=tool)

    def wait(
        self,
        run_ids: Iterable[RunId],
        *,
        timeout: float | None = None,
        any_one: bool = False,
        for_: "Awaited" = "terminal",
    ) -> "list[RunView]":
        """Return the views of those runs that have ended, once all have, or any one, or time is up.

        In the order in which it was noticed. What nobody had written down yet is written, where this
        user may.

        for_: wait for something else than the end: a status, or "ready". Then the runs that have been
        there come back, and those that never will; one of these ends the wait for all at once, and
        their `status` tells them apart: they have ended otherwise.

        Raises:
            NotFound: one of them has no journal. BadInput: nothing of that name can be waited for.
            JournalIO: the disk refused.
        """
        from runlore.projections.awaiting import parse  # noqa: PLC0415 - see above
        from runlore.runtimes.waiting import wait_over, waiting_for  # noqa: PLC0415 - see above

        with waiting_for(self, run_ids, parse(for_)) as waiting:
            wait_over(waiting, timeout_s=timeout, any_one=any_one)
            return [self.settle(run_id) for run_id in waiting.decided]

    def settle(self, run_id: RunId) -> "RunView":
        """Return a run's view, after writing down its end if only the evidence tells it so far.

        Where that may not be written, the view says `provisional`, and is right all the same.
        """
        view = self.view(run_id)
        if view.provisional:
            try:
                self.reconcile([run_id])
            except (RunloreError, OSError):
                return view
            return self.view(run_id)
        return view

    def reconcile(
        self, run_ids: Iterable[RunId] | None = None, *, dry_run: bool = False
    ) -> "list[ReconciledView]":
        """Return what was written, or would be, about runs whose owners could not say how they ended.

        All runs, or these only. Runs that need nothing are left out; those whose command lives without
        a keeper are named, and given one.

        Raises:
            NotPermitted: the registry may not be written. JournalIO: the disk refused.
        """
        if not dry_run:
            self.require_writable()
        if run_ids is None:
            return self._reconciler.all(dry_run=dry_run)
        return self._reconciler.each(run_ids, dry_run=dry_run)

    def reconcile_in_passing(self) -> None:
        """Do what little of `reconcile` a command that acted may do for others; it never fails."""
        from runlore.runtimes.reconcile import BUDGET_S  # noqa: PLC0415 - see above

        try:
            self.require_writable()
            self._reconciler.all(budget_s=BUDGET_S)
        except (RunloreError, OSError):
            return

    def append(self, run_id: RunId, draft: "Draft") -> "Record":
        """Return the record of a label, or of a decision about evidence, durable.

        Raises:
            NotFound: no such run. Conflict: it may not be appended now.
            NotPermitted, CorruptJournal, NewerFormat, JournalIO: it was not recorded.
        """
        self.require_writable()
        from runlore.journal.feed import Feed  # noqa: PLC0415 - see above
        from runlore.journal.writer import Writer  # noqa: PLC0415 - see above
        from runlore.runtimes.run_secrets import secrets_about  # noqa: PLC0415 - see above

        feed, secrets = Feed(self.disk, self.layout), secrets_about(self.disk, self.layout, run_id)
        writer = Writer(self.disk, self.layout, run_id, feed=feed, redact=secrets.event)
        try:
            return writer.append(draft)
        finally:
            writer.close()
            feed.close()

    def prune(
        self,
        *,
        apply: bool = False,
        now: bool = False,
        free: int | None = None,
        as_of: datetime | None = None,
    ) -> "PruneView":
        """Return which runs the policy in `config.toml` removes, and why each other one stays.

        Nothing is removed unless `apply`; then runs go to the trash, or, with `now`, are gone for good.
        free: only as much as frees so many bytes, at once, the oldest first. as_of: what the policy
        would have removed then; not together with `apply`.

        Raises:
            BadSettings: the policy cannot be understood. Busy: somebody else is removing.
            BadInput: both `apply` and `as_of`. NotPermitted, JournalIO: nothing more was removed.
        """
        from runlore.runtimes.pruning import Pruning  # noqa: PLC0415 - few need it

        if not apply:
            return Pruning(self).plan(at_once=now, free=free, as_of=as_of)
        if as_of is not None:
            raise BadInput("as_of tells what would have been removed then; apply removes what may go now")
        return Pruning(self).apply(at_once=now, free=free)

    def export(
        self, run_ids: "Iterable[RunId]", to: "str | os.PathLike[str]", *, force: bool = False
    ) -> "ExportView":
        """Return what was written to the file `to`: a bundle with the whole of these runs, durable.

        Runs that have ended; of one whose outputs were removed, its journal and its evidence. The file
        appears whole or not at all. force: replace a file that is there.

        Raises:
            Conflict: a run has not ended. NotFound: no such run. BadInput: no runs, or something is there.
            CorruptJournal, DamagedArtifact: something of a run is damaged or missing. JournalIO.
        """
        from runlore.runtimes.export import export_to_file  # noqa: PLC0415 - few need it

        return export_to_file(self.disk, self.layout, run_ids, os.fspath(to), force=force)

    def import_bundle(
        self, source: "str | os.PathLike[str] | BinaryIO", *, max_bytes: int | None = None
    ) -> "list[ImportedView]":
        """Return the runs of a bundle, all of which are here now, durably.

        Those that were here already, with the same history or more behind it, stay as they are. Everything
        is checked before anything counts. source: a file's path, or what is open for reading bytes.
        max_bytes: refuse to write more; 64 GiB unless told otherwise.

        Raises:
            DamagedBundle: it is cut, changed, or not what its journals say. BadInput: it is no bundle, or
            too big. Conflict: a run is here with another history. NotFound: no such file.
            NotPermitted, Busy, JournalIO: it cannot be imported now.
        """
        from runlore.runtimes.import_bundle import MOST_BYTES, import_bundle  # noqa: PLC0415 - few need it
        from runlore.runtimes.import_source import opened  # noqa: PLC0415 - few need it

        self.require_writable()
        with opened(source) as bundle:
            most = MOST_BYTES if max_bytes is None else max_bytes
            return import_bundle(self.disk, self.layout, bundle.read, bundle.name, max_bytes=most)

    def trash(self) -> "TrashView":
        """Return the removed runs whose bytes are still there, those removed first coming first.

        Raises:
            BadSettings: how long they stay cannot be understood. JournalIO: the disk refused.
        """
        from runlore.runtimes.removing import in_trash  # noqa: PLC0415 - few need it

        return in_trash(self)

    def empty_trash(
        self, run_ids: "Collection[RunId] | None" = None, *, dry_run: bool = False
    ) -> "TrashView":
        """Return what is gone for good now: all of the trash, or these runs.

        Raises:
            NotFound: one of them is not there. Busy: somebody else is removing.
            NotPermitted, JournalIO: some of it could not be emptied; ask again.
        """
        from runlore.runtimes.removing import empty_trash  # noqa: PLC0415 - few need it

        return empty_trash(self, run_ids, dry_run=dry_run)

    def require_writable(self) -> None:
        """Return if this registry may be written; asked of the file system once.

        Raises:
            NotPermitted, NotFound, NewerFormat, JournalIO: it may not; the message says what to do.
        """
        if not self._writable:
            raise NotPermitted(f"{self.root} was opened for reading only")
        if not self._checked:
            open_for_writing(self.disk, self.root, create=False)
            self._checked = True

    @property
    def _reconciler(self) -> "Reconciler":
        from runlore.runtimes.reconcile import Reconciler  # noqa: PLC0415 - see above

        return Reconciler(self.disk, self.layout, self.observer, by=self.by)


def find(root: str | os.PathLike[str] | None) -> FoundRoot:
    """Return the root to use, by the rules of the command line."""
    return find_root(None if root is None else os.fspath(root), os.environ, current_folder())


def _page(found: "Page", now: datetime) -> "PsView":
    from runlore.projections.views import PsView, tallied  # noqa: PLC0415 - see above

    return PsView(
        as_of=now,
        items=[run.view(now) for run in found.items],
        counts=tallied(found.counts),
        damaged=found.damaged,
        truncated=found.truncated,
        next=found.next,
    )
