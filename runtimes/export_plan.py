"""Find out what a bundle of some runs will hold, member by member, with every size; reads only.

Only what has ended is exported, and only what is whole: damage is found here or while it is read.
"""

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Final

from msgspec import Struct, json

from runlore.journal.audit import settled
from runlore.journal.disk import Disk, read_whole
from runlore.journal.errors import Conflict, CorruptJournal, DamagedArtifact, JournalIO, NewerFormat, NotFound
from runlore.journal.events import FORMAT, ArtifactCollected
from runlore.journal.history import open_history
from runlore.journal.layout import Layout
from runlore.journal.scan import Scanner, Tail
from runlore.journal.tailing import pieces, redacted_behind
from runlore.journal.values import Offset, RunId
from runlore.journal.verify import Verification
from runlore.projections import bundle_file
from runlore.projections.artifact_findings import check_manifest
from runlore.projections.artifact_views import manifest
from runlore.projections.artifacts import Artifacts
from runlore.projections.bundle_file import BundledFile, BundledRun
from runlore.projections.registry import Row, fold_journal
from runlore.runtimes.bundle import FOLDER
from runlore.runtimes.pieces import PIECE
from runlore.runtimes.stored import artifacts_of, open_stored

_TRIES: Final = 8
_READ: Final = os.O_RDONLY | os.O_NONBLOCK
_MOST_MANIFEST: Final = 256 << 20


class Item(Struct, frozen=True):
    """One member that is going to be written."""

    file: BundledFile
    pieces: Callable[[], Iterator[bytes]]
    """Reads its bytes; whether they are the right ones, the journal's excepted, is for the writer to say."""


class Plan(Struct, frozen=True):
    """What a bundle will hold."""

    runs: list[BundledRun]
    items: list[Item]
    """In the order of the bundle."""


def plan(disk: Disk, layout: Layout, run_ids: Iterable[RunId]) -> Plan:
    """Return what a bundle of these runs will hold.

    Raises:
        Conflict: a run has not ended, or changes all the time. NotFound: no such run.
        CorruptJournal, DamagedArtifact: something of it is damaged or missing. NewerFormat: a newer
        release wrote it, so nobody here knows what belongs to it. JournalIO: the disk refused.
    """
    runs: list[BundledRun] = []
    items: dict[str, Item] = {}
    for run_id in sorted(set(run_ids)):
        planned = _Planning(disk, layout, run_id)
        for item in planned.items():
            items.setdefault(item.file.path, item)
        runs.append(planned.described())
    return Plan(runs, [items[path] for path in bundle_file.in_order(items)])


class _Planning:
    """One run that is to be exported."""

    def __init__(self, disk: Disk, layout: Layout, run_id: RunId) -> None:
        self._disk, self._layout, self._run_id = disk, layout, run_id
        self._found, self._row = _ended(disk, layout, run_id)
        self._artifacts = artifacts_of(disk, layout, run_id)
        self._is_removed = self._row.state.expired is not None
        self._stored = (
            {} if self._is_removed else {each.sha256 or "": each for each in self._artifacts.stored}
        )

    def described(self) -> BundledRun:
        return BundledRun(
            run_id=self._run_id,
            records=self._found.records,
            journal_bytes=self._row.size,
            journal_head=self._row.head or "",
            outputs=outputs_in_bundle(self._artifacts, removed=self._is_removed),
            removed=self._is_removed,
        )

    def items(self) -> Iterator[Item]:
        """Yield what belongs to the run, what other runs share as well."""
        disk, layout, run_id = self._disk, self._layout, self._run_id
        redacted = self._found.integrity == "redacted"
        path, row = bundle_file.journal_path(run_id), self._row
        read = partial(_journal, disk, layout, run_id, row.size, row.head or "", redacted=redacted)
        yield Item(BundledFile(path=path, bytes=row.size), read)
        if not self._is_removed:
            if self._artifacts.entries:
                yield self._manifest()
            yield from self._transcript()
        queued = row.state.queued
        if queued is not None and queued.recipe_blob is not None:
            blob = layout.blob(queued.recipe_blob)
            yield self._file(bundle_file.blob_path(queued.recipe_blob), blob, "a part of its recipe")
        for entry in [*self._stored.values(), *self._evidence()]:
            yield self._output(entry)

    def _evidence(self) -> Iterator[ArtifactCollected]:
        for each in self._artifacts.promoted.values():
            if each.sha256 not in self._stored:
                yield ArtifactCollected(
                    seq=1, at=each.at, path=each.path, sha256=each.sha256, bytes=each.bytes
                )

    def _manifest(self) -> Item:
        data = _manifest_of(self._disk, self._layout, self._run_id, self._artifacts)
        path = bundle_file.run_path(self._run_id, bundle_file.MANIFEST)

        def read() -> Iterator[bytes]:
            yield _manifest_of(self._disk, self._layout, self._run_id, None)

        return Item(BundledFile(path=path, bytes=len(data)), read)

    def _transcript(self) -> Iterator[Item]:
        collecting = self._row.state.collecting
        told = collecting.transcript_bytes if collecting else 0
        for name, least in ((bundle_file.TRANSCRIPT, told), (bundle_file.INDEX, 1 if told else 0)):
            path = self._layout.in_run(self._run_id, name)
            if not least and not os.path.lexists(path):
                continue
            item = self._file(bundle_file.run_path(self._run_id, name), path, "its output")
            if item.file.bytes < least:
                raise DamagedArtifact(
                    path, f"it is shorter than the {least:,} bytes that the journal tells of"
                )
            yield item

    def _file(self, member: str, path: str, what: str) -> Item:
        try:
            found = self._disk.stat_path(path)
        except FileNotFoundError:
            raise DamagedArtifact(path, f"{what} of run {self._run_id} is on record, and not there") from None
        except OSError as error:
            raise JournalIO(f"{path}: {error.strerror or error}") from error
        if not stat.S_ISREG(found.mode):
            raise DamagedArtifact(path, "something else than a file stands in its place")
        read = partial(_read, lambda: self._disk.open(path, _READ), path, found.size)
        return Item(BundledFile(path=member, bytes=found.size), read)

    def _output(self, entry: ArtifactCollected) -> Item:
        def opened() -> int:
            try:
                return open_stored(self._layout, self._run_id, entry)
            except NotFound as error:
                raise DamagedArtifact(entry.path, str(error)) from error

        fd = opened()
        try:
            size = os.fstat(fd).st_size
        finally:
            os.close(fd)
        if entry.bytes and size != entry.bytes:
            raise DamagedArtifact(entry.path, f"it has {size:,} bytes, not the {entry.bytes:,} on record")
        member = bundle_file.output_path(entry.sha256 or "")
        return Item(BundledFile(path=member, bytes=size), partial(_read, opened, entry.path, size))


def outputs_in_bundle(state: Artifacts, *, removed: bool) -> int:
    """Return how many outputs have their bytes in a bundle: of a removed run, those that were promoted."""
    stored = {each.path for each in state.stored}
    return len(stored.intersection(state.promoted) if removed else stored)


def _ended(disk: Disk, layout: Layout, run_id: RunId) -> tuple[Verification, Row]:
    """Return what is proved about a whole history, and what it says; both of the same records."""
    for _ in range(_TRIES):
        found = settled(disk, layout, run_id)
        if found.findings:
            first = found.findings[0]
            raise CorruptJournal(layout.journal(run_id), run_id, Offset(first.offset), first.detail)
        if not found.ended:
            raise Conflict(f"run {run_id} has not ended; wait for it first: `runlore wait {run_id}`")
        if not found.sealed:
            raise Conflict(f"run {run_id} is not sealed; `runlore note {run_id} TEXT` does that as well")
        row = fold_journal(disk, layout, run_id)
        if row is None or row.problem is not None:
            raise CorruptJournal(layout.journal(run_id), run_id, Offset(0), "it cannot be read to its end")
        if row.state.format > FORMAT:
            raise NewerFormat(
                f"run {run_id} has journal format {row.state.format}; export it with its release"
            )
        if row.head == found.journal_head:
            return found, row
    raise Conflict(f"run {run_id} changes all the time; try again")


def _journal(
    disk: Disk, layout: Layout, run_id: RunId, size: int, head: str, *, redacted: bool
) -> Iterator[bytes]:
    """Yield the bytes of a history up to a record, its chain checked once more as they pass."""
    try:
        with open_history(disk, layout, run_id) as history:
            empty = Tail.empty(run_id)
            known = redacted_behind(history, empty, size) if redacted else frozenset[int]()
            scanner = Scanner(empty, redacted=known)
            for piece in pieces(history, 0, size):
                scanner.advance(piece)
                yield piece
    except FileNotFoundError:
        raise Conflict(f"run {run_id} was removed while it was exported") from None
    except OSError as error:
        raise JournalIO(f"{layout.journal(run_id)}: {error.strerror or error}") from error
    if scanner.damage is not None or (scanner.tail.size, scanner.tail.head) != (size, head):
        raise Conflict(f"the journal of run {run_id} changed while it was exported; try again")


def _manifest_of(disk: Disk, layout: Layout, run_id: RunId, state: Artifacts | None) -> bytes:
    """Return the manifest that lies there, if it is right; one that is lost is made again.

    Raises:
        DamagedArtifact: it says something else than the journal.
    """
    state = state or artifacts_of(disk, layout, run_id)
    path = f"{layout.run_dir(run_id)}/{FOLDER}/{bundle_file.MANIFEST}"
    try:
        data = read_whole(disk, path, _MOST_MANIFEST)
    except FileNotFoundError:
        return json.format(json.encode(manifest(state)), indent=1) + b"\n"
    except OSError as error:
        raise DamagedArtifact(path, f"it cannot be read: {error.strerror or error}") from error
    for found in check_manifest(data, state):
        raise DamagedArtifact(path, f"{found.kind}: {found.detail}")
    return data


def _read(opened: Callable[[], int], path: str, size: int) -> Iterator[bytes]:
    """Yield so many bytes of a file."""
    place = 0
    try:
        fd = opened()
        try:
            while place < size and (piece := os.pread(fd, min(PIECE, size - place), place)):
                place += len(piece)
                yield piece
        finally:
            os.close(fd)
    except (DamagedArtifact, JournalIO):
        raise
    except OSError as error:
        raise JournalIO(f"{path}: {error.strerror or error}") from error
