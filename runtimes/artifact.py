"""One stored output of a run, as programs take it: read whole, opened as a file, or saved elsewhere."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from runlore.journal.events import ArtifactCollected
from runlore.journal.values import RunId
from runlore.projections.artifact_views import ArtifactView, artifact_view, list_view
from runlore.projections.artifacts import selected
from runlore.runtimes.get_outputs import save_output
from runlore.runtimes.stored import artifacts_of, open_stored, pieces, stored_of

if TYPE_CHECKING:
    from runlore.runtimes.registry import Registry


class Artifact:
    """A stored output. Holds nothing open; its bytes are checked against the journal whenever they are taken.

    Raises, from `open`, `read` and `save`:
        DamagedArtifact: its bytes are not those on record. NotFound: they are not there any more.
        JournalIO: the disk refused.
    """

    def __init__(
        self, registry: "Registry", run_id: RunId, entry: ArtifactCollected, view: ArtifactView
    ) -> None:
        self._layout, self._entry = registry.layout, entry
        self.run_id: Final[RunId] = run_id
        self.path: Final[str] = entry.path
        self.view: Final[ArtifactView] = view
        """What `artifacts ls` shows of it: size, digest, kind, media type, who promoted it."""

    def __repr__(self) -> str:
        return f"<runlore.Artifact {self.path} of {self.run_id}>"

    def open(self) -> BinaryIO:
        """Return a binary file for reading, at its beginning, once all of it was checked; close it."""
        fd = open_stored(self._layout, self.run_id, self._entry)
        file = os.fdopen(fd, "rb")
        try:
            for _ in pieces(fd, self._entry):
                pass
        except BaseException:
            file.close()
            raise
        return file

    def read(self) -> bytes:
        """Return all of its bytes."""
        fd = open_stored(self._layout, self.run_id, self._entry)
        try:
            return b"".join(pieces(fd, self._entry))
        finally:
            os.close(fd)

    def save(self, to: str | os.PathLike[str]) -> Path:
        """Return the path of the file it was written to, whole or not at all; nothing is written over.

        to: that path, or a folder that is there, in which it gets its own name.

        Raises:
            BadInput: something is there already, or there is no such folder.
        """
        return Path(save_output(self._layout, self.run_id, self._entry, os.fspath(to)))


def artifact_of(registry: "Registry", run_id: RunId, path: str) -> Artifact:
    """Return the stored output of this path: see `Run.get_artifact`."""
    state = artifacts_of(registry.disk, registry.layout, run_id)
    (entry,) = stored_of(state, (path,), exact=True)
    return Artifact(registry, run_id, entry, artifact_view(state, entry))


def views_of(
    registry: "Registry", run_id: RunId, globs: Sequence[str], kind: str | None
) -> list[ArtifactView]:
    """Return the outputs that match: see `Run.artifacts`."""
    state = artifacts_of(registry.disk, registry.layout, run_id)
    entries = [each for each in selected(state.entries, globs) if kind is None or each.kind == kind]
    return list_view(state, entries).items
