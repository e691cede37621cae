"""One run, and what it wrote, for asynchronous programs."""

from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import Final, Self

import anyio
from anyio import to_thread

from runlore.aio.artifact import AsyncArtifact
from runlore.aio.threads import act, ask
from runlore.aio.waiting import wait_decided
from runlore.journal.scan import Record
from runlore.journal.values import Status, Stream
from runlore.projections.artifact_views import ArtifactView
from runlore.projections.promote_views import PromotionView
from runlore.projections.retention_views import RemovedRunView
from runlore.projections.run_view import RunView
from runlore.projections.secret_views import RedactView
from runlore.runtimes.intervene import Intervention
from runlore.runtimes.run import Run
from runlore.runtimes.stop import StopRequest
from runlore.runtimes.transcript_lines import Line, TranscriptLines
from runlore.runtimes.transcript_reader import POLL_S, TranscriptReader

_BATCH: Final = 64
"""Chunks of output that are turned into lines at once: not all of a long transcript."""


class AsyncRun:
    """One run, for asynchronous programs; `sync` is the handle behind it."""

    def __init__(self, run: Run) -> None:
        self.sync: Final = run
        self.id: Final = run.id
        self.existing: Final = run.existing

    def __repr__(self) -> str:
        return f"<runlore.{type(self).__name__} {self.id}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AsyncRun) and other.sync == self.sync

    def __hash__(self) -> int:
        return hash(self.sync)

    @property
    def short_id(self) -> str:
        """The part of the id that people type."""
        return self.sync.short_id

    @property
    def root(self) -> str:
        """The registry's folder."""
        return self.sync.root

    async def view(self, *, at: int | str | datetime | None = None) -> RunView:
        """Return everything about the run as it is now, or was: see `Run.view`."""
        return await ask(partial(self.sync.view, at=at))

    async def status(self) -> Status | None:
        """Return the status now."""
        return (await self.view()).status

    async def exit_code(self) -> int | None:
        """Return the command's exit code; None while it runs, and if there is none."""
        return (await self.view()).exit_code

    async def result(self) -> object:
        """Return the workload's own result document; None until the run has ended."""
        return (await self.view()).result

    async def has_ended(self) -> bool:
        """Say whether the run is over: see `Run.has_ended`."""
        return await ask(self.sync.has_ended)

    async def events(self, *, after: int = 0) -> list[Record]:
        """Return the records of its journal newer than position `after`, oldest first: see `Run.events`."""
        return await ask(lambda: list(self.sync.events(after=after)))

    async def artifacts(self, *globs: str, kind: str | None = None) -> list[ArtifactView]:
        """Return the outputs that were collected, and what was left out: see `Run.artifacts`."""
        return await ask(partial(self.sync.artifacts, *globs, kind=kind))

    async def get_artifact(self, path: str) -> AsyncArtifact:
        """Return one stored output: see `Run.get_artifact`."""
        return AsyncArtifact(await ask(partial(self.sync.get_artifact, path)))

    @asynccontextmanager
    async def logs(
        self,
        stream: Stream | None = None,
        *,
        last: int | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        follow: bool = False,
    ) -> "AsyncGenerator[AsyncLines, None]":
        """Give a stream of what the command wrote: see `Run.logs`.

        async with run.logs(follow=True) as lines:
            async for line in lines: ...
        """
        reader = await ask(partial(self.sync.open_transcript, stream, last=last, since=since, until=until))
        try:
            yield AsyncLines(self.sync, reader, last, follow=follow)
        finally:
            reader.close()

    async def wait(
        self,
        timeout: float | None = None,  # noqa: ASYNC109 - runs out with an answer, not an error
    ) -> RunView | None:
        """Return the run's view once it has ended, or None if it has not in time: see `Run.wait`."""
        ended = await wait_decided(self.sync.registry, [self.id], timeout_s=timeout)
        return ended[0] if ended else None

    async def stop(self, reason: str = "", *, force: bool = False, grace: float | None = None) -> StopRequest:
        """Return the request to stop that counts, durable: see `Run.stop`."""
        return await act(partial(self.sync.stop, reason, force=force, grace=grace))

    async def signal(self, number: int, *, tree: bool = False) -> Intervention:
        """Send a signal to the run's command, or to everything of the run: see `Run.signal`."""
        return await act(partial(self.sync.signal, number, tree=tree))

    async def pause(self, reason: str = "") -> Intervention:
        """Stop all processes of the run until `unpause`: see `Run.pause`."""
        return await act(partial(self.sync.pause, reason))

    async def unpause(self, reason: str = "") -> Intervention:
        """Let all processes of the run go on that are stopped: see `Run.unpause`."""
        return await act(partial(self.sync.unpause, reason))

    async def tag(
        self, tags: Mapping[str, str] | None = None, /, *, remove: Iterable[str] = (), **more: str
    ) -> None:
        """Set tags, and remove others: see `Run.tag`."""
        await act(partial(self.sync.tag, tags, remove=remove, **more))

    async def note(self, text: str) -> None:
        """Leave a note for people: see `Run.note`."""
        await act(partial(self.sync.note, text))

    async def rename(self, name: str) -> None:
        """Give the run another name, or none: see `Run.rename`."""
        await act(partial(self.sync.rename, name))

    async def pin(self, why: str = "") -> None:
        """Keep the run until `unpin`: see `Run.pin`."""
        await act(partial(self.sync.pin, why))

    async def unpin(self, why: str = "") -> None:
        """Take the pin away: see `Run.unpin`."""
        await act(partial(self.sync.unpin, why))

    async def promote(self, *paths: str, reason: str = "") -> list[PromotionView]:
        """Make stored outputs evidence: see `Run.promote`."""
        return await act(partial(self.sync.promote, *paths, reason=reason))

    async def accept(self, reason: str = "") -> None:
        """Accept the run's outcome: see `Run.accept`."""
        await act(partial(self.sync.accept, reason))

    async def remove(self, *, force: bool = False, now: bool = False, why: str = "") -> RemovedRunView:
        """Move its outputs to the trash, or remove them for good: see `Run.remove`."""
        return await act(partial(self.sync.remove, force=force, now=now, why=why))

    async def restore(self, why: str = "") -> None:
        """Bring it back from the trash: see `Run.restore`."""
        await act(partial(self.sync.restore, why))

    async def redact(
        self, values: str | bytes | Iterable[str | bytes], *, why: str = "", dry_run: bool = False
    ) -> RedactView:
        """Take secrets out of everything the run recorded: see `Run.redact`."""
        return await act(partial(self.sync.redact, values, why=why, dry_run=dry_run))


class AsyncLines:
    """Lines of a transcript as they come; valid inside `AsyncRun.logs`."""

    def __init__(self, run: Run, reader: TranscriptReader, last: int | None, *, follow: bool) -> None:
        self._run, self._reader, self._lines = run, reader, TranscriptLines(reader)
        self._last, self._follow = last, follow
        self._ready: list[Line] = []
        self._over = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Line:
        while not self._ready:
            if self._over:
                raise StopAsyncIteration
            batch = await to_thread.run_sync(self._next_batch)
            self._ready = batch[::-1]
            if not batch and not self._over:
                await anyio.sleep(POLL_S)
        return self._ready.pop()

    def _next_batch(self) -> list[Line]:
        """Return the lines that are there by now; the run's end is asked before each look."""
        if self._last is not None:
            last, self._last = self._last, None
            self._over = not self._follow
            return list(self._lines.last(last))
        ended = not self._follow or self._reader.is_past() or self._run.has_ended()
        now = self._reader.now()
        upto = min(now, self._reader.place + _BATCH)
        found = list(self._lines.read_available(upto))
        if upto < now and found:
            return found
        if ended:
            self._over = True
            found += self._lines.flush(final=self._follow)
        elif not found:
            found += self._lines.flush(final=False)
        return found
