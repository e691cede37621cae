"""Runs that are worth moving, and bundles taken apart and put together again by another library than ours."""

import io
import json
import os
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import structs

from runlore.journal import events as e
from runlore.journal.disk import REAL, write_whole
from runlore.journal.errors import NotFound
from runlore.journal.journal_ids import journal_ids
from runlore.journal.layout import Layout
from runlore.journal.reader import read
from runlore.journal.redactor import Redactor
from runlore.journal.values import Actor, Recipe, RunId
from runlore.journal.verify import verify
from runlore.journal.writer import Writer
from runlore.projections.artifact_views import list_view
from runlore.projections.encoding import encode_view
from runlore.runtimes.check_outputs import check_outputs
from runlore.runtimes.collect import Wanted, collect
from runlore.runtimes.packing import Packing
from runlore.runtimes.redact import Redaction
from runlore.runtimes.registry import Registry
from runlore.runtimes.stored import artifacts_of
from runlore.runtimes.transcript import Transcript
from runlore.runtimes.transcript_reader import TranscriptReader
from tests.doubles.drafts import LIFE, new_run_id, noted, queued, tagged
from tests.runtimes.kept_runs import Owned, registry_at
from tests.runtimes.removable import Later, leave_run

TIME: Final = 315_532_800
"""1980-01-01, the time of every member."""
SHARED: Final = b"bytes that two runs have"
BLOB: Final = new_run_id(71)
REDACTED: Final = new_run_id(72)
REMOVED: Final = new_run_id(73)
PACKED: Final = new_run_id(74)


def leave_outputs(
    layout: Layout, outputs: Mapping[str, bytes], *, promoted: Iterable[str] = (), printed: bytes = b"hello\n"
) -> RunId:
    """Leave a run that has printed something and stored these outputs, some of them evidence by now."""
    owned = Owned(layout, artifacts=("**",)).boot().start()
    folder = Path(layout.root).parent / f"work-{owned.run_id}"
    for path, data in outputs.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    paths = [layout.in_run(owned.run_id, name) for name in ("transcript", "transcript.index")]
    transcript = Transcript.create(REAL, *paths)
    transcript.store("stdout", printed)
    transcript.close()

    def append(kind: type[e.Event], /, **fields: Any) -> Any:  # noqa: ANN401 - what the event has
        return owned.writer.append(lambda seq, at: kind(seq=seq, at=at, epoch=1, **fields))

    append(e.RunCollecting, exit_code=0, transcript_bytes=len(printed))
    if outputs:
        wanted = Wanted(
            disk=REAL,
            layout=layout,
            run_id=owned.run_id,
            cwd=str(folder),
            artifacts=("**",),
            redactor=Redactor(),
        )
        assert collect(wanted, append, lambda: None, lambda: None) == ""
    append(e.RunSucceeded, exit_code=0)
    for path in promoted:
        entry = next(each for each in artifacts_of(REAL, layout, owned.run_id).stored if each.path == path)
        os.makedirs(layout.evidence, exist_ok=True)
        Path(layout.evidence, entry.sha256 or "").write_bytes(outputs[path])
        append(e.ArtifactPromoted, path=path, sha256=entry.sha256, bytes=entry.bytes, why="the paper")
    return owned.die()


def leave_every_kind(layout: Layout) -> list[RunId]:
    """Leave one run of each kind that an export treats in its own way."""
    first = leave_outputs(layout, {"out/a": SHARED, "out/b": b"", "r.json": b"{}"}, promoted=["out/a"])
    second = leave_outputs(layout, {"model": SHARED + b"!", "copy": SHARED}, printed=b"")
    _leave(layout, BLOB, blob=True)
    _leave(layout, REDACTED, name="hush hush")
    Redaction(REAL, layout, REDACTED, ["hush hush"], by=Actor()).apply()
    _leave(layout, PACKED)
    Packing(REAL, layout, older_than_s=0).apply()
    writer = Writer(REAL, layout, PACKED)
    writer.append(tagged())
    writer.close()
    leave_run(layout, REMOVED)
    Registry(layout, disk=Later()).get(REMOVED).remove(now=True)
    return [first, second, BLOB, REDACTED, PACKED, REMOVED]


def _leave(layout: Layout, run_id: RunId, *, blob: bool = False, name: str = "") -> None:
    digest = None
    if blob:
        recipe = msgspec.json.encode(Recipe(argv=("x",) * 9, cwd="/"))
        digest = sha256(recipe).hexdigest()
        write_whole(REAL, layout.blob(digest), recipe)
    writer = Writer.create(REAL, layout, run_id, queued(run_id, name=name, recipe_blob=digest))
    for draft in (*(each() for each in LIFE), noted()):
        writer.append(draft)
    writer.close()


def shown(layout: Layout, run_ids: Iterable[RunId] | None = None) -> Iterator[tuple[str, object]]:
    """Yield everything that users see of runs, but for what is said about time and about the machine."""
    registry = Registry(layout)
    for run_id in journal_ids(REAL, layout) if run_ids is None else run_ids:
        page = {view.run_id: view for view in registry.page().items}
        for name, view in (("ls", page[run_id]), ("show", registry.view(run_id))):
            yield name, encode_view(structs.replace(view, seen=None, retention=None))
        state = artifacts_of(REAL, layout, run_id)
        yield "artifacts", encode_view(list_view(state, state.entries))
        yield "events", list(read(REAL, layout, run_id, check_chain=False))
        yield "verify", verify(REAL, layout, run_id)
        removed = registry.view(run_id).retention.removal is not None
        yield "outputs", None if removed else check_outputs(REAL, layout, run_id)
        try:
            with TranscriptReader(REAL, layout, run_id) as reader:
                yield "logs", list(reader.read_available())
        except NotFound:
            yield "logs", None


def new_registry(folder: Path, name: str = "other") -> Layout:
    """An empty registry beside the first one."""
    return registry_at(folder / name)


def members(data: bytes) -> dict[str, bytes]:
    """Take a bundle apart as a stranger does."""
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        return {info.name: _bytes(archive, info) for info in archive}


def together(parts: Iterable[tuple[str | tarfile.TarInfo, bytes]], *, sums: bytes | None = None) -> bytes:
    """Put members together again, with the list of digests that belongs to them, or another one."""
    out, lines = io.BytesIO(), list[str]()
    with tarfile.open(fileobj=out, mode="w:", format=tarfile.USTAR_FORMAT) as archive:
        for part, data in parts:
            archive.addfile(_info(part, data), io.BytesIO(data))
            name = part if isinstance(part, str) else part.name
            lines.append(f"{sha256(data).hexdigest()}  {name}\n")
        listed = "".join(lines).encode() if sums is None else sums
        archive.addfile(_info("SHA256SUMS", listed), io.BytesIO(listed))
    whole = out.getvalue()
    return whole[: len(whole.rstrip(b"\0")) + -len(whole.rstrip(b"\0")) % 512] + bytes(1024)


def described(parts: dict[str, bytes], **changed: object) -> list[tuple[str | tarfile.TarInfo, bytes]]:
    """Return the members of a bundle, told of as they are now: their sizes, or whatever is changed."""
    told = json.loads(parts["bundle.json"])
    rest = [name for name in parts if name not in {"bundle.json", "SHA256SUMS"}]
    told["members"] = [{"path": name, "bytes": len(parts[name])} for name in rest]
    told |= changed
    return [("bundle.json", json.dumps(told).encode()), *((name, parts[name]) for name in rest)]


def _info(part: str | tarfile.TarInfo, data: bytes) -> tarfile.TarInfo:
    if isinstance(part, tarfile.TarInfo):
        return part
    info = tarfile.TarInfo(part)
    info.size, info.mode, info.mtime = len(data), 0o600, TIME
    return info


def _bytes(archive: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(info)
    assert file is not None
    return file.read()
