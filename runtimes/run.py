"""One run, as every door handles it: look at it, wait for it, stop it, read it, label it.

A handle is a name and nothing more: it holds no file, lock or process, so a forgotten one costs nothing,
and the run does not notice. How each deed is done stands in the module that it names.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final

from runlore.journal import ids
from runlore.journal.errors import BadInput
from runlore.journal.reader import read
from runlore.journal.scan import Record
from runlore.journal.values import RunId, Seq, Status, Stream
from runlore.projections.run_view import RunView
from runlore.runtimes.folding import RunFold
from runlore.runtimes.waiting import wait_over, waiting_for

if TYPE_CHECKING:
    from runlore.projections.artifact_views import ArtifactView
    from runlore.projections.promote_views import PromotionView
    from runlore.projections.retention_views import RemovedRunView
    from runlore.projections.secret_views import RedactView
    from runlore.runtimes.artifact import Artifact
    from runlore.runtimes.intervene import Intervention
    from runlore.runtimes.registry import Registry
    from runlore.runtimes.stop import StopRequest
    from runlore.runtimes.transcript_lines import Line
    from runlore.runtimes.transcript_reader import TranscriptReader


class Run:
    """A run of a registry. Made by `Registry.get`, `submit` and `track`."""

    def __init__(self, registry: "Registry", run_id: RunId, *, existing: bool = False) -> None:
        self.registry: Final = registry
        self.id: Final = run_id
        self.existing: Final = existing
        """The idempotency key named this run, which was there before; nothing was started."""

    def __repr__(self) -> str:
        return f"<runlore.Run {self.id}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and (other.id, other.root) == (self.id, self.root)

    def __hash__(self) -> int:
        return hash((self.id, self.root))

    @property
    def short_id(self) -> str:
        """The part of the id that people type."""
        return ids.short(self.id)

    @property
    def root(self) -> str:
        """The registry's folder."""
        return self.registry.root

    # -- look

    def view(self, *, at: int | str | datetime | None = None) -> RunView:
        """Return everything about the run as it is now, its owner's life or death included.

        at: as its journal told it at a seq or a time instead; see `Registry.view`.

        Raises:
            NotFound: its journal is gone, or it was not there yet. BadInput: `at` is neither.
            JournalIO: the disk refused.
        """
        return self.registry.view(self.id, at=at)

    @property
    def status(self) -> Status | None:
        """The status now; None only if the journal is damaged before its first event."""
        return self.view().status

    @property
    def exit_code(self) -> int | None:
        """The command's exit code; None while it runs, if a signal ended it, and if nobody saw it."""
        return self.view().exit_code

    @property
    def result(self) -> object:
        """The workload's own result document; None until the run has ended."""
        return self.view().result

    def has_ended(self) -> bool:
        """Say whether the run is over; an end that only the evidence tells counts."""
        registry = self.registry
        look = registry.observer.look(RunFold(registry.disk, registry.layout, self.id))
        return look.assessment.state.ended

    # -- read

    def events(self, *, after: int = 0) -> Iterator[Record]:
        """Yield the records of its journal newer than position `after`, oldest first.

        Raises:
            CorruptJournal: damage that no crash explains; the records before it were already yielded.
        """
        return read(self.registry.disk, self.registry.layout, self.id, after=Seq(after))

    def logs(
        self,
        stream: Stream | None = None,
        *,
        last: int | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        follow: bool = False,
    ) -> "Iterator[Line]":
        """Yield what the command wrote, in lines of bytes; of one stream, or of both as they were read.

        last: only so many lines from the end. since: only what was read then or later; until: only what
        was read before. follow: go on as it comes, until the run has ended, its tail included, or until
        that time; otherwise an unfinished last line comes as it is.

        Raises:
            NotFound: the run has no transcript.
        """
        from runlore.runtimes.transcript_lines import lines_of  # noqa: PLC0415 - few need it

        reader = self.open_transcript(stream, last=last, since=since, until=until)
        return lines_of(reader, last, self.has_ended if follow else None)

    def open_transcript(
        self,
        stream: Stream | None = None,
        *,
        last: int | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> "TranscriptReader":
        """Return a reader of the run's transcript that stands where `logs` begins; close it."""
        if last is not None and (last < 0 or since is not None):
            raise BadInput("last is a number of lines from the end, and does not go with since")
        if stream not in {None, "stdout", "stderr"}:
            raise BadInput(f"no stream {stream!r}; there are stdout and stderr, and None for both")
        from runlore.runtimes.transcript_reader import TranscriptReader  # noqa: PLC0415 - few need it

        registry = self.registry
        reader = TranscriptReader(registry.disk, registry.layout, self.id, stream=stream, until=until)
        if since is not None:
            reader.seek_since(since)
        return reader

    def artifacts(self, *globs: str, kind: str | None = None) -> "list[ArtifactView]":
        """Return the outputs that were collected, and what was left out, with the reason.

        globs: only what these mean: `"out/**"`, `"!**/*.tmp"`. kind: only those of this kind.
        Nothing is collected before the run has ended.

        Raises:
            BadInput: a pattern is none. NotFound, CorruptJournal, JournalIO: the journal cannot be read.
        """
        from runlore.runtimes.artifact import views_of  # noqa: PLC0415 - few need it

        return views_of(self.registry, self.id, globs, kind)

    def get_artifact(self, path: str) -> "Artifact":
        """Return one stored output, to be read or saved; whoever does is told if its bytes are others.

        Raises:
            NotFound: none of this path is stored. CorruptJournal, JournalIO: the journal cannot be read.
        """
        from runlore.runtimes.artifact import artifact_of  # noqa: PLC0415 - few need it

        return artifact_of(self.registry, self.id, path)

    # -- see to what goes on

    def wait(self, timeout: float | None = None) -> RunView | None:
        """Return the run's view once it has ended, or None if it has not within `timeout` seconds.

        Returns at once for a run that has ended. If its owner died instead of ending it, the end that
        follows from the evidence counts, and is written down where this user may.

        Raises:
            NotFound: its journal is gone. JournalIO: the disk refused.
        """
        registry = self.registry
        with waiting_for(registry, [self.id]) as waiting:
            if not wait_over(waiting, timeout_s=timeout):
                return None
            return registry.settle(self.id)

    def stop(self, reason: str = "", *, force: bool = False, grace: float | None = None) -> "StopRequest":
        """Return the request to stop that counts, durable; the run's keeper carries it out.

        TERM to everything of the run, then, after `grace` seconds (10 unless told), KILL; `force` skips
        the grace. The first request's time and reason stand. `wait` tells when it is over.

        Raises:
            AlreadyEnded: there is nothing to stop. NoKeeper: nobody is left to do it.
            NotFound: no such run. NotPermitted, JournalIO: the request could not be recorded.
        """
        from runlore.runtimes.stop import stop  # noqa: PLC0415 - few need it

        return stop(self.registry, self.id, reason, force=force, grace_s=grace)

    def signal(self, number: int, *, tree: bool = False) -> "Intervention":
        """Send a signal to the run's command, or to everything of the run; a note on record says so.

        Raises:
            AlreadyEnded: it is over. NoHandle: it has no command yet. Elsewhere, Unverifiable: its
            processes are not to be told from strangers here, so nothing was signalled.
            NotFound: no such run. NotPermitted, JournalIO: the registry cannot be written.
        """
        from runlore.runtimes import intervene  # noqa: PLC0415 - few need it

        return intervene.send(self.registry, self.id, number, tree=tree)

    def pause(self, reason: str = "") -> "Intervention":
        """Stop all processes of the run until `unpause`; what is stopped already stays so.

        Its status does not change, and `idle_timeout` stands still meanwhile; `timeout` goes on.

        Raises: as `signal` does.
        """
        from runlore.runtimes import intervene  # noqa: PLC0415 - few need it

        return intervene.pause(self.registry, self.id, reason)

    def unpause(self, reason: str = "") -> "Intervention":
        """Let all processes of the run go on that are stopped.

        Raises: as `signal` does.
        """
        from runlore.runtimes import intervene  # noqa: PLC0415 - few need it

        return intervene.unpause(self.registry, self.id, reason)

    # -- label

    def tag(
        self, tags: Mapping[str, str] | None = None, /, *, remove: Iterable[str] = (), **more: str
    ) -> None:
        """Set tags, and remove others; durable on return. `run.tag(env="prod")`.

        Raises:
            BadInput: a tag is none. NotFound: no such run. NotPermitted, JournalIO: not recorded.
        """
        from runlore.runtimes import labelling  # noqa: PLC0415 - few need it

        labelling.tag(self.registry, self.id, {**(tags or {}), **more}, remove)

    def note(self, text: str) -> None:
        """Leave a note for people; durable on return.

        Raises:
            BadInput: it is empty or too long. NotFound: no such run. NotPermitted, JournalIO: not recorded.
        """
        from runlore.runtimes import labelling  # noqa: PLC0415 - few need it

        labelling.note(self.registry, self.id, text)

    def rename(self, name: str) -> None:
        """Give the run another name, or none (empty); durable on return.

        Raises:
            BadInput: it cannot be a name. NotFound: no such run. NotPermitted, JournalIO: not recorded.
        """
        from runlore.runtimes import labelling  # noqa: PLC0415 - few need it

        labelling.rename(self.registry, self.id, name)

    # -- keep and remove

    def pin(self, why: str = "") -> None:
        """Keep the run until `unpin`: no rule and no `remove` takes it; durable on return.

        `why` goes on record. A run that is pinned stays as it is.

        Raises:
            Removed: its outputs are gone, or in the trash. Busy: somebody removes it right now.
            NotFound: no such run. NotPermitted, JournalIO: not recorded.
        """
        from runlore.runtimes.pinning import pin  # noqa: PLC0415 - few need it

        pin(self.registry, self.id, why)

    def unpin(self, why: str = "") -> None:
        """Take the pin away; durable on return. A run that is not pinned stays as it is.

        Raises: as `pin` does.
        """
        from runlore.runtimes.pinning import unpin  # noqa: PLC0415 - few need it

        unpin(self.registry, self.id, why)

    def promote(self, *paths: str, reason: str = "") -> "list[PromotionView]":
        """Return which stored outputs are evidence now, durably, bytes and decision: nothing removes them.

        paths: paths or patterns as of `artifacts`; all stored outputs without any. What is evidence already
        stays as it is, and is mended if its bytes were damaged. reason: goes on record.

        Raises:
            DamagedArtifact, NotFound, JournalIO: of one of them the bytes are others, or gone, or the disk
            refused; whatever could be promoted is. NotFound: a path means no stored output.
            Conflict: it has not ended. Removed: its outputs are gone, or in the trash.
            BadInput: a pattern is none. NotPermitted: the registry may not be written.
        """
        from runlore.runtimes.promoting import Promotion, settle_end  # noqa: PLC0415 - few need it

        self.registry.require_writable()
        settle_end(self.registry, self.id)
        promotion = Promotion(self.registry, self.id, paths)
        view = promotion.apply(reason)
        if promotion.failures:
            raise promotion.failures[0]
        return view

    def accept(self, reason: str = "") -> None:
        """Accept the run's outcome: no rule and no `remove` takes it any more; durable on return.

        `reason` goes on record. A run that is accepted stays as it is.

        Raises:
            Conflict: it has not ended. Removed: its outputs are gone, or in the trash. Busy: somebody
            removes it right now. NotFound: no such run. NotPermitted, JournalIO: not recorded.
        """
        from runlore.runtimes.promoting import accept  # noqa: PLC0415 - few need it

        accept(self.registry, self.id, reason)

    def remove(self, *, force: bool = False, now: bool = False, why: str = "") -> "RemovedRunView":
        """Return what was moved to the trash, or, with `now`, is gone for good; its journal stays.

        force: stop it first, if it goes on. What is pinned, evidence or in doubt is never removed.

        Raises:
            Conflict: something keeps it; the message says what. Busy: somebody else is removing.
            NotFound: no such run. NotPermitted, JournalIO: it was not removed, or not whole: ask again.
        """
        from runlore.runtimes.removing import remove  # noqa: PLC0415 - few need it

        return remove(self.registry, self.id, force=force, now=now, why=why)

    def restore(self, why: str = "") -> None:
        """Bring it back from the trash, durably; no rule removes it again.

        Raises:
            Removed: its bytes are gone. NotFound: it is not in the trash. Busy: somebody is at it.
            NotPermitted, JournalIO: it did not come back.
        """
        from runlore.runtimes.removing import restore  # noqa: PLC0415 - few need it

        restore(self.registry, self.id, why)

    def redact(
        self, values: str | bytes | Iterable[str | bytes], *, why: str = "", dry_run: bool = False
    ) -> "RedactView":
        """Take secrets out of everything the run recorded, and return where they were and still are.

        Each value is looked for in all its encodings. Lines of the journal keep their length and `h`,
        and a `text.redacted` event names them. `why` goes on record. dry_run: nothing is changed.

        Raises:
            BadInput: a value is none, or stands where there is no text. Busy: the run is live.
            NotFound: no such run. NotPermitted, CorruptJournal, NewerFormat, JournalIO: not redacted.
        """
        from runlore.runtimes.redact import Redaction  # noqa: PLC0415 - few need it

        registry = self.registry
        given = [values] if isinstance(values, str | bytes) else list(values)
        redaction = Redaction(registry.disk, registry.layout, self.id, given, by=registry.by, why=why)
        if dry_run:
            return redaction.plan()
        registry.require_writable()
        return redaction.apply()
