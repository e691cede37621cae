"""Processes that write bundles and bring them in, on their way to be killed."""

import io
import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final

from runlore.journal.disk import REAL
from runlore.journal.events import ArtifactCollected, ArtifactPromoted
from runlore.journal.journal_ids import journal_ids
from runlore.journal.layout import Layout
from runlore.journal.root import open_for_writing
from runlore.journal.values import RunId
from runlore.journal.verify import verify
from runlore.runtimes.check_outputs import check_outputs
from runlore.runtimes.export import export_to_file
from runlore.runtimes.import_bundle import import_bundle
from runlore.runtimes.owner_lock import OwnerLock
from tests.crash.victims import OTHER, RUN, Victim
from tests.doubles.drafts import LIFE
from tests.journal.journals import ended_run

_OUTPUT: Final = b"bytes of an output"


class Exports(Victim):
    """Writes the bundle of two runs into a file, over another one."""

    def prepare(self) -> None:
        super().prepare()
        self._leave_runs(self.layout)
        self._target.write_bytes(b"an older file")

    def act(self) -> None:
        export_to_file(self.disk, self.layout, [RUN, OTHER], str(self._target), force=True)

    def mend(self) -> Iterator[str]:
        whole = self._target.read_bytes()
        if whole != b"an older file":
            yield from self._wrong_with(whole)
        self.act()
        yield from self._wrong_with(self._target.read_bytes())

    @property
    def _target(self) -> Path:
        return Path(self.root).parent / "runs.tar"

    def _wrong_with(self, bundle: bytes) -> Iterator[str]:
        other = Path(self.root).parent / f"other-{os.urandom(4).hex()}"
        layout = open_for_writing(REAL, str(other))
        yield from _imported(layout, bundle)

    def _leave_runs(self, layout: Layout) -> None:
        """Leave two runs that have ended, one with an output that is evidence."""
        OwnerLock.create(self.disk, layout, RUN).release()
        writer = self.create()
        digest, size = sha256(_OUTPUT).hexdigest(), len(_OUTPUT)
        os.mkdir(f"{layout.run_dir(RUN)}/bundle")
        for path in (f"{layout.run_dir(RUN)}/bundle/{digest}", f"{layout.evidence}/{digest}"):
            Path(path).write_bytes(_OUTPUT)
        self.append(writer, *(draft() for draft in LIFE[:-1]))
        self.append(
            writer,
            lambda seq, at: ArtifactCollected(seq=seq, at=at, epoch=1, path="a", sha256=digest, bytes=size),
            LIFE[-1](),
            lambda seq, at: ArtifactPromoted(seq=seq, at=at, path="a", sha256=digest, bytes=size),
        )
        writer.close()
        ended_run(layout, OTHER)
        self._tell(b"see", Path(layout.journal(OTHER)).read_bytes())


class Imports(Exports):
    """Brings the bundle of two runs into an empty registry; whatever the witness saw is what is in it."""

    def prepare(self) -> None:
        source = open_for_writing(REAL, f"{self.root}-source")
        target, self.layout = self.layout, source
        try:
            self._leave_runs(source)
        finally:
            self.layout = target
        export_to_file(REAL, source, [RUN, OTHER], str(self._target))
        open_for_writing(self.disk, self.root)

    def promise(self, run_id: RunId, head: str) -> None:
        """Nothing is promised of the registry that it comes into until it is there."""

    def act(self) -> None:
        with open(self._target, "rb") as file:
            import_bundle(self.disk, self.layout, file.read, "it")

    def mend(self) -> Iterator[str]:
        before = journal_ids(REAL, self.layout)
        for run_id in before:
            yield from _unsound(self.layout, run_id)
        yield from _imported(self.layout, self._target.read_bytes())
        if left := [name for name in os.listdir(self.layout.imports) if name != ".lock"]:
            yield f"after importing again {left} is left"


def _imported(layout: Layout, bundle: bytes) -> Iterator[str]:
    """Import a bundle, and yield what is wrong then."""
    items = import_bundle(REAL, layout, io.BytesIO(bundle).read, "it")
    if sorted(item.run_id for item in items) != sorted([RUN, OTHER]) or len(journal_ids(REAL, layout)) != 2:
        yield f"imported {items}"
    for run_id in (RUN, OTHER):
        yield from _unsound(layout, run_id)


def _unsound(layout: Layout, run_id: RunId) -> Iterator[str]:
    found = verify(REAL, layout, run_id)
    if found.integrity != "sealed":
        yield f"verify says {found}"
    if wrong := check_outputs(REAL, layout, run_id).findings:
        yield f"its outputs: {wrong}"
    if not os.path.exists(f"{layout.runs}/{run_id}/owner.lock"):
        yield f"{run_id} has no owner lock"


MOVERS: Final[dict[str, type[Victim]]] = {"export": Exports, "import": Imports}
