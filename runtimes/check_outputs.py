"""Check the stored outputs of a run: files against manifest and journal, evidence against both."""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Final

from runlore.journal.disk import Disk
from runlore.journal.errors import JournalIO
from runlore.journal.events import ArtifactCollected
from runlore.journal.layout import Layout
from runlore.journal.values import RunId
from runlore.projections.artifact_findings import (
    ArtifactFinding,
    ArtifactsVerifiedView,
    FindingCode,
    check_manifest,
    check_report,
    counted,
)
from runlore.projections.artifacts import REPORT, Artifacts
from runlore.runtimes.beneath import FOLDER as FOLDER_FLAGS
from runlore.runtimes.beneath import open_beneath, open_folder
from runlore.runtimes.bundle import FOLDER, MANIFEST
from runlore.runtimes.pieces import PIECE
from runlore.runtimes.stored import EVIDENCE, artifacts_of

_MOST_MANIFEST: Final = 256 << 20
_MOST_REPORT: Final = 64 << 20
_JSON: Final = "application/json"
_NO_FOLDER: Final = frozenset({errno.ELOOP, errno.ENOTDIR})
_OTHERS: Final = 0o022
"""Bits of a mode by which somebody else could have written."""
Tick = Callable[[int, int], None]
"""Told after each piece how many bytes are read, and of how many."""


def check_outputs(
    disk: Disk, layout: Layout, run_id: RunId, tick: Tick = lambda _done, _of: None
) -> ArtifactsVerifiedView:
    """Return what is wrong with the run's outputs; every stored byte is read.

    Raises:
        NotFound, CorruptJournal, NewerFormat, JournalIO: journal or files cannot be read.
    """
    state = artifacts_of(disk, layout, run_id)
    check = _Check(layout, state, tick)
    try:
        findings = list(check.run())
    except OSError as error:
        if isinstance(error, JournalIO):
            raise
        raise JournalIO(f"the bundle of run {run_id}: {error.strerror or error}") from error
    return ArtifactsVerifiedView(
        run_id=run_id,
        bundle_id=state.bundle_id,
        files=check.files,
        bytes=check.bytes,
        findings=findings,
        counts=counted(findings),
        removed=state.is_removed,
    )


class _Check:
    def __init__(self, layout: Layout, state: Artifacts, tick: Tick) -> None:
        self._layout, self._state, self._tick = layout, state, tick
        self._stored = state.stored
        self.files = self.bytes = self._read = 0
        by_digest = {each.sha256: each.bytes for each in self._stored}
        self._of = sum(by_digest.values())
        self._of += sum(by_digest.get(each.sha256, 0) for each in state.promoted.values())

    def run(self) -> Iterator[ArtifactFinding]:
        if not self._state.is_removed:  # what was removed by decision is no damage
            yield from self._own()
        yield from self._evidence()

    def _own(self) -> Iterator[ArtifactFinding]:
        try:
            folder = _folder(self._layout.run_dir(self._state.run_id), FOLDER)
        except OSError as error:
            if error.errno not in _NO_FOLDER:
                raise
            yield _finding("unsafe-file", FOLDER, "something else than a folder stands in its place")
        else:
            yield from self._bundle(folder)

    def _bundle(self, folder: int) -> Iterator[ArtifactFinding]:
        try:
            if folder >= 0 or not self._is_all_evidence():
                yield from check_manifest(_manifest(folder), self._state)
            yield from self._files(folder)
            yield from self._orphans(folder)
        finally:
            if folder >= 0:
                os.close(folder)

    def _is_all_evidence(self) -> bool:
        """Say whether nothing is lost with the bundle, its manifest included."""
        promoted = {each.sha256 for each in self._state.promoted.values()}
        return bool(promoted) and all(each.sha256 in promoted for each in self._stored)

    def _files(self, folder: int) -> Iterator[ArtifactFinding]:
        """Check each stored file once, however many outputs have its bytes."""
        done: set[str] = set()
        promoted = {each.sha256 for each in self._state.promoted.values()}
        for entry in self._stored:
            digest = entry.sha256 or ""
            if digest in done:
                continue
            done.add(digest)
            if folder < 0 and digest in promoted:
                continue  # the run's own copy was removed; the evidence is checked below
            yield from self._file(folder, digest, entry)

    def _file(self, folder: int, digest: str, entry: ArtifactCollected) -> Iterator[ArtifactFinding]:
        try:
            fd = open_beneath(folder, digest) if folder >= 0 else -1
        except FileNotFoundError:
            fd = -1
        except OSError as error:
            yield _finding("unsafe-file", entry.path, f"its file cannot be opened safely: {error.strerror}")
            return
        if fd < 0:
            yield _finding("missing-file", entry.path, f"bundle/{digest} is not there")
            return
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode):
                yield _finding("unsafe-file", entry.path, "something else than a file stands in its place")
                return
            yield from _suspicions(found, entry.path)
            yield from self._content(fd, digest, entry)
        finally:
            os.close(fd)

    def _content(self, fd: int, digest: str, entry: ArtifactCollected) -> Iterator[ArtifactFinding]:
        found, size, held = self._hashed(fd, entry.kind == REPORT and entry.media_type == _JSON)
        if found != digest or size != entry.bytes:
            yield _finding("file-hash-mismatch", entry.path, f"{size:,} bytes of SHA-256 {found}")
        elif held is not None:
            yield from check_report(entry.path, held)

    def _hashed(self, fd: int, hold: bool) -> tuple[str, int, bytes | None]:  # noqa: FBT001 - one of three answers
        digest, size, held = sha256(), 0, bytearray()
        while piece := os.pread(fd, PIECE, size):
            digest.update(piece)
            size += len(piece)
            self._read += len(piece)
            self._tick(self._read, max(self._read, self._of))
            if hold and size <= _MOST_REPORT:
                held += piece
        self.files, self.bytes = self.files + 1, self.bytes + size
        return digest.hexdigest(), size, bytes(held) if hold and size <= _MOST_REPORT else None

    def _orphans(self, folder: int) -> Iterator[ArtifactFinding]:
        named = {each.sha256 for each in self._stored}
        for name in sorted(os.listdir(folder)) if folder >= 0 else ():
            if name not in named and name != MANIFEST:
                yield _finding("orphaned-file", f"{FOLDER}/{name}", "no output has these bytes")

    def _evidence(self) -> Iterator[ArtifactFinding]:
        if not self._state.promoted:
            return
        known = {each.path: each.sha256 for each in self._stored}
        try:
            folder = _folder(self._layout.root, EVIDENCE)
        except OSError:  # a link, or something else: what is behind it is not ours
            folder = -1
        try:
            for path, promotion in sorted(self._state.promoted.items()):
                if known.get(path) != promotion.sha256:
                    yield _review(path, "other bytes were promoted than those on record")
                yield from self._promoted(folder, path, promotion.sha256)
        finally:
            if folder >= 0:
                os.close(folder)

    def _promoted(self, folder: int, path: str, digest: str) -> Iterator[ArtifactFinding]:
        try:
            fd = open_beneath(folder, digest) if folder >= 0 else -1
        except OSError:
            fd = -1
        if fd < 0:
            yield _review(path, f"evidence/{digest} is not there, or no plain file")
            return
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode) or self._hashed(fd, False)[0] != digest:  # noqa: FBT003
                yield _review(path, f"evidence/{digest} has other bytes than were promoted")
            else:
                yield from _suspicions(found, path)
        finally:
            os.close(fd)


def _suspicions(found: os.stat_result, path: str) -> Iterator[ArtifactFinding]:
    """Yield why a stored file might be written by others without our knowing."""
    if found.st_mode & _OTHERS:
        yield _finding(
            "unsafe-file", path, f"others may write to its file (mode {stat.S_IMODE(found.st_mode):o})"
        )
    if found.st_nlink > 1:
        yield _finding(
            "hardlink", path, f"its file has {found.st_nlink} names, so it can be written elsewhere"
        )


def _folder(above: str, name: str) -> int:
    """Return a descriptor of the folder; -1 if there is none."""
    try:
        top = open_folder(above)
    except FileNotFoundError:
        return -1
    try:
        return open_beneath(top, name, FOLDER_FLAGS)
    except FileNotFoundError:
        return -1
    finally:
        os.close(top)


def _manifest(folder: int) -> bytes | None:
    try:
        fd = open_beneath(folder, MANIFEST) if folder >= 0 else -1
    except FileNotFoundError:
        fd = -1
    except OSError as error:
        return f"(not to be opened: {error.strerror})".encode()
    if fd < 0:
        return None
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return b"(no plain file)"
        data = bytearray()
        while len(data) < _MOST_MANIFEST and (piece := os.pread(fd, PIECE, len(data))):
            data += piece
        return bytes(data)
    finally:
        os.close(fd)


def _finding(kind: FindingCode, path: str, detail: str) -> ArtifactFinding:
    return ArtifactFinding(kind=kind, path=path, detail=detail)


def _review(path: str, detail: str) -> ArtifactFinding:
    return _finding("review-evidence-mismatch", path, detail)
