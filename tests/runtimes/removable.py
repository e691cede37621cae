"""Runs that have ended and left something on the disk, and a clock that is weeks ahead."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final

from runlore.journal.disk import REAL, Disk, RealDisk
from runlore.journal.events import ArtifactCollected
from runlore.journal.layout import Layout
from runlore.journal.values import RunId
from runlore.journal.writer import Draft, Writer
from runlore.projections.artifact_views import manifest
from runlore.projections.encoding import encode_view
from runlore.runtimes.bundle import write_manifest
from runlore.runtimes.owner_lock import OwnerLock
from runlore.runtimes.registry import Registry
from runlore.runtimes.stored import artifacts_of
from tests.doubles.drafts import LIFE, new_run_id, queued

RUN: Final = new_run_id()
RULES: Final = '[retention]\nkeep = "30d"\n'


class Later(RealDisk):
    """A disk whose clock is so far ahead."""

    def __init__(self, ahead: timedelta = timedelta(days=40)) -> None:
        self.ahead = ahead

    def now(self) -> datetime:
        return super().now() + self.ahead


def leave_run(
    layout: Layout,
    run_id: RunId = RUN,
    *,
    name: str = "",
    key: str = "",
    size: int = 10_000,
    outputs: Mapping[str, bytes] | None = None,
    disk: Disk = REAL,
) -> RunId:
    """Leave a run that has succeeded, its outputs in place and nobody about; `outputs` are stored ones."""
    with OwnerLock.create(disk, layout, run_id, durability="process"):
        fill(layout.run_dir(run_id), size)
        writer = Writer.create(disk, layout, run_id, queued(run_id, name=name, key=key, durability="process"))
        for draft in LIFE[:-1]:
            writer.append(draft())
        if outputs:
            store_outputs(layout, writer, run_id, outputs)
        writer.append(LIFE[-1]())
        writer.close()
    return run_id


def store_outputs(layout: Layout, writer: Writer, run_id: RunId, outputs: Mapping[str, bytes]) -> None:
    """Put outputs into the bundle of a run, and on record."""
    folder = Path(layout.in_run(run_id, "bundle"))
    folder.mkdir(mode=0o700)
    for path, data in outputs.items():
        digest = sha256(data).hexdigest()
        if not (folder / digest).exists():
            (folder / digest).write_bytes(data)
            (folder / digest).chmod(0o400)
        writer.append(collected(path, data))
    state = artifacts_of(REAL, layout, run_id)
    write_manifest(REAL, str(folder), encode_view(manifest(state)))


def collected(path: str, data: bytes) -> Draft:
    """Return what says that an output was stored."""
    return lambda seq, at: ArtifactCollected(
        seq=seq, at=at, epoch=1, path=path, outcome="stored", bytes=len(data), sha256=sha256(data).hexdigest()
    )


def fill(folder: str, size: int) -> None:
    """Put there what a run leaves; some of it where its command forbade writing."""
    path = Path(folder)
    (path / "transcript").write_bytes(b"x" * size)
    (path / "tree.lock").touch()
    (path / "artifacts/deep/er").mkdir(parents=True)
    (path / "artifacts/deep/er/model").write_bytes(b"y" * size)
    (path / "artifacts/link").symlink_to("/etc/passwd")
    (path / "artifacts/deep").chmod(0o500)


def registry(layout: Layout, rules: str = RULES, *, days: float = 40) -> Registry:
    """Return the registry as somebody finds it so many days later, with these rules."""
    Path(layout.config_file).write_text(rules)
    return Registry(layout, disk=Later(timedelta(days=days)))


def files(layout: Layout) -> dict[str, bytes]:
    """Return every file of a registry that is not derived."""
    return {
        str(path.relative_to(layout.root)): path.read_bytes()
        for path in sorted(Path(layout.root).rglob("*"))
        if path.is_file() and not path.is_symlink() and not {"feed", "index", ".lock"} & set(path.parts)
    }


@contextmanager
def owned(layout: Layout, run_id: RunId = RUN) -> Iterator[None]:
    """Own a run meanwhile."""
    with OwnerLock.take(REAL, layout, run_id):
        yield


def lies(layout: Layout, run_id: RunId = RUN) -> list[str]:
    """Return where something of a run's folder lies."""
    places = {"runs": layout.run_dir(run_id), "trash": layout.in_trash(run_id), "going": layout.going(run_id)}
    return [name for name, path in places.items() if os.path.lexists(path)]
