"""Read the outputs of a run that are stored: each is looked at as it is opened, and hashed as it is read.

Readers write nothing. What is in the bundle, or among the evidence, is never trusted for its name.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from hashlib import sha256
from itertools import islice
from typing import Final

from runlore.journal.disk import Disk
from runlore.journal.errors import CorruptJournal, DamagedArtifact, JournalIO, NotFound
from runlore.journal.events import ArtifactCollected, ArtifactPromoted
from runlore.journal.layout import Layout
from runlore.journal.reader import read
from runlore.journal.values import RunId
from runlore.projections.artifacts import ARTIFACTS, Artifacts, selected
from runlore.projections.fold import fold
from runlore.runtimes.beneath import open_beneath, open_folder
from runlore.runtimes.bundle import FOLDER
from runlore.runtimes.pieces import PIECE
from runlore.runtimes.run_places import place_of

EVIDENCE: Final = "evidence"
_NAMED: Final = 20
"""Paths that are listed to whoever named one that is not there."""
_AT_ONCE: Final = 1000
"""Events in memory at a time."""


def artifacts_of(disk: Disk, layout: Layout, run_id: RunId) -> Artifacts:
    """Return what the journal says of the run's outputs.

    Raises:
        NotFound, CorruptJournal, NewerFormat, JournalIO: it cannot be read.
    """
    records, state = read(disk, layout, run_id), ARTIFACTS.initial()
    while events := [record.event for record in islice(records, _AT_ONCE)]:
        state = fold(ARTIFACTS, events, state)
    return state


def evidence_of(disk: Disk, layout: Layout, run_id: RunId) -> frozenset[str]:
    """Return the digests of what the journal says was promoted, as far as it can be read.

    Raises:
        NotFound, NewerFormat, JournalIO: it cannot be read at all.
    """
    found: set[str] = set()
    with suppress(CorruptJournal):
        for record in read(disk, layout, run_id):
            if isinstance(record.event, ArtifactPromoted):
                found.add(record.event.sha256)
    return frozenset(found)


def stored_of(state: Artifacts, patterns: Sequence[str], *, exact: bool = False) -> list[ArtifactCollected]:
    """Return the stored outputs that are meant; without a pattern all of them.

    exact: the patterns are paths, whatever their characters stand for elsewhere.

    Raises:
        BadInput: a pattern is none. NotFound: none is meant; the message lists those there are, or says
        why this one is not stored.
    """
    if exact:
        found = [each for each in state.stored if each.path in patterns]
    else:
        found = selected(state.stored, patterns)
    if found:
        return found
    for each in state.left_out:
        if each.path in patterns:
            raise NotFound(f"{each.path} of run {state.run_id} was {each.outcome}: {each.reason}")
    paths = [each.path for each in state.stored]
    more = f" and {len(paths) - _NAMED:,} more" if len(paths) > _NAMED else ""
    there = ", ".join(paths[:_NAMED]) + more if paths else "no stored outputs"
    raise NotFound(f"run {state.run_id} has no such output; it has {there}")


def open_stored(layout: Layout, run_id: RunId, entry: ArtifactCollected) -> int:
    """Return a descriptor of a stored output: from the run's bundle, or else from the evidence.

    Raises:
        NotFound: it is in neither place. DamagedArtifact: what is there is no plain file of ours.
        JournalIO: the disk refused.
    """
    digest = entry.sha256 or ""
    for folder, path in (
        (layout.run_dir(run_id), f"{FOLDER}/{digest}"),
        (layout.root, f"{EVIDENCE}/{digest}"),
    ):
        try:
            top = open_folder(folder)
        except FileNotFoundError:
            continue
        try:
            return _plain(open_beneath(top, path), entry.path)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise _refused(entry.path, error) from error
        finally:
            os.close(top)
    raise NotFound(f"{entry.path} of run {run_id} is on record, and {_where(layout, run_id)}")


def _where(layout: Layout, run_id: RunId) -> str:
    """Return what became of the bytes of a run's outputs, and what to type."""
    place = place_of(layout, run_id)
    if place == "trash":
        return f"its bytes are in the trash; `runlore restore {run_id}` first"
    todo = "artifacts verify" if place == "runs" else "show"
    return f"its bytes are not there any more; see `runlore {todo} {run_id}`"


def pieces(fd: int, entry: ArtifactCollected) -> Iterator[bytes]:
    """Yield the bytes of an open output, and say at the end whether they were the right ones.

    Raises:
        DamagedArtifact: they were not; what was yielded before is not to be used. JournalIO.
    """
    digest, place = sha256(), 0
    try:
        while piece := os.pread(fd, PIECE, place):
            digest.update(piece)
            place += len(piece)
            yield piece
    except OSError as error:
        raise JournalIO(f"{entry.path}: {error.strerror or error}") from error
    if digest.hexdigest() != entry.sha256:
        raise DamagedArtifact(entry.path, "its bytes are not those on record")


def _plain(fd: int, path: str) -> int:
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode):
        os.close(fd)
        raise DamagedArtifact(path, "something else than a file stands in its place")
    return fd


def _refused(path: str, error: OSError) -> Exception:
    if isinstance(error, DamagedArtifact):
        return error
    import errno  # noqa: PLC0415 - only where something is wrong

    if error.errno in {errno.ELOOP, errno.EXDEV, errno.ENOTDIR}:
        return DamagedArtifact(path, "a symbolic link stands in its place")
    return JournalIO(f"{path}: {error.strerror or error}")
