"""Look for likely secrets in everything a run recorded; reads only, flat in memory.

What is found is told by place and kind. The values of secret-looking variables of the caller's own
environment are looked for as well, in all their encodings. Of a packed run every copy is looked at, of a
removed one what lies in the trash.
"""

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from typing import Final, cast

import msgspec

from runlore.journal import exit_record
from runlore.journal.disk import Disk, read_whole
from runlore.journal.errors import JournalIO, NotFound
from runlore.journal.layout import Layout
from runlore.journal.redactor import Redactor
from runlore.journal.secret_finds import Path, SecretFind, finds, finds_in_argv, finds_in_document, is_masked
from runlore.journal.secret_names import looks_secret
from runlore.journal.secret_text import ORDINARY
from runlore.journal.values import RunId
from runlore.projections.secret_views import SecretFoundView
from runlore.runtimes import redact_blobs
from runlore.runtimes import secret_search as search
from runlore.runtimes import transcript_index as index
from runlore.runtimes.run_places import folders_of, paths_of
from runlore.runtimes.secret_search import Text
from runlore.runtimes.stored import evidence_of
from runlore.runtimes.stored_lines import stored_lines

SHORTEST: Final = 6
"""A shorter value of a variable stands anywhere by chance."""
_BLOCK: Final = 1 << 18
_OVERLAP: Final = 1 << 12
_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK
_FREE: Final = frozenset({"tags", "metadata", "result", "metrics", "env"})
"""Members of events whose own members are named by users."""
_LARGEST: Final = 1 << 30

Found = Iterator[SecretFoundView]


class KnownValues:
    """Values of variables whose names announce a secret."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        values = {
            name: value
            for name, value in environ.items()
            if looks_secret(name)
            and len(value.encode("utf-8", "surrogateescape")) >= SHORTEST
            and value.lower() not in ORDINARY
            and not is_masked(value)
        }
        self._all = Redactor(values.values()) if values else None
        self._each = {name: Redactor([value]) for name, value in values.items()}

    def finds(self, data: bytes) -> Iterator[tuple[int, str]]:
        """Yield (where one ends, the kind of finding)."""
        if self._all is None or not self._all.spans(data):
            return
        for name, redactor in self._each.items():
            for _, end in redactor.spans(data):
                yield end, f"value-of:${name}"

    def clean(self, text: str) -> str:
        """Return a name or path without the values."""
        return (self._all or Redactor()).text(text)


class SecretScan:
    """Scans runs of one registry."""

    def __init__(self, disk: Disk, layout: Layout, environ: Mapping[str, str]) -> None:
        self._disk, self._layout = disk, layout
        self._known = KnownValues(environ)

    def scan(self, run_id: RunId) -> Found:
        """Yield what is found in everything of a run.

        Raises:
            NotFound: no such run. JournalIO: the disk refused.
        """
        try:
            for place in self._places():
                yield from place(run_id)
        except FileNotFoundError:
            raise NotFound(f"run {run_id} has no journal in {self._layout.journals}") from None
        except OSError as error:
            if isinstance(error, JournalIO):
                raise
            raise JournalIO(f"run {run_id}: {error.strerror or error}") from error

    def _places(self) -> tuple[Callable[[RunId], Found], ...]:
        return (self._journal, self._recipe, self._transcript, self._left, self._outputs)

    # -- documents

    def _journal(self, run_id: RunId) -> Found:
        for stored in stored_lines(self._disk, self._layout, run_id):
            path, line = stored.path, stored.line[:-1]
            members = _members(line)
            if members is None:
                continue
            seq = members.get("seq")
            for field, found in _in_event(members):
                yield self._view(run_id, "journal", path, found, seq=cast("int", seq), field=field)
            yield from self._values(run_id, "journal", path, line, seq=cast("int", seq))

    def _recipe(self, run_id: RunId) -> Found:
        digest = redact_blobs.recipe_blob(self._disk, self._layout, run_id)
        if digest is None:
            return
        path = self._layout.blob(digest)
        try:
            data = read_whole(self._disk, path, _LARGEST)
        except FileNotFoundError:
            return
        members = _members(data)
        for field, found in _in_recipe(members or {}, ()):
            yield self._view(run_id, "recipe", path, found, field=field)
        yield from self._values(run_id, "recipe", path, data)

    # -- plain text

    def _transcript(self, run_id: RunId) -> Found:
        for path in paths_of(self._layout, run_id, "transcript"):
            yield from self._transcript_at(run_id, path)

    def _transcript_at(self, run_id: RunId, path: str) -> Found:
        try:
            data_fd = self._disk.open(path, _FLAGS)
        except FileNotFoundError:
            return
        try:
            index_fd = self._disk.open(f"{path}.index", _FLAGS)
            try:
                for stream in index.STREAMS:
                    text = search.stream(self._disk, data_fd, index_fd, stream)
                    for found in self._in_text(text):
                        yield self._view(run_id, "transcript", path, found, stream=stream, line=found.line)
            finally:
                self._disk.close(index_fd)
        except FileNotFoundError:
            yield from self._file(run_id, "transcript", path)
        finally:
            self._disk.close(data_fd)

    def _left(self, run_id: RunId) -> Found:
        """Look at what a failure left behind."""
        for folder in folders_of(self._layout, run_id):
            yield from self._file(run_id, "keeper.error", f"{folder}/keeper.error")
            yield from self._exit(run_id, f"{folder}/exit")
        for name in self._quarantined():
            if name.startswith(f"{run_id}-"):
                yield from self._file(run_id, "quarantine", f"{self._layout.quarantine}/{name}")

    def _quarantined(self) -> list[str]:
        """Return what is in quarantine: nothing in a copy of a registry that left out empty folders."""
        try:
            return sorted(self._disk.listdir(self._layout.quarantine))
        except FileNotFoundError:
            return []

    def _exit(self, run_id: RunId, path: str) -> Found:
        try:
            record = exit_record.decode(read_whole(self._disk, path, exit_record.BLOCK))
        except FileNotFoundError:
            return
        if record is not None and record.reason is not None:
            text = record.reason.text.encode()
            for found in self._in_text([(0, text)]):
                yield self._view(run_id, "exit", path, found, field=("reason", "text"))

    def _outputs(self, run_id: RunId) -> Found:
        bundles = paths_of(self._layout, run_id, "bundle")
        for outputs in (*paths_of(self._layout, run_id, "artifacts"), *bundles):
            for at, folders, names in os.walk(outputs):
                folders.sort()
                for name in sorted(names):
                    yield from self._file(run_id, "artifact", f"{at}/{name}")
        for digest in sorted(evidence_of(self._disk, self._layout, run_id)):
            if not any(os.path.lexists(f"{bundle}/{digest}") for bundle in bundles):
                yield from self._file(run_id, "artifact", f"{self._layout.evidence}/{digest}")

    def _file(self, run_id: RunId, place: str, path: str) -> Found:
        try:
            if not stat.S_ISREG(self._disk.stat_path(path).mode):
                return
            fd = self._disk.open(path, _FLAGS)
        except FileNotFoundError:
            return
        try:
            for found in self._in_text(search.whole(self._disk, fd)):
                yield self._view(run_id, place, path, found, line=found.line)
        finally:
            self._disk.close(fd)

    def _in_text(self, text: Text) -> Iterator[SecretFind]:
        """Yield what a text holds, its lines counted from 1."""
        before, line = b"", 1
        for block in _blocks(text):
            for found in finds(block.decode("utf-8", "replace")):
                yield msgspec.structs.replace(found, line=line + found.line - 1)
            window = before + block
            for end, kind in self._known.finds(window):
                if end > len(before):
                    yield SecretFind(kind, line=line + block.count(b"\n", 0, max(end - len(before) - 1, 0)))
            line += block.count(b"\n")
            before = window[-_OVERLAP:]

    def _values(self, run_id: RunId, place: str, path: str, data: bytes, *, seq: int | None = None) -> Found:
        for _, kind in self._known.finds(data):
            yield self._view(run_id, place, path, SecretFind(kind), seq=seq)

    def _view(
        self,
        run_id: RunId,
        place: str,
        path: str,
        found: SecretFind,
        *,
        seq: int | None = None,
        field: Path | None = None,
        stream: str | None = None,
        line: int | None = None,
    ) -> SecretFoundView:
        return SecretFoundView(
            run_id=run_id,
            place=place,
            path=self._known.clean(path.removeprefix(f"{self._layout.root}/")),
            seq=seq,
            field=self._known.clean(_spelled(field)) if field is not None else None,
            stream=stream,
            line=line,
            kind=found.kind,
            name=self._known.clean(found.name) or None,
        )


def _members(data: bytes) -> dict[str, object] | None:
    try:
        value = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError):
        return None
    return cast("dict[str, object]", value) if isinstance(value, dict) else None


def _in_event(members: dict[str, object]) -> Iterator[tuple[Path, SecretFind]]:
    """Yield (path, find) of an event's members: texts for people, and what users named themselves."""
    for name, value in members.items():
        if name == "recipe" and isinstance(value, dict):
            yield from _in_recipe(cast("dict[str, object]", value), (name,))
        elif name in _FREE:
            yield from finds_in_document({name: value})
        else:
            yield from _in_texts(value, (name,))


def _in_recipe(recipe: dict[str, object], path: Path) -> Iterator[tuple[Path, SecretFind]]:
    for name, value in recipe.items():
        if name == "argv" and isinstance(value, list):
            words = [word for word in cast("list[object]", value) if isinstance(word, str)]
            for place, found in finds_in_argv(words):
                yield (*path, name, place), found
        elif name in _FREE:
            for deeper, found in finds_in_document({name: value}):
                yield (*path, *deeper), found
        elif name != "argv_bytes":  # the same arguments once more
            yield from _in_texts(value, (*path, name))


def _in_texts(value: object, path: Path) -> Iterator[tuple[Path, SecretFind]]:
    if isinstance(value, str):
        for found in finds(value):
            yield path, found
    elif isinstance(value, dict):
        for name, item in cast("dict[str, object]", value).items():
            yield from _in_texts(item, (*path, name))
    elif isinstance(value, list):
        for place, item in enumerate(cast("list[object]", value)):
            yield from _in_texts(item, (*path, place))


def _spelled(path: Path) -> str:
    """Return `recipe.argv[3]`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def _blocks(text: Text) -> Iterator[bytes]:
    """Yield a text in blocks of whole lines, where lines are not longer than a block."""
    kept = bytearray()
    for _, data in text:
        kept += data
        while len(kept) >= _BLOCK:
            end = kept.rfind(b"\n", 0, _BLOCK) + 1 or _BLOCK
            yield bytes(kept[:end])
            del kept[:end]
    if kept:
        yield bytes(kept)
