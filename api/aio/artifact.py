"""One stored output of a run, for asynchronous programs."""

import os
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from runlore.aio.threads import act, ask
from runlore.projections.artifact_views import ArtifactView
from runlore.runtimes.artifact import Artifact


class AsyncArtifact:
    """A stored output; `sync` is the handle behind it. Its bytes are checked whenever they are taken."""

    def __init__(self, artifact: Artifact) -> None:
        self.sync: Final[Artifact] = artifact

    def __repr__(self) -> str:
        return f"<runlore.AsyncArtifact {self.path} of {self.run_id}>"

    @property
    def run_id(self) -> str:
        """The run that made it."""
        return self.sync.run_id

    @property
    def path(self) -> str:
        """What it is called."""
        return self.sync.path

    @property
    def view(self) -> ArtifactView:
        """What `artifacts ls` shows of it: see `Artifact.view`."""
        return self.sync.view

    async def open(self) -> BinaryIO:
        """Return a binary file for reading, at its beginning: see `Artifact.open`."""
        return await act(self.sync.open)

    async def read(self) -> bytes:
        """Return all of its bytes: see `Artifact.read`."""
        return await ask(self.sync.read)

    async def save(self, to: str | os.PathLike[str]) -> Path:
        """Return the path of the file it was written to: see `Artifact.save`."""
        return await act(partial(self.sync.save, to))
