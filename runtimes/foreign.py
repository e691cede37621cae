"""Import runs that other tools executed: from their records in JSON, or from their run folders.

Each becomes an ordinary run: sealed, its outputs stored by digest, its origin on record. Importing the
same again changes nothing.
"""

import os
import stat
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final

from runlore.journal.errors import BadInput, RunloreError
from runlore.projections import import_record, shell
from runlore.projections.bundle_file import DESCRIPTION, SUMS
from runlore.projections.foreign_run import ForeignRun, checked
from runlore.projections.import_record import ImportRecord, Numbered
from runlore.projections.imported import ImportedView
from runlore.runtimes.beneath import open_folder
from runlore.runtimes.foreign_files import ForeignFiles, Planned, shown
from runlore.runtimes.foreign_folder import Foreign, folders_of, open_run
from runlore.runtimes.foreign_install import install
from runlore.runtimes.foreign_logs import ForeignLogs

if TYPE_CHECKING:
    from runlore.runtimes.registry import Registry

Refused = Callable[[str, RunloreError], None]
"""Told which run could not be imported, and why, while the others are."""
_PIECE: Final = 1 << 20


def import_foreign(
    registry: "Registry",
    source: str | os.PathLike[str],
    *,
    tool: str | None = None,
    refused: Refused | None = None,
) -> list[ImportedView]:
    """Return the runs that came from a file of records, or from a folder of another tool.

    A folder that describes a run, or has files, is one run; one of such folders is many. It is only read,
    and no link in it is followed. What was imported is durable when this returns.

    tool: the source of the runs, whatever their folders say. refused: told of each run that cannot be
    imported; without it the first such error is raised once all others were imported.

    Raises:
        BadInput: there is nothing to import, or a record is none; then nothing was.
        Conflict: an id was imported before with other content. WrongDigest: a file is not the one that
        its manifest names. NotPermitted, JournalIO: the registry cannot be written.
    """
    path = os.fspath(source)
    if os.path.isdir(path):
        return import_directory(registry, path, tool=tool, refused=refused)
    if tool is not None:
        raise BadInput("only folders can be given a tool; records name theirs in `source`")
    return import_bytes(registry, _read(path), path, folder=os.path.dirname(path) or ".", refused=refused)


def import_bytes(
    registry: "Registry",
    data: bytes,
    where: str,
    *,
    folder: str | None = None,
    refused: Refused | None = None,
) -> list[ImportedView]:
    """Return the runs that came from records: one JSON object, an array of them, or one a line.

    where: what the records are called. folder: where the files lie that they name; None if they can name
    none.

    Raises: as `import_foreign` does.
    """
    return _records(registry, import_record.parse(data), where, folder, refused)


def import_records(
    registry: "Registry",
    records: Iterable[Mapping[str, object] | ImportRecord],
    *,
    folder: str | None = None,
    refused: Refused | None = None,
) -> list[ImportedView]:
    """Return the runs that came from records of a program's own.

    Raises: as `import_foreign` does.
    """
    return _records(registry, import_record.converted(records), "records", folder, refused)


def import_directory(
    registry: "Registry", path: str, *, tool: str | None = None, refused: Refused | None = None
) -> list[ImportedView]:
    """Return the runs that came from a folder of another tool.

    Raises: as `import_foreign` does.
    """
    _require_foreign(path)
    registry.require_writable()
    avoid = _identities(registry.root)
    each = _Each(refused)
    for name in folders_of(path):
        where = shown(os.path.join(path, name) if name else path)
        each.attempt(where, partial(_from_folder, registry, path, name, where, tool, avoid))
    return each.done()


class _Each:
    """Does one after the other; one that fails does not hide the others."""

    def __init__(self, refused: Refused | None) -> None:
        self._refused = refused
        self._items: list[ImportedView] = []
        self._first: RunloreError | None = None

    def attempt(self, where: str, act: Callable[[], ImportedView]) -> None:
        """Do it, or remember why not."""
        try:
            self._items.append(act())
        except RunloreError as error:
            self._first = self._first or error
            if self._refused is not None:
                self._refused(where, error)

    def done(self) -> list[ImportedView]:
        """Return what came in.

        Raises:
            RunloreError: something did not, and nobody was told of it.
        """
        if self._first is not None and self._refused is None:
            raise self._first
        return self._items


def _from_folder(  # noqa: PLR0917 - where it lies, and how it is called
    registry: "Registry",
    path: str,
    name: str,
    where: str,
    tool: str | None,
    avoid: frozenset[tuple[int, int]],
) -> ImportedView:
    folder = open_run(registry.disk, path, name, avoid)
    try:
        redactor = registry.secrets.found.redactor
        return install(registry, folder.read(tool, redactor, registry.disk.now(), _tick), where)
    finally:
        folder.close()


def _from_record(registry: "Registry", run: ForeignRun, folder: int, where: str) -> ImportedView:
    redactor = registry.secrets.found.redactor
    files = ForeignFiles(registry.disk, folder, redactor, _tick) if folder >= 0 else None
    planned: list[Planned] = list(files.named(run.outputs)) if files is not None else []
    logs = ForeignLogs(run.logs, files, redactor, _tick)
    logs.measure()
    return install(registry, Foreign(run, planned, logs, files), where)


def _checked(registry: "Registry", each: Numbered, folder: str | None) -> ForeignRun:
    """Return the run of a record, which is looked at before any is imported."""
    try:
        run = checked(each.record, registry.disk.now())
        if folder is None and (run.outputs or any(log.path is not None for log in run.logs)):
            raise BadInput("it names files, and there is no folder they could lie in; save it beside them")
    except BadInput as error:
        raise BadInput(f"record {each.number}: {error}") from error
    return run


def _records(
    registry: "Registry",
    records: list[Numbered],
    where: str,
    folder: str | None,
    refused: Refused | None,
) -> list[ImportedView]:
    registry.require_writable()
    runs = [(each.number, _checked(registry, each, folder)) for each in records]
    each, fd = _Each(refused), _opened(folder)
    try:
        for number, run in runs:
            name = f"{shown(where)}, record {number}"
            each.attempt(name, partial(_from_record, registry, run, fd, name))
    finally:
        if fd >= 0:
            os.close(fd)
    return each.done()


def _opened(folder: str | None) -> int:
    """Return a descriptor of the folder; -1 for none.

    Raises:
        BadInput: it cannot be opened.
    """
    if folder is None:
        return -1
    try:
        return open_folder(folder)
    except (OSError, ValueError) as error:
        raise BadInput(f"{folder}: {getattr(error, 'strerror', None) or error}") from error


def _read(path: str) -> bytes:
    """Return a file of records.

    Raises:
        BadInput: it is none, or cannot be read.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise BadInput(f"{path} is neither a file nor a folder; records from a pipe come by `-`")
        return read_stream(partial(os.read, fd), path)
    finally:
        os.close(fd)


def read_stream(read: Callable[[int], bytes], what: str) -> bytes:
    """Return what comes from a stream up to its end, or a little more than records may take.

    Raises:
        BadInput: it cannot be read.
    """
    pieces: list[bytes] = []
    size = 0
    try:
        while size <= import_record.MOST_FILE and (piece := read(_PIECE)):
            pieces.append(piece)
            size += len(piece)
    except OSError as error:
        raise BadInput(f"{what} cannot be read: {error.strerror or error}") from error
    return b"".join(pieces)


def _require_foreign(path: str) -> None:
    """Return if a folder is not one of runlore's own, whose files would come in as if they were outputs.

    Raises:
        BadInput: it is a registry, or a bundle that was unpacked.
    """
    if os.path.isfile(f"{path}/{DESCRIPTION}") and os.path.isfile(f"{path}/{SUMS}"):
        raise BadInput(f"{path} is a bundle that was unpacked; import the file that it came from")
    if os.path.isfile(f"{path}/registry.json"):
        export = shell.join(["runlore", "--root", path, "export"])
        raise BadInput(f"{path} is a registry; export runs of it with `{export} ID -o FILE`, and import that")


def _identities(root: str) -> frozenset[tuple[int, int]]:
    """Return (device, inode) of the registry, in which no run of another tool lies."""
    found = os.stat(root)
    return frozenset({(found.st_dev, found.st_ino)})


def _tick() -> None:
    """Nobody waits for a sign of life here."""
