"""Bring the runs of a bundle into a registry: all of them or none, and nothing that was not checked.

The stream is written into a folder of its own first, its journals before everything else. Nothing is
executed, no path of the bundle is used as one, and no secret is needed.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Final

from runlore.journal.disk import PRIVATE, Disk
from runlore.journal.errors import BadInput, JournalIO, RunloreError
from runlore.journal.layout import Layout
from runlore.journal.values import RunId
from runlore.projections import bundle_file
from runlore.projections.bundle_file import BundledFile, Description
from runlore.projections.imported import ImportedView
from runlore.runtimes import import_staging as staging
from runlore.runtimes.bundle_reader import BundleReader, Read
from runlore.runtimes.free_space import free_bytes, has_room
from runlore.runtimes.import_checks import (
    Arriving,
    Places,
    check_manifests,
    checked_runs,
    require_members,
)
from runlore.runtimes.import_staging import READ_ONLY, Arrived, Staging

MOST_BYTES: Final = 64 << 30
"""Bytes that an import may write, unless somebody allows more."""
Watch = Callable[[Sequence[BundledFile]], Iterable[BundledFile]]
"""Passes the members through, to count them."""


def import_bundle(
    disk: Disk,
    layout: Layout,
    read: Read,
    source: str,
    *,
    max_bytes: int = MOST_BYTES,
    watch: Watch = iter,
) -> list[ImportedView]:
    """Return the runs of a bundle, all of which are here now, durably.

    A run that is here with the same history, or with more behind it, stays as it is.
    read: gives the bundle's bytes. source: what messages call it. max_bytes: refuse to write more.

    Raises:
        DamagedBundle: it is cut, changed, or not what its journals say. BadInput: it is no bundle, or too
        big. NewerFormat: a later release wrote it. Conflict: a run of it is here with another history.
        Busy: somebody else imports. In all these cases nothing was imported.
        JournalIO: the disk refused. What was decided by then is finished by the next import or pruning.
    """
    with staging.import_lock(disk, layout):
        staging.finish(disk, layout)
        importing = _Import(disk, layout, BundleReader(read, source), source, max_bytes)
        try:
            runs = importing.run(watch)
        except OSError as error:
            if isinstance(error, RunloreError):
                raise
            raise JournalIO(f"{layout.imports}: {error.strerror or error}; import it again") from error
        finally:
            importing.clean()
    return [
        ImportedView(
            run_id=each.run_id,
            outcome="imported" if each.is_new else "existing",
            source=f"{source}: {bundle_file.journal_path(each.run_id)}",
            removed=each.is_removed_here,
        )
        for each in runs
    ]


class _Import:
    """One bundle on its way in; for the holder of the import lock."""

    def __init__(self, disk: Disk, layout: Layout, reader: BundleReader, source: str, max_bytes: int) -> None:
        self._disk, self._layout, self._reader, self._source = disk, layout, reader, source
        self._max_bytes = max_bytes
        self._staging: Staging | None = None
        self._is_placed = False

    def run(self, watch: Watch) -> list[Arriving]:
        """Take the whole bundle in, and return its runs."""
        described = self._reader.description()
        self._require_room(described.bytes, sum(each.journal_bytes for each in described.runs))
        staged = self._staging = Staging(self._disk, self._layout)
        files = iter(watch(described.members))
        for file in islice(files, len(described.runs)):
            journal = staged.layout.journal(bundle_file.run_of(file.path) or RunId(""))
            staged.store([journal], self._reader.member(file))
        runs = checked_runs(self._disk, self._layout, staged.layout, described, self._source)
        require_members(runs, described, self._source)
        places = Places(staged.layout, runs)
        size = _to_write(places, described)
        self._require_room(size, size)
        self._prepare(staged, runs)
        for file in files:
            where = places.of(file.path)
            mode = READ_ONLY if file.path.startswith("outputs/") else PRIVATE
            staged.store(where, self._reader.member(file), mode=mode)
        self._reader.finish()
        check_manifests(self._disk, staged.layout, runs, self._source)
        self._place(staged, [run for run in runs if run.is_new])
        return runs

    def clean(self) -> None:
        """Remove what is not needed any more; what was decided and could not be finished stays."""
        if self._staging is None:
            return
        folder = self._staging.folder
        try:
            if self._is_placed or not staging.is_decided(self._disk, folder):
                staging.remove(self._disk, folder)
        except OSError:
            return  # the next import removes it

    def _prepare(self, staged: Staging, runs: Sequence[Arriving]) -> None:
        """Make the folders of the runs that are not here, and let go of the journals of those that are."""
        for run in runs:
            if not run.is_new:
                self._disk.unlink(staged.layout.journal(run.run_id))
            elif not run.is_removed:
                staged.make_run(run.run_id, outputs=bool(run.artifacts.entries))

    def _place(self, staged: Staging, new: Sequence[Arriving]) -> None:
        """Decide that these runs are here from now on, and put them in their places."""
        if not new:
            return
        staged.decide(
            Arrived(
                run_id=run.run_id,
                seq=run.told.records,
                bytes=run.told.journal_bytes,
                head=run.told.journal_head,
            )
            for run in new
        )
        staging.place(self._disk, self._layout, staged.folder)
        self._is_placed = True

    def _require_room(self, size: int, written: int) -> None:
        """Return if a bundle may have that size, and what is written of it fits.

        Raises:
            BadInput: somebody has to allow them first. JournalIO: they do not fit.
        """
        if size > self._max_bytes:
            raise BadInput(
                f"{self._source} makes {size:,} bytes, and {self._max_bytes:,} may be imported; nothing was. "
                "Allow more with --max-bytes"
            )
        root = self._layout.root
        if not has_room(root, written):
            raise JournalIO(
                f"{root} has {free_bytes(root):,} bytes free, {written:,} are needed; nothing was imported"
            )


def _to_write(places: Places, described: Description) -> int:
    """Return how many bytes come after the journals: some of them are wanted in several places."""
    rest = described.members[len(described.runs) :]
    return sum(each.bytes * len(places.of(each.path)) for each in rest)
