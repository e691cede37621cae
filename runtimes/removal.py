"""Remove the outputs of one run, step by step, so that anybody can go on wherever it stopped.

1. Under the owner lock everything that decides is found out again; `run.expired` is appended only behind
   the very record that this rests on. From then on the journal is a tombstone.
2. The folder moves to `trash/<run_id>`, lock file and all. `restore` can bring it back from there.
3. It becomes `trash/<run_id>.going`: what is called so is gone for good, however much of it still lies
   there. Its bytes go; `run.removed` is the receipt; its lock file and its name go last.

For the holder of the cleanup lock. docs/explanation/retention.md
"""

import os
from collections.abc import Callable
from datetime import datetime
from typing import Final, Self

from msgspec import Struct, structs

from runlore.journal.disk import Disk
from runlore.journal.errors import Busy, JournalIO, NotFound, Removed, RunloreError, StaleSeq
from runlore.journal.events import Event, RunExpired, RunRemoved, RunRestored
from runlore.journal.feed import Feed
from runlore.journal.layout import Layout
from runlore.journal.values import Actor, RunId, Seq
from runlore.journal.writer import Redact, Writer
from runlore.projections.registry import Row, fold_journal
from runlore.projections.retention import Code, Facts, Verdict
from runlore.runtimes import deletion, run_folder
from runlore.runtimes.owner_lock import OwnerLock
from runlore.runtimes.retention_facts import Needed, facts_of
from runlore.runtimes.run_places import Place, is_there, place_of

LOCK: Final = "owner.lock"
Judge = Callable[[Facts], Verdict]


class Receipt(Struct, frozen=True):
    """What a run had that is gone for good now."""

    run_id: RunId
    files: int
    bytes: int


class Remover:
    """Removes runs of one registry, and brings them back; close it."""

    def __init__(self, disk: Disk, layout: Layout, *, by: Actor, redact: Redact) -> None:
        self._disk, self._layout, self._by, self._redact = disk, layout, by, redact
        self._feed: Final = Feed(disk, layout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._feed.close()

    def place(self, run_id: RunId) -> Place:
        """Return where the run's folder lies."""
        return place_of(self._layout, run_id)

    # -- out

    def expire(
        self, planned: Verdict, judge: Judge, rule: str, needed: Needed, *, detail: str = ""
    ) -> Verdict:
        """Decide that a run goes and move it to the trash; what comes back says so, or why it stays.

        planned: what was found before; whatever differs by now keeps the run.

        Raises:
            JournalIO: the disk refused. Whether the decision was made, the journal tells: see `go_on`.
        """
        run_id = planned.run_id
        try:
            lock = OwnerLock.take(self._disk, self._layout, run_id)
        except Busy:
            return kept(planned, "owner_live", "somebody owns it right now")
        except NotFound:
            return kept(planned, "owner_unverifiable", "its owner lock is missing")
        with lock:
            row = self._row(run_id)
            facts = facts_of(self._disk, self._layout, row, needed, holding=True)
            if self.place(run_id) != "runs":
                return kept(planned, "foreign_shape", "the trash has something in its place")
            if _differs(planned.facts, facts):
                return kept(planned, "changed", "it has changed since this was planned")
            verdict = judge(facts)
            if verdict.keep:
                return verdict
            try:
                self._decide(row, facts, rule, detail)
            except StaleSeq:
                return kept(planned, "changed", "somebody appended to its journal meanwhile")
            self._move(self._layout.run_dir(run_id), self._layout.in_trash(run_id))
        return verdict

    def go_on(self, run_id: RunId) -> bool:
        """Do what was decided and not done: move the folder; say whether that was so.

        Raises:
            JournalIO: the disk refused.
        """
        if self.place(run_id) != "runs" or self._row(run_id).state.expired is None:
            return False
        with self._lock(run_id, self._layout.run_dir(run_id)):
            self._move(self._layout.run_dir(run_id), self._layout.in_trash(run_id))
        return True

    def sync(self) -> None:
        """Return when the moves are on the disk.

        Raises:
            JournalIO: the disk refused.
        """
        try:
            self._disk.sync_dir(self._layout.trash)
            self._disk.sync_dir(self._layout.runs)
        except OSError as error:
            raise _refused(self._layout.trash, error) from error

    def empty(self, run_id: RunId) -> Receipt | None:
        """Remove a run's bytes from the trash for good; None if they were to come back, and have.

        Raises:
            NotFound: it is not in the trash, or its journal is gone. JournalIO: the disk refused.
        """
        place = self.place(run_id)
        if place not in {"trash", "going"}:
            raise NotFound(f"run {run_id} is not in the trash; see `runlore trash`")
        state = self._row(run_id).state
        going, whole = self._layout.going(run_id), self._layout.in_trash(run_id)
        if state.expired is None and place == "trash":
            self._come_back(run_id)
            return None
        with self._lock(run_id, going if place == "going" else whole):
            try:
                if place == "trash":
                    self._disk.rename(whole, going)
                    self._disk.sync_dir(self._layout.trash)
                return self._remove(run_id, going)
            except OSError as error:
                raise _refused(going, error) from error

    def _remove(self, run_id: RunId, going: str) -> Receipt:
        left = run_folder.look(going)
        deletion.empty(going, spare=LOCK)
        row = self._row(run_id)
        state = row.state
        decided = state.expired
        receipt = state.removed or decided
        files, size = (receipt.files, receipt.bytes) if receipt else (0, 0)
        if state.removed is None:
            if left is not None and not left.problem:
                files, size = max(files, left.files), max(size, left.bytes)

            def draft(seq: Seq, at: datetime) -> Event:
                return RunRemoved(seq=seq, at=at, by=self._by, files=files, bytes=size)

            self._append(row, draft)
        try:
            self._disk.unlink(f"{going}/{LOCK}")
        except FileNotFoundError:
            pass
        os.rmdir(going)
        return Receipt(run_id, files, size)

    # -- back

    def restore(self, run_id: RunId, detail: str = "") -> None:
        """Bring a run back from the trash.

        Raises:
            Removed: its bytes are gone, or going. NotFound: it was not removed. Busy: somebody is at it.
            JournalIO: the disk refused.
        """
        row, place = self._row(run_id), self.place(run_id)
        state = row.state
        if state.removed is not None or place == "going" or (state.expired and place == "nowhere"):
            raise Removed(run_id, "was removed for good", can_return=False)
        if state.expired is None:
            if place != "trash":
                raise NotFound(f"run {run_id} is not in the trash; see `runlore trash`")
            self._come_back(run_id)
            return
        folder = self._layout.in_trash(run_id) if place == "trash" else self._layout.run_dir(run_id)
        with self._lock(run_id, folder):

            def draft(seq: Seq, at: datetime) -> Event:
                return RunRestored(seq=seq, at=at, by=self._by, detail=detail)

            self._append(row, draft)
        if place == "trash":
            self._come_back(run_id)

    def _come_back(self, run_id: RunId) -> None:
        whole = self._layout.in_trash(run_id)
        if is_there(self._layout.run_dir(run_id)):
            raise JournalIO(f"{whole} cannot come back: {self._layout.run_dir(run_id)} is there as well")
        with self._lock(run_id, whole):
            self._move(whole, self._layout.run_dir(run_id))
        self.sync()

    # -- steps

    def _row(self, run_id: RunId) -> Row:
        row = fold_journal(self._disk, self._layout, run_id)
        if row is None:
            raise NotFound(f"run {run_id} never began: a crash cut its first event")
        return row

    def _lock(self, run_id: RunId, folder: str) -> "OwnerLock | _NoLock":
        """Hold the owner lock in a folder whose removal is decided; without a lock file nobody can own it."""
        try:
            return OwnerLock.take(self._disk, self._layout, run_id, folder=folder)
        except NotFound:
            return _NoLock()

    def _decide(self, row: Row, facts: Facts, rule: str, detail: str) -> None:
        folder, expected = facts.folder, row.state.seq
        assert folder is not None  # noqa: S101 - whatever goes has one

        def draft(seq: Seq, at: datetime) -> Event:
            return RunExpired(
                seq=seq,
                at=at,
                by=self._by,
                rule=rule,
                expected_seq=expected,
                detail=detail,
                files=folder.files,
                bytes=folder.bytes,
            )

        self._append(row, draft)

    def _append(self, row: Row, draft: Callable[[Seq, datetime], Event]) -> None:
        writer = Writer(self._disk, self._layout, row.run_id, feed=self._feed, redact=self._redact)
        try:
            writer.append(draft, expected_seq=row.state.seq)
        finally:
            writer.close()

    def _move(self, source: str, target: str) -> None:
        try:
            self._disk.rename(source, target)
        except OSError as error:
            raise _refused(source, error) from error


class _NoLock:
    """In place of a lock that nobody can hold."""

    def __enter__(self) -> None:
        return

    def __exit__(self, *_: object) -> None:
        return


def kept(planned: Verdict, code: Code, reason: str) -> Verdict:
    """Return that a run stays after all."""
    return structs.replace(planned, keep=True, code=code, reason=reason)


def _differs(planned: Facts, found: Facts) -> bool:
    """Say whether something of the run is not what the plan rests on; labels are judged anew anyway."""
    was, now = planned.folder, found.folder
    if was is None or now is None:
        return was is not now
    moved = (was.device, was.inode) != (now.device, now.inode)
    return moved or (was.newest, planned.status) != (now.newest, found.status)


def _refused(path: str, error: OSError) -> RunloreError:
    if isinstance(error, RunloreError):
        return error
    return JournalIO(f"{path}: {error.strerror or error}; `runlore prune --apply` goes on with it")
