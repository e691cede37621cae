"""A registry in which a text stands wherever a user, a command, or somebody's own journal can put it."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from runlore.journal import codec, positions, root
from runlore.journal import events as e
from runlore.journal.disk import REAL
from runlore.journal.exit_record import ExitRecord
from runlore.journal.layout import Layout
from runlore.journal.position import Choice, Position
from runlore.journal.values import Reason, RunId
from runlore.runtimes import exit_file
from runlore.runtimes.transcript import Transcript
from tests.journal.forge import Forge
from tests.journal.samples import SAMPLES

ENDED: Final = RunId("20261120-201400-aaaaaaaa")
OPEN: Final = RunId("20261120-201401-bbbbbbbb")
DAMAGED: Final = RunId("20261120-201402-cccccccc")
NEWER: Final = RunId("20261120-201403-dddddddd")
TORN: Final = RunId("20261120-201404-eeeeeeee")
_LIFE: Final = (
    e.RunBooting,
    e.RunStarted,
    e.RunReadied,
    e.RunProgressed,
    e.RunPreviewChanged,
    e.RunCheckpointed,
    e.RunResultSet,
    e.OwnerAdopted,
    e.RunTagged,
    e.RunNoted,
    e.RunRenamed,
)
_END: Final = (e.RunStopRequested, e.RunCollecting, e.ArtifactCollected, e.RunFailed)
_AFTER: Final = (
    e.RunPinned,
    e.RunUnpinned,
    e.ArtifactPromoted,
    e.RunAccepted,
    e.RunExpired,
    e.RunRemoved,
    e.RunRestored,
    e.JournalRepaired,
    e.TextRedacted,
)
_LAWFUL: Final = {("run_id",), ("format",)}
"""What makes the journal this run's."""


def filled(kind: type[e.Event], text: str) -> e.Event:
    """Return an event of this kind with `text` wherever its types allow any text at all."""
    sample = _plain(SAMPLES[kind])
    for path in list(_texts(sample)):
        if path in _LAWFUL:
            continue
        changed = _with(sample, path, text)
        try:
            if _plain(msgspec.convert(changed, kind)) == changed:
                sample = changed
        except msgspec.ValidationError:
            continue
    return msgspec.convert(sample, kind)


def _plain(event: e.Event) -> Any:  # noqa: ANN401 - JSON is what it is
    return msgspec.json.decode(msgspec.json.encode(event))


def make(folder: Path, text: str) -> Layout:
    """Return a registry that is full of `text`."""
    layout = root.open_for_writing(REAL, str(folder))
    ended = _begun(ENDED, text)
    _add(ended, *_END, text=text)
    _write(layout, _unknown(ended, text))
    ended.seal()
    _add(ended, *_AFTER, text=text)
    ended.seal()
    _write(layout, ended)
    _write(layout, _begun(OPEN, text))
    damaged = _begun(DAMAGED, text)
    damaged.lines.append(b'{"type":"run.noted","text":' + msgspec.json.encode(text) + b"}\n")
    damaged.lines.append(damaged.lines[-2])
    _write(layout, damaged)
    _write(layout, Forge(NEWER).raw(_queued(NEWER, text).replace(b'"format":1', b'"format":7', 1)))
    torn = _begun(TORN, text)
    torn.lines.append(text.encode("utf-8", "surrogateescape").replace(b"\n", b" "))
    _write(layout, torn)
    _output(layout, text)
    _strays(layout, text)
    _subscriptions(layout, text)
    return layout


def _subscriptions(layout: Layout, text: str) -> None:
    """Leave a named subscription to what is called so, and one whose position is nothing but the text."""
    at = datetime(2026, 11, 20, 20, 14, tzinfo=UTC)
    choice = Choice(types=(text,), status=(text,), name=text, tags=(text,))
    odd = Position(name="odd", created_at=at, at=at, choice=choice, cursor="f1.x", feed=None)
    positions.store(REAL, layout, odd)
    Path(layout.position("broken")).write_bytes(text.encode("utf-8", "surrogateescape"))


def _begun(run_id: RunId, text: str) -> Forge:
    forge = Forge(run_id).raw(_queued(run_id, text))
    _add(forge, *_LIFE, text=text)
    return _unknown(forge, text)


def _queued(run_id: RunId, text: str) -> bytes:
    event = msgspec.structs.replace(filled(e.RunQueued, text), seq=1, run_id=run_id)
    return codec.encode(event)[:-1]


def _add(forge: Forge, *kinds: type[e.Event], text: str) -> None:
    for kind in kinds:
        forge.event(msgspec.structs.replace(filled(kind, text), seq=forge.seq + 1))


def _unknown(forge: Forge, text: str) -> Forge:
    """Append an event of a kind that nobody knows, called so."""
    members = {"type": text, "seq": forge.seq + 1, "at": "2026-11-20T20:14:00Z", text: {text: [text]}}
    return forge.raw(msgspec.json.encode(members)[:-1])


def _texts(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the places of texts, the names in mappings among them."""
    if isinstance(value, str):
        yield path
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _texts(inner, (*path, name))
            yield (*path, (name,))
    elif isinstance(value, list | tuple):
        for place, inner in enumerate(value):
            yield from _texts(inner, (*path, place))


def _with(value: Any, path: tuple[Any, ...], text: str) -> Any:  # noqa: ANN401 - JSON is what it is
    """Return a copy with `text` at a place; a name in a tuple is the name of a mapping's member."""
    if not path:
        return text
    first, *rest = path
    if isinstance(value, dict):
        if isinstance(first, tuple):
            return {text if name == first[0] else name: inner for name, inner in value.items()}
        return {
            name: _with(inner, tuple(rest), text) if name == first else inner for name, inner in value.items()
        }
    return [_with(inner, tuple(rest), text) if place == first else inner for place, inner in enumerate(value)]


def _write(layout: Layout, forge: Forge) -> None:
    Path(layout.journal(forge.run_id)).write_bytes(forge.data)


def _output(layout: Layout, text: str) -> None:
    """Give two runs what their commands printed, and one an exit record that nobody read."""
    data = text.encode("utf-8", "surrogateescape")
    for run_id in (ENDED, OPEN):
        os.makedirs(layout.run_dir(run_id), 0o700)
        written = Transcript.create(
            REAL, layout.in_run(run_id, "transcript"), layout.in_run(run_id, "transcript.index")
        )
        written.store("stdout", b"whole: " + data + b"\nhalf: " + data[: len(data) // 2])
        written.store("stderr", data + b"\xff\xc0\xaf\xed\xa0\x80\x9b2J\n" + data[len(data) // 2 :])
        written.drop("stdout", 7)
        written.note_gaps()
        written.store("stdout", data)
        written.close()
    Path(layout.owner_lock(OPEN)).touch(0o600)
    fd = exit_file.preallocate(REAL, layout.in_run(OPEN, "exit"))
    reason = Reason(code="spawn_failed", text=text[:100])
    exit_file.write(REAL, fd, ExitRecord(at=datetime.now(UTC), reason=reason))
    os.close(fd)


def _strays(layout: Layout, text: str) -> None:
    """Leave files of that name wherever `doctor` looks at names."""
    name = text.encode("utf-8", "surrogateescape").replace(b"/", b"|").replace(b"\0", b"|")[:200]
    for folder in (layout.journals, f"{layout.root}/runs", layout.quarantine, layout.keys, layout.settings):
        os.makedirs(folder, 0o700, exist_ok=True)
        for each in (name, b"." + name + b".tmp"):
            path = os.fsencode(folder) + b"/" + each
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
            os.utime(path, (1, 1))
    claim = {"key": text, "run_id": str(TORN)[:-1] + "f", "spec": "ab" * 32}
    Path(layout.keys, "ab" * 32).write_bytes(msgspec.json.encode(claim))
    Path(layout.in_run(ENDED, "keeper.error")).write_text("x")
