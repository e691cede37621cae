"""A registry of runs: the one implementation behind the command line, Python, and later HTTP.

What can be asked about runs is in `lookup`. Here is what can be done: start runs and see to their ends,
bring some in and take some out, make room. How each deed is done stands in the module that it names.
"""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Any, BinaryIO

from runlore.journal.errors import BadInput, RunloreError
from runlore.journal.values import RunId
from runlore.runtimes.lookup import Lookup

if TYPE_CHECKING:  # looking loads nothing that writes or waits, and starting a run nothing that looks
    from runlore.journal.scan import Record
    from runlore.journal.writer import Draft
    from runlore.projections.awaiting import Awaited
    from runlore.projections.exported import ExportView
    from runlore.projections.imported import ImportedView
    from runlore.projections.reconcile_views import ReconciledView
    from runlore.projections.retention_views import PruneView, TrashView
    from runlore.projections.run_view import RunView
    from runlore.runtimes.reconcile import Reconciler
    from runlore.runtimes.run import Run
    from runlore.runtimes.submit_many import Submitted
    from runlore.runtimes.track import Tracking


class Registry(Lookup):
    """The runs under one root. Holds nothing open; may be shared by threads and kept for ever.

    writable: False refuses every act that would write, whatever the file system allows.
    """

    def __repr__(self) -> str:
        return f"<runlore.Registry {self.root}>"

    def get(self, selector: str, *, destructive: bool = False) -> "Run":
        """Return the run that `selector` means: see `resolve`."""
        from runlore.runtimes.run import Run  # noqa: PLC0415 - see above

        return Run(self, self.resolve(selector, destructive=destructive))

    # -- start

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

    # -- see to what goes on

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

    @property
    def _reconciler(self) -> "Reconciler":
        from runlore.runtimes.reconcile import Reconciler  # noqa: PLC0415 - see above

        return Reconciler(self.disk, self.layout, self.observer, by=self.by)

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

    # -- bring in, take out

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

    # -- make room

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
