"""Run folders of other tools: which folders hold runs, and what each tells of its own; none is written to.

Everything below the folder that was named is opened beneath it, no link followed.
"""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import Struct, structs

from runlore.journal.disk import Disk
from runlore.journal.errors import BadInput, JournalIO, RunloreError
from runlore.journal.redactor import Redactor
from runlore.projections import foreign_manifest
from runlore.projections.artifacts import FILE
from runlore.projections.foreign_manifest import GUILD, GUILD_ATTRS, PERHAPS, SURE
from runlore.projections.foreign_run import ForeignRun, ToldBy, checked
from runlore.projections.globs import Place, Selection
from runlore.projections.import_record import ImportRecord, LogRecord, OutputRecord
from runlore.runtimes.beneath import FOLDER, open_beneath, open_folder
from runlore.runtimes.foreign_files import ForeignFiles, Planned, Tick
from runlore.runtimes.foreign_logs import ForeignLogs
from runlore.runtimes.outputs import Candidate, find, unfit

NO_MANIFEST: Final = "folder"
"""The source of a run that nobody described."""
MANIFEST: Final = "manifest"
"""The kind of the file that describes the run."""
_SKEW: Final = timedelta(minutes=1)
_STREAMS: Final[Mapping[str, tuple[str, ...]]] = {
    "stdout": ("stdout.log", "stdout.txt", "stdout"),
    "stderr": ("stderr.log", "stderr.txt", "stderr"),
}
_GUILD_OUTPUT: Final = ".guild/output"


class Foreign(Struct, frozen=True):
    """One run, everything of it measured."""

    run: ForeignRun
    planned: Sequence[Planned]
    logs: ForeignLogs
    files: ForeignFiles | None
    """None for a record that names none."""


class _Told(Struct, frozen=True):
    """What a folder says of its run."""

    record: ImportRecord
    told_by: ToldBy
    only_named: bool = False
    """The manifest lists the files, so others are none of the run's outputs."""
    manifest: str = ""


class RunFolder:
    """An open folder of one run. Close it."""

    def __init__(self, disk: Disk, fd: int, name: str, avoid: frozenset[tuple[int, int]]) -> None:
        self._disk, self._fd, self._name, self._avoid = disk, fd, name, avoid

    def close(self) -> None:
        """Let go of the folder."""
        os.close(self._fd)

    def read(self, source: str | None, redactor: Redactor, now: datetime, tick: Tick) -> Foreign:
        """Return the run that the folder holds; source: the tool, whatever the folder says.

        Raises:
            BadInput: its manifest cannot be understood, or a file that it names cannot be taken.
            WrongDigest: such a file is another one. JournalIO: the disk refused.
        """
        try:
            return self._read(source, redactor, now, tick)
        except OSError as error:
            if isinstance(error, RunloreError):
                raise
            raise JournalIO(f"{self._name}: {error.strerror or error}") from error

    def _read(self, source: str | None, redactor: Redactor, now: datetime, tick: Tick) -> Foreign:
        oldest, newest = self._times(now)
        told = self._told(oldest, newest)
        record = told.record if source is None else structs.replace(told.record, source=source)
        logs = self._logs()
        run = checked(structs.replace(record, logs=logs), now, told.told_by)
        files = ForeignFiles(self._disk, self._fd, redactor, tick)
        printed = ForeignLogs(logs, files, redactor, tick)
        printed.measure()
        return Foreign(run, list(self._planned(told, run, files)), printed, files)

    def _planned(self, told: _Told, run: ForeignRun, files: ForeignFiles) -> Iterator[Planned]:
        shown = frozenset(log.path for log in run.logs if log.path is not None)
        if not told.only_named:
            for each in files.all(self._avoid, shown):
                yield _as_manifest(each) if told.manifest and each.path == told.manifest else each
            return
        named = [each for each in run.outputs if each.path != told.manifest]
        yield from files.named(named)
        yield from files.named([OutputRecord(path=told.manifest, kind=MANIFEST)])
        yield from files.unlisted(self._avoid, shown | {told.manifest, *(each.path for each in named)})

    def _told(self, oldest: datetime, newest: datetime) -> _Told:
        """Return what describes the run: a summary, attributes of Guild, or nothing but its files."""
        found = _description(self._fd)
        if found is not None:
            name, data = found
            record = foreign_manifest.from_summary(data, name, oldest, newest)
            return _Told(record, "manifest", only_named=bool(record.artifacts), manifest=name)
        if _is_folder(self._fd, GUILD):
            attrs = {name: data for name in GUILD_ATTRS if (data := _small(self._fd, f"{GUILD}/{name}"))}
            return _Told(foreign_manifest.from_guild(attrs, self._name, oldest, newest), "manifest")
        record = ImportRecord(
            source=NO_MANIFEST,
            external_id=self._name,
            started_at=oldest,
            ended_at=newest,
            outcome="unknown",
        )
        return _Told(record, "files")

    def _times(self, now: datetime) -> tuple[datetime, datetime]:
        """Return when the oldest and the newest file were written; what no clock can have said is left out.

        Raises:
            BadInput: there is no file, or none with a time that can be.
        """
        times: list[datetime] = []
        some = False
        for found in find(self._fd, [(FILE, Place(Selection(("**",))))], avoid=self._avoid):
            if not isinstance(found, Candidate):
                continue
            some = True
            there = os.stat(found.name, dir_fd=found.folder, follow_symlinks=False)
            if 0 <= there.st_mtime <= (now + _SKEW).timestamp():
                times.append(datetime.fromtimestamp(there.st_mtime, UTC))
        if not times:
            why = "no file in it has a time that can be" if some else "there is no plain file in it"
            raise BadInput(f"{self._name}: {why}")
        return min(times), max(times)

    def _logs(self) -> tuple[LogRecord, ...]:
        """Return the files that are what the command printed, by their names."""
        names = sorted(os.listdir(self._fd))
        found: list[LogRecord] = []
        for stream, wanted in _STREAMS.items():
            name = next((each for each in wanted if _is_file(self._fd, each)), None)
            if name is not None:
                found.append(LogRecord(stream=stream, path=name))  # type: ignore[arg-type]  # they are streams
        if not found and _is_file(self._fd, _GUILD_OUTPUT):
            found.append(LogRecord(path=_GUILD_OUTPUT))
        logs = [name for name in names if name.endswith(".log") and _is_file(self._fd, name)]
        if not found and len(logs) == 1:
            found.append(LogRecord(path=logs[0]))
        return tuple(found)


def folders_of(path: str) -> list[str]:
    """Return the names of the run folders in a folder; an empty name for the folder itself.

    It holds runs if one of its folders describes one, or if there is nothing but folders in it.

    Raises:
        BadInput: nothing is in it, or it cannot be read.
    """
    try:
        fd = open_folder(path)
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    try:
        if _describes(fd):
            return [""]
        with os.scandir(fd) as entries:
            found = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
        folders = [name for name, is_folder in found if is_folder]
        if not found:
            raise BadInput(f"{path}: there is nothing in it")
        if len(folders) < len(found) and not any(_is_described(fd, name) for name in folders):
            return [""]
        links = [name for name, is_folder in found if not is_folder and _leads_to_folder(fd, name)]
        return sorted([*folders, *links])
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or error}") from error
    finally:
        os.close(fd)


def open_run(disk: Disk, path: str, name: str, avoid: frozenset[tuple[int, int]]) -> RunFolder:
    """Return the folder of a run: `name` below `path`, or `path` itself.

    Raises:
        BadInput: it is no folder there. JournalIO: it cannot be read.
    """
    called = name or os.path.basename(os.path.realpath(path))
    try:
        top = open_folder(path)
        if not name:
            return RunFolder(disk, top, called, avoid)
        try:
            return RunFolder(disk, open_beneath(top, name, FOLDER), called, avoid)
        finally:
            os.close(top)
    except OSError as error:
        import errno  # noqa: PLC0415 - only where something is wrong

        if error.errno in {errno.ELOOP, errno.EXDEV, errno.ENOTDIR}:
            raise BadInput(f"{path}/{name} is a symbolic link; links are never followed") from error
        raise JournalIO(f"{path}/{name}: {error.strerror or error}") from error


def _as_manifest(planned: Planned) -> Planned:
    return structs.replace(planned, event=structs.replace(planned.event, kind=MANIFEST))


def _describes(fd: int) -> bool:
    """Say whether the folder describes itself as a run."""
    if _exists(fd, SURE) or _is_folder(fd, GUILD):
        return True
    return _description(fd) is not None


def _is_described(above: int, name: str) -> bool:
    try:
        fd = open_beneath(above, name, FOLDER)
    except OSError:
        return False
    try:
        return _describes(fd)
    except RunloreError:
        return True  # it does, and wrongly: whoever imports it is told
    finally:
        os.close(fd)


def _description(fd: int) -> tuple[str, bytes] | None:
    """Return (name, content) of the file that describes the run; None if there is none."""
    if _exists(fd, SURE):
        return SURE, _small(fd, SURE)
    for name in PERHAPS:
        if _is_small(fd, name) and foreign_manifest.describes_a_run(data := _small(fd, name)):
            return name, data
    return None


def _is_small(fd: int, name: str) -> bool:
    """Say whether a plain file of that name is there, not larger than a manifest can be."""
    try:
        found = os.stat(name, dir_fd=fd, follow_symlinks=False)
    except OSError:
        return False
    return not unfit(found) and found.st_size <= foreign_manifest.MOST_BYTES


def _small(fd: int, path: str) -> bytes:
    """Return what stands in a file; nothing if there is none.

    Raises:
        BadInput: it is no plain file, or too large for what it is. JournalIO: it cannot be read.
    """
    try:
        found = open_beneath(fd, path)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise BadInput(f"{path} cannot be opened as a plain file: {error.strerror or error}") from error
    try:
        if why := unfit(os.fstat(found)):
            raise BadInput(f"{path} is {why}; only plain files are read")
        pieces: list[bytes] = []
        size = 0
        while piece := os.read(found, 1 << 20):
            pieces.append(piece)
            size += len(piece)
            if size > foreign_manifest.MOST_BYTES:
                raise BadInput(f"{path} is longer than {foreign_manifest.MOST_BYTES:,} bytes")
        return b"".join(pieces)
    except OSError as error:
        if isinstance(error, RunloreError):
            raise
        raise JournalIO(f"{path}: {error.strerror or error}") from error
    finally:
        os.close(found)


def _mode(fd: int, path: str) -> int:
    try:
        return os.stat(path, dir_fd=fd, follow_symlinks=False).st_mode
    except OSError:
        return 0


def _exists(fd: int, name: str) -> bool:
    return _mode(fd, name) != 0


def _is_file(fd: int, path: str) -> bool:
    return stat.S_ISREG(_mode(fd, path))


def _is_folder(fd: int, path: str) -> bool:
    return stat.S_ISDIR(_mode(fd, path))


def _leads_to_folder(fd: int, name: str) -> bool:
    """Say whether a name is a link in the place of a run's folder, which is told and not followed."""
    return stat.S_ISLNK(_mode(fd, name))
