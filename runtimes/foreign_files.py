"""The files of a run that another tool made: measured first, copied later, from a folder that is only read.

Every name is opened beneath the folder, no link followed, and a file that is another one by the time it
is copied ends the import of its run.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from msgspec import Struct

from runlore.journal import events
from runlore.journal.disk import Disk
from runlore.journal.errors import BadInput, Conflict, JournalIO, WrongDigest
from runlore.journal.redactor import Redactor
from runlore.journal.values import MAX_INT
from runlore.projections.artifact_paths import folded, masked_double, refusal
from runlore.projections.artifacts import FILE
from runlore.projections.globs import Place, Selection
from runlore.projections.import_record import MOST_OUTPUTS, OutputRecord
from runlore.projections.media_types import media_type
from runlore.runtimes.beneath import open_beneath
from runlore.runtimes.bundle import Bundle, Kept, Mask, NotKept
from runlore.runtimes.outputs import Candidate, Found, find, unfit

LOG: Final = "log"
"""The kind of a file that is called one."""
UNLISTED: Final = "the manifest does not name it"
_MOST_BYTES: Final = 64 << 30
_EVERYTHING: Final = ("**",)
_NO_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)
Tick = Callable[[], None]


class Planned(Struct, frozen=True):
    """A file as it was found, or why it is not taken."""

    event: events.ArtifactCollected
    """As it is recorded; seq and time are for whoever writes it."""
    path: str
    """As the folder has it."""
    digest: str = ""
    """Of what is to be stored; empty if nothing is."""


class ForeignFiles:
    """The files below one open folder. Whoever made this closes the folder."""

    def __init__(self, disk: Disk, folder: int, redactor: Redactor, tick: Tick) -> None:
        self._disk, self._folder, self._redactor, self._tick = disk, folder, redactor, tick
        self._bytes = 0
        self._names: dict[str, str] = {}
        """Paths as they are recorded, of what is stored, by what those have in common that differ in case."""

    def named(self, outputs: Sequence[OutputRecord]) -> Iterator[Planned]:
        """Yield the files that a record or a manifest names, measured.

        Raises:
            WrongDigest: one is not the file that was named. BadInput: one cannot be an output.
            JournalIO: one cannot be read.
        """
        for each in outputs:
            if why := self._named_already(each.path):
                raise BadInput(f"{self._redactor.text(shown(each.path))}: {why}")
            fd = self.opened(each.path)
            try:
                if each.sha256 is not None and self._measure(fd, each.path, None).sha256 != each.sha256:
                    raise WrongDigest(each.path)
                yield self._planned(fd, each.path, each.kind or kind_of(each.path))
            finally:
                os.close(fd)

    def all(self, avoid: frozenset[tuple[int, int]], without: frozenset[str]) -> Iterator[Planned]:
        """Yield every file below the folder, measured, and what is no file, with the reason.

        avoid: (device, inode) of folders that are not looked into. without: paths that are left out.
        """
        taken: dict[str, str] = {}
        count = left = left_bytes = 0
        for found in self._found(avoid):
            self._tick()
            if found.path in without:
                continue
            if count >= MOST_OUTPUTS:
                left, left_bytes = left + 1, left_bytes + found.size
                continue
            count += 1
            yield self._judged(found, taken)
        if left:
            why = f"a run has {MOST_OUTPUTS:,} files at most"
            event = _event("", outcome="skipped", reason=why, bytes=left_bytes, files=left)
            yield Planned(event, "")

    def unlisted(self, avoid: frozenset[tuple[int, int]], listed: frozenset[str]) -> Iterator[Planned]:
        """Yield what lies beside the files that a manifest names, none of it to be stored."""
        rest = [found for found in self._found(avoid) if found.path not in listed]
        for found in rest[:MOST_OUTPUTS]:
            event = _event(shown(found.path), outcome="skipped", reason=UNLISTED, bytes=found.size)
            yield Planned(event, found.path)
        if more := rest[MOST_OUTPUTS:]:
            size = min(MAX_INT, sum(found.size for found in more))
            yield Planned(_event("", outcome="skipped", reason=UNLISTED, bytes=size, files=len(more)), "")

    def store(self, planned: Sequence[Planned], bundle: str) -> None:
        """Copy what was measured into the bundle's folder; durable when this returns.

        Raises:
            Conflict: a file has changed meanwhile. JournalIO: the disk refused.
        """
        wanted = [each for each in planned if each.digest]
        if not wanted:
            return
        keeper = Bundle(self._disk, bundle, self._mask, self._tick)
        keeper.begin()
        try:
            self._keep(keeper, wanted)
            refused = keeper.settle()
        finally:
            keeper.close()
        if refused:
            why = next(iter(refused.values()))
            raise JournalIO(f"its outputs were not stored: {why}; the run was not imported")

    def _keep(self, keeper: Bundle, wanted: Sequence[Planned]) -> None:
        for each in wanted:
            fd = self.opened(each.path)
            try:
                kept = keeper.keep(fd)
            except NotKept as error:
                raise JournalIO(f"{each.path}: {error.reason}; the run was not imported") from error
            finally:
                os.close(fd)
            if kept.sha256 != each.digest:
                raise changed(each.path)

    def opened(self, path: str) -> int:
        """Return a descriptor of a plain file of a single name below the folder.

        Raises:
            BadInput: there is none, or what is there leads elsewhere. JournalIO: it cannot be read.
        """
        try:
            fd = open_beneath(self._folder, path)
        except FileNotFoundError:
            raise BadInput(f"{shown(path)} is named, and is not there; the run was not imported") from None
        except OSError as error:
            raise _unopened(path, error) from error
        if why := unfit(os.fstat(fd)):
            os.close(fd)
            raise BadInput(f"{shown(path)} is {why}; only plain files are imported")
        return fd

    @property
    def _mask(self) -> Mask | None:
        return self._redactor.without_values if self._redactor.has_values else None

    def _found(self, avoid: frozenset[tuple[int, int]]) -> Iterator[Found]:
        return find(self._folder, [(FILE, Place(Selection(_EVERYTHING)))], avoid=avoid)

    def _judged(self, found: Found, taken: dict[str, str]) -> Planned:
        """Return what becomes of something in the folder that nobody described."""
        path = shown(found.path)
        if not isinstance(found, Candidate):
            outcome = "failed" if found.failed else "skipped"
            return Planned(_event(path, outcome=outcome, reason=found.reason, bytes=found.size), found.path)
        why = refusal(found.path)
        other = taken.setdefault(folded(found.path), found.path)
        if not why and other != found.path:
            why = f"its path differs from {shown(other)} in upper and lower case only"
        if why := why or self._named_already(found.path):
            return Planned(_event(path, outcome="skipped", reason=why, bytes=found.size), found.path)
        if self._bytes + found.size > _MOST_BYTES:
            why = f"{_MOST_BYTES:,} bytes of a run are imported at most"
            return Planned(_event(path, outcome="oversized", reason=why, bytes=found.size), found.path)
        try:
            fd = self.opened(found.path)
        except (BadInput, JournalIO) as error:
            failed = _event(path, outcome="failed", reason=str(error), bytes=found.size)
            return Planned(failed, found.path)
        try:
            return self._planned(fd, found.path, kind_of(found.path))
        except JournalIO as error:
            return Planned(_event(path, outcome="failed", reason=str(error), bytes=found.size), found.path)
        finally:
            os.close(fd)

    def _named_already(self, path: str) -> str:
        """Note the path of an output; return why it cannot be one beside those before, if so."""
        recorded = self._redactor.text(shown(path))
        if why := masked_double(self._names, recorded):
            return why
        self._names[folded(recorded)] = recorded
        return ""

    def _planned(self, fd: int, path: str, kind: str) -> Planned:
        size = os.fstat(fd).st_size
        try:
            kept = Bundle(self._disk, "", self._mask, self._tick).measure(fd)
        except NotKept as error:
            if error.failed:
                raise JournalIO(f"{shown(path)}: {error.reason}") from error
            return Planned(_event(path, outcome="skipped", kind=kind, reason=error.reason, bytes=size), path)
        self._bytes += kept.size
        event = _event(
            path,
            sha256=kept.sha256,
            bytes=kept.size,
            media_type=media_type(path, kept.beginning),
            kind=kind,
            redaction="masked" if kept.masked else "",
        )
        return Planned(event, path, kept.sha256)

    def _measure(self, fd: int, path: str, mask: Mask | None) -> Kept:
        try:
            return Bundle(self._disk, "", mask, self._tick).measure(fd)
        except NotKept as error:
            raise JournalIO(f"{shown(path)}: {error.reason}") from error


def kind_of(path: str) -> str:
    """Return the role that a file's name gives it."""
    return LOG if path.endswith(".log") else FILE


def digest_of(planned: Sequence[Planned]) -> str:
    """Return what names this set of files, whatever they were found in."""
    lines = (f"{each.event.path}\0{each.digest}\0{each.event.outcome}\n" for each in planned)
    return sha256("".join(lines).encode("utf-8", "surrogatepass")).hexdigest()


def changed(path: str) -> Conflict:
    """Return the error for a file that is another one than a moment ago."""
    return Conflict(f"{shown(path)} changed while it was imported; import it again once nobody writes to it")


def _event(path: str, **fields: object) -> events.ArtifactCollected:
    return events.ArtifactCollected(seq=1, at=_NO_TIME, path=path, **fields)  # type: ignore[arg-type]


def _unopened(path: str, error: OSError) -> BadInput | JournalIO:
    import errno  # noqa: PLC0415 - only where something is wrong

    if error.errno in {errno.ELOOP, errno.EXDEV}:
        return BadInput(f"{shown(path)} is a symbolic link, or behind one; links are never followed")
    if error.errno in {errno.ENOTDIR, errno.EISDIR, errno.ENXIO, errno.ENAMETOOLONG}:
        return BadInput(f"{shown(path)} is no file: {error.strerror}")
    return JournalIO(f"{shown(path)}: {error.strerror or error}")


def shown(path: str) -> str:
    """Return a path as text; bytes that are not UTF-8 as visible escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
