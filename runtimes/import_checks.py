"""Check the journals of a bundle, and whatever else it holds against them; nothing is written.

The journals are the truth: their chains say whether they are whole, and what they name is exactly what else a
bundle has to hold.
"""

import os
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from runlore.journal.disk import Disk, read_whole
from runlore.journal.errors import Conflict, DamagedBundle, NewerFormat, NotFound, RunloreError
from runlore.journal.events import FORMAT
from runlore.journal.history import exists
from runlore.journal.layout import Layout
from runlore.journal.reader import read
from runlore.journal.values import RunId, Seq
from runlore.journal.verify import verify
from runlore.projections import bundle_file
from runlore.projections.artifact_findings import check_manifest
from runlore.projections.artifacts import Artifacts
from runlore.projections.bundle_file import BundledRun, Description
from runlore.projections.registry import fold_journal
from runlore.projections.run_state import RunState
from runlore.runtimes.bundle import FOLDER
from runlore.runtimes.export_plan import outputs_in_bundle
from runlore.runtimes.stored import artifacts_of
from runlore.runtimes.trash import is_removed

_MOST_MANIFEST: Final = 256 << 20
_TOLD: Final = 3
"""Runs that a message names."""


class Arriving(Struct, frozen=True):
    """One run of a bundle, its journal checked."""

    run_id: RunId
    told: BundledRun
    state: RunState
    artifacts: Artifacts
    is_new: bool
    """It is not here yet."""
    is_removed_here: bool = False
    """It is here, and what the bundle has of its outputs was removed here."""

    @property
    def is_removed(self) -> bool:
        """Its outputs were removed where it comes from."""
        return self.state.expired is not None

    @property
    def digests(self) -> frozenset[str]:
        """Of the outputs that lie in its folder."""
        if self.is_removed:
            return frozenset()
        return frozenset(each.sha256 or "" for each in self.artifacts.stored)

    @property
    def evidence(self) -> frozenset[str]:
        """Digests of its promoted outputs."""
        return frozenset(each.sha256 for each in self.artifacts.promoted.values())

    @property
    def blob(self) -> str | None:
        """Digest of the part of its recipe that did not fit a line."""
        return self.state.queued.recipe_blob if self.state.queued else None

    @property
    def transcript_bytes(self) -> int:
        """What the journal says of its output."""
        return self.state.collecting.transcript_bytes if self.state.collecting else 0


def checked_runs(
    disk: Disk, layout: Layout, staged: Layout, described: Description, source: str
) -> list[Arriving]:
    """Return the runs whose journals lie in `staged`, each proved to be whole.

    Raises:
        DamagedBundle: one of them is not, or is not as described. NewerFormat: a later release wrote it.
        Conflict: a run is here with another history. CorruptJournal: what is here of it is damaged.
    """
    runs: list[Arriving] = []
    conflicts: list[str] = []
    for told in described.runs:
        run_id = RunId(told.run_id)
        state = _proved(disk, staged, told, source)
        artifacts = artifacts_of(disk, staged, run_id)
        if (told.outputs, told.removed) != (
            outputs_in_bundle(artifacts, removed=state.expired is not None),
            state.expired is not None,
        ):
            raise _bad(source, run_id, "what is said of its outputs is not what it says")
        is_new = not exists(disk, layout, run_id)
        if why := _in_the_way(layout, run_id) if is_new else _differs(disk, layout, told):
            conflicts.append(f"run {run_id} {why}")
        gone = not is_new and not told.removed and is_removed(disk, layout, run_id)
        runs.append(Arriving(run_id, told, state, artifacts, is_new, gone))
    if conflicts:
        more = f", and {len(conflicts) - _TOLD} more" if len(conflicts) > _TOLD else ""
        told_of = "; ".join(conflicts[:_TOLD]) + more
        rest = len(runs) - len(conflicts)
        others = f", the other {rest:,} as little" if rest else ""
        raise Conflict(
            f"{source}: {told_of}. Nothing was imported{others}: another registry can take all of it"
        )
    return runs


def require_members(runs: Sequence[Arriving], described: Description, source: str) -> None:
    """Return if a bundle holds exactly what its journals name.

    Raises:
        DamagedBundle: something is missing, too much, or of another size.
    """
    sizes = {each.path: each.bytes for each in described.members}
    wanted: dict[str, int | None] = {}
    for run in runs:
        wanted |= _wanted(run)
        _check_transcript(run, sizes, source)
    for path in sorted({*sizes, *wanted}):
        if path not in sizes:
            raise DamagedBundle(source, path, "a journal names it, and it is missing")
        if path.startswith("runs/") and not path.endswith(f"/{bundle_file.MANIFEST}"):
            continue  # looked at above
        if path not in wanted:
            raise DamagedBundle(source, path, "no journal names it")
        size = wanted[path]
        if size is not None and sizes[path] != size:
            raise DamagedBundle(source, path, f"it has {sizes[path]:,} bytes, and {size:,} in the journal")


def check_manifests(disk: Disk, staged: Layout, runs: Sequence[Arriving], source: str) -> None:
    """Return if every manifest says what its journal says.

    Raises:
        DamagedBundle: one does not.
    """
    for run in runs:
        if not run.is_new or run.is_removed or not run.artifacts.entries:
            continue
        path = bundle_file.run_path(run.run_id, bundle_file.MANIFEST)
        data = read_whole(
            disk, f"{staged.run_dir(run.run_id)}/{FOLDER}/{bundle_file.MANIFEST}", _MOST_MANIFEST
        )
        for found in check_manifest(data, run.artifacts):
            raise DamagedBundle(source, path, f"{found.kind}: {found.detail}")


class Places:
    """Where the members of a bundle belong, once its journals are checked."""

    def __init__(self, staged: Layout, runs: Sequence[Arriving]) -> None:
        self._staged = staged
        new = [run for run in runs if run.is_new]
        self._new = frozenset(run.run_id for run in new)
        self._blobs = frozenset(run.blob for run in new)
        self._outputs: dict[str, list[str]] = {}
        for run in new:
            for digest in run.digests:
                self._outputs.setdefault(digest, []).append(f"{staged.run_dir(run.run_id)}/{FOLDER}/{digest}")
        for digest in sorted({digest for run in new for digest in run.evidence}):
            self._outputs.setdefault(digest, []).append(f"{staged.evidence}/{digest}")

    def of(self, path: str) -> list[str]:
        """Return where a member's bytes are to be written: nowhere, if every run that has them is here."""
        digest, run_id = bundle_file.stated(path), bundle_file.run_of(path)
        if run_id is not None:
            return [self._in_run(run_id, path.rpartition("/")[2])] if run_id in self._new else []
        if path == bundle_file.blob_path(digest):
            return [self._staged.blob(digest)] if digest in self._blobs else []
        return self._outputs.get(digest, [])

    def _in_run(self, run_id: RunId, name: str) -> str:
        folder = self._staged.run_dir(run_id)
        return f"{folder}/{FOLDER}/{name}" if name == bundle_file.MANIFEST else f"{folder}/{name}"


def _proved(disk: Disk, staged: Layout, told: BundledRun, source: str) -> RunState:
    """Return what a journal says, once its chain has proved it."""
    run_id = RunId(told.run_id)
    try:
        found = verify(disk, staged, run_id)
        row = fold_journal(disk, staged, run_id, fresh=True)  # it keeps no snapshots
    except NotFound as error:
        raise _bad(source, run_id, str(error)) from error
    if row is not None and row.state.format > FORMAT:
        raise NewerFormat(
            f"{source}: run {run_id} has a newer journal format; import it with a newer release"
        )
    for finding in found.findings:
        raise _bad(source, run_id, f"damaged at byte {finding.offset} ({finding.detail})")
    if row is None or row.problem is not None:
        raise _bad(source, run_id, "it cannot be read to its end")
    if not (found.ended and found.sealed):
        raise _bad(source, run_id, "its run has not ended, or is not sealed")
    if (found.records, row.size, found.journal_head) != (told.records, told.journal_bytes, told.journal_head):
        raise _bad(source, run_id, "it does not end where it is said to")
    return row.state


def _differs(disk: Disk, layout: Layout, told: BundledRun) -> str:
    """Return what is to be said of a run that is here, unless its history begins with that of the bundle.

    Raises:
        CorruptJournal: what is here is damaged. JournalIO: the disk refused.
    """
    run_id = RunId(told.run_id)
    here = next(read(disk, layout, run_id, after=Seq(told.records - 1)), None)
    if here is None:
        return "is here, and its history does not reach as far as that of the bundle"
    return "" if here.head == told.journal_head else "is here with another history"


def _in_the_way(layout: Layout, run_id: RunId) -> str:
    """Return what is to be said of a run that is not here, if something lies in its place all the same."""
    for path in (layout.run_dir(run_id), layout.in_trash(run_id), layout.going(run_id)):
        if os.path.lexists(path):
            return f"has no journal here, but {path} is there; see `runlore doctor`"
    return ""


def _wanted(run: Arriving) -> dict[str, int | None]:
    """Return the members that a journal names, with their sizes as far as it tells."""
    wanted: dict[str, int | None] = {bundle_file.journal_path(run.run_id): run.told.journal_bytes}
    if run.blob is not None:
        wanted[bundle_file.blob_path(run.blob)] = None
    if not run.is_removed and run.artifacts.entries:
        wanted[bundle_file.run_path(run.run_id, bundle_file.MANIFEST)] = None
    known = {each.sha256 or "": each.bytes for each in run.artifacts.stored}
    for digest in run.digests | run.evidence:
        wanted[bundle_file.output_path(digest)] = known.get(digest)
    return wanted


def _check_transcript(run: Arriving, sizes: dict[str, int], source: str) -> None:
    """Return if the transcript is at least as long as the journal says; only one who looked knows more."""
    path = bundle_file.run_path(run.run_id, bundle_file.TRANSCRIPT)
    index = bundle_file.run_path(run.run_id, bundle_file.INDEX)
    there = [each for each in (path, index) if each in sizes]
    if run.is_removed:
        if there:
            raise DamagedBundle(source, there[0], "the journal says that it was removed")
    elif sizes.get(path, 0) < run.transcript_bytes or (run.transcript_bytes and index not in sizes):
        raise DamagedBundle(source, path, f"the journal tells of {run.transcript_bytes:,} bytes of output")


def _bad(source: str, run_id: RunId, detail: str) -> RunloreError:
    return DamagedBundle(source, bundle_file.journal_path(run_id), detail)
