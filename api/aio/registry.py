"""A registry for asynchronous programs."""

import os
from collections.abc import AsyncGenerator, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, BinaryIO, Final

from anyio import CancelScope

from runlore import live
from runlore.aio.named import AsyncNamedSubscription
from runlore.aio.run import AsyncRun
from runlore.aio.submitting import AsyncSubmitted
from runlore.aio.threads import act, ask
from runlore.aio.track import AsyncTracking
from runlore.aio.waiting import wait_decided
from runlore.journal.values import RunId
from runlore.named import NamedSubscription
from runlore.projections.awaiting import Awaited, parse
from runlore.projections.exported import ExportView
from runlore.projections.imported import ImportedView
from runlore.projections.list_views import PsView
from runlore.projections.reconcile_views import ReconciledView
from runlore.projections.retention_views import PruneView, TrashView
from runlore.projections.run_view import RunView
from runlore.projections.selectors import Chosen
from runlore.projections.subscription_views import SubscriptionView
from runlore.registry import Registry as Front
from runlore.runtimes.begin import Labels
from runlore.runtimes.registry import Registry
from runlore.runtimes.run import Run
from runlore.runtimes.sql import SqlRows
from runlore.runtimes.submit_many import Submitted, submitted
from runlore.runtimes.subscription_views import subscription_views
from runlore.watcher.stream import Slow
from runlore.watcher.subscription import Subscription

_OVER: Final = object()


class AsyncRegistry:
    """A registry of runs for asynchronous programs; `sync` is the one behind it."""

    def __init__(self, registry: Registry) -> None:
        self.sync: Final = registry

    def __repr__(self) -> str:
        return f"<runlore.AsyncRegistry {self.root}>"

    @property
    def root(self) -> str:
        """The registry's folder."""
        return self.sync.root

    async def runs(
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
    ) -> list[RunView]:
        """Return the runs that match, in order: see `Registry.runs`."""
        page = await self.page(
            where,
            status=status,
            name=name,
            tags=tags,
            since=since,
            until=until,
            limit=limit,
            after=after,
            sort=sort,
        )
        return page.items

    async def page(
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
    ) -> PsView:
        """Return what `runs` returns, with counts and the next page's cursor: see `Registry.page`."""
        return await ask(
            partial(
                self.sync.page,
                where,
                status=status,
                name=name,
                tags=tags,
                since=since,
                until=until,
                limit=limit,
                after=after,
                sort=sort,
            )
        )

    async def recent(self, finished: int = 5, *, sort: str | Iterable[str] = ()) -> PsView:
        """Return the live runs and the last few that ended, newest first or as `sort` says."""
        return await ask(partial(self.sync.recent, finished, sort=sort))

    async def sql(self, query: str) -> SqlRows:
        """Return the rows of a SELECT over the views of runs: see `Registry.sql`."""
        return await ask(partial(self.sync.sql, query))

    async def view(self, run_id: RunId, *, at: int | str | datetime | None = None) -> RunView:
        """Return one run as it is now, or was: see `Registry.view`."""
        return await ask(partial(self.sync.view, run_id, at=at))

    async def get(self, selector: str, *, destructive: bool = False) -> "AsyncRun":
        """Return the run that `selector` means: see `Registry.resolve`."""
        return AsyncRun(await ask(partial(self.sync.get, selector, destructive=destructive)))

    async def resolve(self, selector: str, *, destructive: bool = False, live: bool = False) -> RunId:
        """Return the id of the run that is meant: see `Registry.resolve`."""
        return await ask(partial(self.sync.resolve, selector, destructive=destructive, live=live))

    async def choose(self) -> Chosen:
        """Return the sole live run, else the latest one, and why: see `Registry.choose`."""
        return await ask(self.sync.choose)

    async def submit(
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
        timeout: float | None = None,  # noqa: ASYNC109 - the run's limit, not this call's
        await_ready: float | None = None,
        idle_timeout: float | None = None,
        output_limit: int | None = None,
        artifacts: Iterable[str] = (),
        reports: Iterable[str] = (),
        required: Iterable[str] = (),
        stdin: bool = False,
        pin: bool = False,
    ) -> "AsyncRun":
        """Return a new run whose command has started: see `Registry.submit`."""
        deed = partial(
            self.sync.submit,
            argv,
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
        return AsyncRun(await act(deed))

    async def submit_many(
        self, runs: Iterable[Mapping[str, Any]], *, wait_for_room: bool = False
    ) -> AsyncGenerator[AsyncSubmitted, None]:
        """Yield what became of each submission, in their order: see `Registry.submit_many`.

        `runs` is asked in a worker thread.
        """
        known = submitted(self.sync, runs, wait_for_room=wait_for_room)
        try:
            while True:
                done = await act(partial(next, known, _OVER))
                if done is _OVER:
                    return
                if isinstance(done, Submitted):
                    yield AsyncSubmitted.of(done)
        finally:
            with CancelScope(shield=True):
                await act(known.close)

    def track(
        self,
        name: str | None = None,
        *,
        tags: Mapping[str, str] | None = None,
        metadata: Mapping[str, object] | None = None,
        artifacts: Iterable[str] = (),
        reports: Iterable[str] = (),
        required: Iterable[str] = (),
    ) -> "AsyncTracking":
        """Return an asynchronous context in which this process is a run: see `Registry.track`.

        Also a decorator for asynchronous functions. The end is written down even if the block was
        cancelled.
        """
        labels = Labels(
            name=name,
            tags=tags,
            metadata=metadata,
            artifacts=tuple(artifacts),
            reports=tuple(reports),
            required=tuple(required),
        )
        return AsyncTracking(self.sync, labels)

    def subscribe(
        self,
        *,
        after: str | None = None,
        types: str | Iterable[str] = (),
        runs: Iterable[str | Run] | None = None,
        status: str | Iterable[str] = (),
        name: str | None = None,
        tags: Iterable[str] | Mapping[str, str] = (),
        since: str | datetime | None = None,
        until: str | datetime | None = None,
        history: bool | None = None,
        slow: Slow | None = None,
        buffer: int = 1000,
    ) -> Subscription:
        """Return what is a live stream of records within `async with`: see `runlore.Registry.subscribe`."""
        return live.subscribe(
            self.sync,
            after=after,
            types=types,
            runs=runs,
            status=status,
            name=name,
            tags=tags,
            since=since,
            until=until,
            history=history,
            slow=slow,
            buffer=buffer,
        )

    def follow(
        self,
        run: str | Run,
        *,
        after: str | None = None,
        last: int | None = None,
        types: str | Iterable[str] = (),
    ) -> Subscription:
        """Return what is, within `async with`, a stream of one run: see `runlore.Registry.follow`."""
        return live.follow(self.sync, run, after=after, last=last, types=types)

    def subscription(
        self, name: str, *, max_unacked: int = 1000, follow: bool = True
    ) -> AsyncNamedSubscription:
        """Return the subscription of this name: see `runlore.Registry.subscription`."""
        return AsyncNamedSubscription(
            NamedSubscription(self.sync, name, max_unacked=max_unacked, follow=follow)
        )

    async def subscriptions(self) -> list[SubscriptionView]:
        """Return what is known of each named subscription: see `runlore.Registry.subscriptions`."""
        return await ask(partial(subscription_views, self.sync.disk, self.sync.layout))

    async def wait(
        self,
        run_ids: Iterable[RunId],
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - runs out with an answer, not an error
        any_one: bool = False,
        for_: Awaited = "terminal",
    ) -> list[RunView]:
        """Return the views of those runs that have ended, once all have, or any one: see `Registry.wait`."""
        return await wait_decided(self.sync, run_ids, timeout_s=timeout, any_one=any_one, awaited=parse(for_))

    async def reconcile(
        self, run_ids: Iterable[RunId] | None = None, *, dry_run: bool = False
    ) -> list[ReconciledView]:
        """Return what was written about runs whose owners are gone: see `Registry.reconcile`."""
        return await act(partial(self.sync.reconcile, run_ids, dry_run=dry_run))

    async def prune(
        self,
        *,
        apply: bool = False,
        now: bool = False,
        free: int | None = None,
        as_of: datetime | None = None,
    ) -> PruneView:
        """Return which runs the policy removes, or remove them: see `Registry.prune`."""
        return await act(partial(self.sync.prune, apply=apply, now=now, free=free, as_of=as_of))

    async def export(
        self, run_ids: Iterable[RunId], to: str | os.PathLike[str], *, force: bool = False
    ) -> ExportView:
        """Write a bundle with the whole of these runs: see `Registry.export`."""
        return await act(partial(self.sync.export, run_ids, to, force=force))

    async def import_bundle(
        self, source: str | os.PathLike[str] | BinaryIO, *, max_bytes: int | None = None
    ) -> list[ImportedView]:
        """Bring in the runs of a bundle: see `Registry.import_bundle`."""
        return await act(partial(self.sync.import_bundle, source, max_bytes=max_bytes))

    async def import_records(
        self, records: Iterable[Mapping[str, Any]], *, folder: str | os.PathLike[str] | None = None
    ) -> list[ImportedView]:
        """Import runs from their records: see `Registry.import_records`."""
        return await act(partial(self.sync.import_records, records, folder=folder))

    async def import_directory(
        self, path: str | os.PathLike[str], *, tool: str | None = None
    ) -> list[ImportedView]:
        """Import the runs in a folder of another tool: see `Registry.import_directory`."""
        return await act(partial(self.sync.import_directory, path, tool=tool))

    async def trash(self) -> TrashView:
        """Return what is in the trash: see `Registry.trash`."""
        return await ask(self.sync.trash)

    async def empty_trash(
        self, run_ids: Collection[RunId] | None = None, *, dry_run: bool = False
    ) -> TrashView:
        """Empty the trash: see `Registry.empty_trash`."""
        return await act(partial(self.sync.empty_trash, run_ids, dry_run=dry_run))


async def open_async(root: str | os.PathLike[str] | None = None, *, create: bool = True) -> "AsyncRegistry":
    """Return the registry at `root`, or the one that the command line would use: see `runlore.open`."""
    return AsyncRegistry(await act(partial(Front.open, root, create=create)))
