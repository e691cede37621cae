"""What a machine was doing when its power failed: exporting, importing or promoting, on a real file system.

A likeness in memory says what a power cut at each moment would leave of it. That is put on a disk again,
and whoever comes next does the same, or prunes.
"""

import io
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar, Final
from unittest.mock import patch

import msgspec
from msgspec import structs

from runlore.journal import keys, machine
from runlore.journal.disk import REAL, Disk, write_whole
from runlore.journal.errors import NotFound
from runlore.journal.journal_ids import journal_ids
from runlore.journal.layout import Layout
from runlore.journal.values import Recipe, RunId
from runlore.journal.verify import verify
from runlore.journal.writer import Writer
from runlore.runtimes import export, import_staging
from runlore.runtimes.check_outputs import check_outputs
from runlore.runtimes.foreign import import_foreign
from runlore.runtimes.import_bundle import import_bundle
from runlore.runtimes.owner_lock import OwnerLock
from runlore.runtimes.promoting import Promotion
from runlore.runtimes.registry import Registry
from runlore.runtimes.stored import artifacts_of
from runlore.runtimes.transcript_reader import TranscriptReader
from tests.crash.enumeration import PowerCuts
from tests.crash.recovery import in_words
from tests.doubles.crash_states import Image
from tests.doubles.drafts import LIFE, new_run_id, queued
from tests.doubles.mirrored import Hasty, Mirrored, World, come_up
from tests.runtimes.bundles import leave_outputs
from tests.runtimes.foreign_folders import homeboy, put, record
from tests.runtimes.kept_runs import registry_at
from tests.runtimes.removable import RUN, store_outputs

KEYED: Final = new_run_id(81)
_SPEC: Final = "ab" * 32
_RECIPE: Final = msgspec.json.encode(Recipe(argv=("x",) * 9, cwd="/"))
_PRINTED: Final = b"hello\n"


class Move(ABC):
    """Something that is done in the folder `base`, and whatever it needs beside it."""

    around: ClassVar[Callable[[], AbstractContextManager[Any]]] = nullcontext
    """What holds while it is done."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.base = folder, folder / "world"
        self.base.mkdir(0o700)
        self.prepare()

    @abstractmethod
    def prepare(self) -> None:
        """Make what it finds."""

    @abstractmethod
    def act(self, disk: Disk, base: Path) -> None:
        """Do it, durably."""

    @abstractmethod
    def wrong(self, base: Path, *, promised: bool) -> Iterator[str]:
        """Do it again after a power cut, and yield what is broken before and then."""


class _IntoRegistry(Move):
    """Something that changes a registry."""

    def prepare(self) -> None:
        registry_at(self.base / "registry")

    def _registry(self, base: Path, disk: Disk | None = None) -> Registry:
        return Registry(Layout(str(base / "registry")), disk=disk or Hasty().disk)


class ImportsPlain(_IntoRegistry):
    """Brings in a bundle of a run that was submitted with a key, and has nothing but its journal."""

    blob: str | None = None

    def prepare(self) -> None:
        super().prepare()
        source = registry_at(self.folder / "source")
        self.printed = self._leave(source)
        self.runs = {*self.printed, KEYED}
        draft = queued(KEYED, key="nightly", recipe_blob=self.blob)
        writer = Writer.create(
            REAL, source, KEYED, lambda seq, at: structs.replace(draft(seq, at), registry_id="elsewhere")
        )
        for step in LIFE:
            writer.append(step())
        writer.close()
        self.bundle = _bundle(source, self.runs)

    def _leave(self, _source: Layout) -> dict[RunId, bytes]:
        """Leave other runs that belong into the bundle, and return what they printed."""
        return {}

    def act(self, disk: Disk, base: Path) -> None:
        import_bundle(disk, Layout(str(base / "registry")), io.BytesIO(self.bundle).read, "it")

    def wrong(self, base: Path, *, promised: bool) -> Iterator[str]:
        layout, disk = Layout(str(base / "registry")), Hasty().disk
        yield from self._unsound(layout)
        if promised and set(journal_ids(REAL, layout)) != self.runs:
            yield f"imported, and only {journal_ids(REAL, layout)} are there"
        import_staging.finish_in_passing(disk, layout)  # as a pruning does
        if set(journal_ids(REAL, layout)) not in (set(), self.runs):
            yield f"of the bundle {journal_ids(REAL, layout)} are there"
        yield from self._unsound(layout)
        self.act(disk, base)
        if set(journal_ids(REAL, layout)) != self.runs:
            yield f"imported again, and {journal_ids(REAL, layout)} are there"
        yield from self._unsound(layout)
        with keys.claim(disk, layout, "nightly", _SPEC, new_run_id) as held:
            if (held.run_id, held.existing) != (KEYED, True):
                yield f"the key leads to {held.run_id}, existing: {held.existing}"
        if left := [name for name in os.listdir(layout.imports) if name != ".lock"]:
            yield f"after importing again {left} is left"

    def _unsound(self, layout: Layout) -> Iterator[str]:
        for run_id in journal_ids(REAL, layout):
            yield from unsound(layout, run_id)
            yield from _unprinted(layout, run_id, self.printed.get(run_id, b""))
            if run_id == KEYED and self.blob and Path(layout.blob(self.blob)).read_bytes() != _RECIPE:
                yield "its blob is another"


class ImportsBundle(ImportsPlain):
    """Brings in a second run as well, with outputs, a transcript and evidence; and a blob of the first."""

    def _leave(self, source: Layout) -> dict[RunId, bytes]:
        os.rmdir(self.base / "registry" / "evidence")  # the import makes it anew
        self.blob = sha256(_RECIPE).hexdigest()
        write_whole(REAL, source.blob(self.blob), _RECIPE)
        outputs = {"out/a": b"bytes of an output", "b": b"others"}
        return {leave_outputs(source, outputs, promoted=["out/a"], printed=_PRINTED): _PRINTED}


class _ImportsForeign(_IntoRegistry):
    """Brings in what another tool left."""

    printed: ClassVar[dict[str, bytes]]
    """What the runs printed, by their ids there."""

    @property
    def source(self) -> Path:
        """Where it lies."""
        return self.folder / "source"

    def act(self, disk: Disk, base: Path) -> None:
        import_foreign(self._registry(base, disk), self.source)

    def wrong(self, base: Path, *, promised: bool) -> Iterator[str]:
        registry = self._registry(base)
        yield from self._unsound(registry, least=len(self.printed) if promised else 0)
        found = [each.outcome for each in import_foreign(registry, self.source)]
        if promised and set(found) != {"existing"}:
            yield f"imported again: {found}"
        yield from self._unsound(registry, least=len(self.printed))
        found = [each.outcome for each in import_foreign(registry, self.source)]
        if set(found) != {"existing"}:
            yield f"imported a third time: {found}"

    def _unsound(self, registry: Registry, *, least: int) -> Iterator[str]:
        runs = journal_ids(REAL, registry.layout)
        if not least <= len(runs) <= len(self.printed):
            yield f"{runs} are there"
        for run_id in runs:
            yield from unsound(registry.layout, run_id)
            origin = registry.view(run_id).origin
            assert origin is not None
            assert origin.external_id is not None
            yield from _unprinted(registry.layout, run_id, self.printed[origin.external_id])


class ImportsRecords(_ImportsForeign):
    """Brings in two records, one of them with an output and a log."""

    printed: ClassVar[dict[str, bytes]] = {"a": b"12 tables\n", "b": b"none\n"}

    def prepare(self) -> None:
        super().prepare()
        told = [
            record(external_id="a", artifacts=["report.txt"], logs=[{"text": "12 tables\n"}]),
            record(external_id="b", logs=[{"text": "none\n", "stream": "stderr"}]),
        ]
        put(self.folder, {"report.txt": b"bytes of a report", "source": msgspec.json.encode(told)})


class ImportsFolder(_ImportsForeign):
    """Brings in the run folder of another tool."""

    printed: ClassVar[dict[str, bytes]] = {"hb-2026-0417": b"3 tests\n1 failed\nwarning: slow\n"}

    def prepare(self) -> None:
        super().prepare()
        homeboy(self.source)


class _Decides(_IntoRegistry):
    """Decides something about a run that has ended, with two outputs."""

    run_id: ClassVar[RunId] = RUN

    def prepare(self) -> None:
        super().prepare()
        layout = Layout(str(self.base / "registry"))
        os.rmdir(layout.evidence)  # who promotes makes it anew
        OwnerLock.create(REAL, layout, RUN).release()
        writer = Writer.create(REAL, layout, RUN, queued(RUN))
        for step in LIFE[:-1]:
            writer.append(step())
        store_outputs(layout, writer, RUN, {"out/a": b"bytes of an output", "b": b"others"})
        writer.append(LIFE[-1]())
        writer.close()

    def wrong(self, base: Path, *, promised: bool) -> Iterator[str]:
        layout = Layout(str(base / "registry"))
        if promised:
            yield from self._undecided(layout)
        yield from unsound(layout, self.run_id, torn=True)
        self.act(Hasty().disk, base)
        yield from self._undecided(layout)
        yield from unsound(layout, self.run_id, torn=True)

    @abstractmethod
    def _undecided(self, layout: Layout) -> Iterator[str]:
        """Yield it if the decision is not on record."""


class Pins(_Decides):
    """Pins the run."""

    def act(self, disk: Disk, base: Path) -> None:
        self._registry(base, disk).get(self.run_id).pin("the paper cites it")

    def _undecided(self, layout: Layout) -> Iterator[str]:
        if not Registry(layout).view(self.run_id).retention.pinned:
            yield "it is not pinned"


class Promotes(_Decides):
    """Makes evidence of the outputs."""

    def act(self, disk: Disk, base: Path) -> None:
        promotion = Promotion(self._registry(base, disk), self.run_id)
        promotion.apply("the paper cites them")
        assert promotion.failures == []

    def _undecided(self, layout: Layout) -> Iterator[str]:
        promoted = artifacts_of(REAL, layout, self.run_id).promoted
        if len(promoted) < 2:
            yield f"only {sorted(promoted)} are promoted"


class Exports(Move):
    """Writes the bundle of a run into a new file."""

    force: ClassVar[bool] = False
    before: ClassVar[bytes | None] = None

    def prepare(self) -> None:
        self.layout = registry_at(self.folder / "source")
        self.run_id = leave_outputs(self.layout, {"out/a": b"bytes of an output"})
        self.bundle = _bundle(self.layout, [self.run_id])
        if self.before is not None:
            (self.base / "runs.tar").write_bytes(self.before)

    def act(self, disk: Disk, base: Path) -> None:
        export.export_to_file(disk, self.layout, [self.run_id], str(base / "runs.tar"), force=self.force)

    def wrong(self, base: Path, *, promised: bool) -> Iterator[str]:
        there = self._found(base)
        if there != self.bundle and (promised or there != self.before):
            yield f"{len(there or b'')} bytes are there, of {len(self.bundle)}"
        if self.force or there is None:
            self.act(Hasty().disk, base)
        if self._found(base) != self.bundle:
            yield "exported again, and it is another file"

    def _found(self, base: Path) -> bytes | None:
        path = base / "runs.tar"
        return path.read_bytes() if path.exists() else None


class ExportsOver(Exports):
    """Writes it over another file."""

    force: ClassVar[bool] = True
    before: ClassVar[bytes | None] = b"an older file"


def _all_named() -> AbstractContextManager[Any]:
    """Let no file be without a name, as on file systems that cannot have one."""
    return patch.object(export, "_nameless", lambda *_: None)


class ExportsNamed(Exports):
    """Writes it into a new file, where each file has a name from its beginning."""

    around = _all_named


class ExportsNamedOver(ExportsOver):
    """Writes it over another file, where each file has a name from its beginning."""

    around = _all_named


MOVES: Final[dict[str, type[Move]]] = {
    "import of a bundle without outputs": ImportsPlain,
    "import of a bundle": ImportsBundle,
    "import of records": ImportsRecords,
    "import of a run folder": ImportsFolder,
    "promotion": Promotes,
    "pin": Pins,
    "export": Exports,
    "export over a file": ExportsOver,
    "export, named": ExportsNamed,
    "export over a file, named": ExportsNamedOver,
}


class Moving(PowerCuts):
    """A machine that does one of them, and whose power may fail meanwhile.

    stride: of the pictures before all is promised, each so manieth comes up; afterwards all do.
    """

    def __init__(self, move: Move, *, stride: int = 1, **how: Any) -> None:  # noqa: ANN401 - as `PowerCuts`
        super().__init__(**how)
        self._move, self._stride = move, stride
        self.promised = False
        self.looked = 0
        """Pictures that came up."""
        self._world = World(str(move.base))
        self.system = self._world.system
        self.system.on_change = self._fail_here
        self.check = self._look

    def mirrored(self) -> Mirrored:
        """Return the disk of another process."""
        return Mirrored(self._world, self.clock)

    def do(self, disk: Disk | None = None) -> None:
        """Do it, while the power may fail, and hold the machine to it."""
        with type(self._move).around():
            self._move.act(disk or self._between(self.mirrored().disk), self._move.base)
        self.promised = True
        assert self._world.is_alike()
        self.acknowledge()

    def _look(self, image: Image) -> list[str]:
        if not self.promised and self.states % self._stride:
            return []
        self.looked += 1
        place = self._move.folder / "after"
        come_up(image, str(self._move.base), str(place))
        with patch.object(machine, "boot_id", lambda: "another"), type(self._move).around():
            return in_words(lambda: self._move.wrong(place, promised=self.promised))


def unsound(layout: Layout, run_id: RunId, *, torn: bool = False) -> Iterator[str]:
    """Yield what of a run that can be seen is not whole; torn: the next appender may have a tail to heal."""
    found = verify(REAL, layout, run_id)
    if found.integrity != "sealed" and not (torn and found.crash_tail):
        yield f"verify says {found}"
    if wrong := check_outputs(REAL, layout, run_id).findings:
        yield f"its outputs: {wrong}"
    if not os.path.exists(layout.owner_lock(run_id)):
        yield f"{run_id} has no owner lock"


def _unprinted(layout: Layout, run_id: RunId, printed: bytes) -> Iterator[str]:
    found = b""
    with suppress(NotFound), TranscriptReader(REAL, layout, run_id) as reader:
        found = b"".join(line.data for line in reader.read_available())
    if found != printed:
        yield f"{run_id}: its transcript is not whole"


def _bundle(layout: Layout, run_ids: Iterable[RunId]) -> bytes:
    out = io.BytesIO()

    def put_out(data: bytes) -> None:
        out.write(data)

    export.export(REAL, layout, run_ids, put_out, to="-")
    return out.getvalue()
