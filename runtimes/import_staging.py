"""Where an import puts everything before any of it counts, and how it is put in its place then.

`imports/<random>/` is laid out like a registry. Until `decided.json` has its name there, nothing outside has
been touched, and all of it can go. From then on everything in it is checked and on the disk, and whoever
comes next, another import or a pruning, puts in place what is not there yet: each step finds out by itself
whether it was done. The journal of a run comes last, so a run that can be found is whole.
"""

import errno
import os
import stat
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

import msgspec
from msgspec import Struct

from runlore.journal import keys
from runlore.journal.disk import PRIVATE, Disk, read_whole, write_whole
from runlore.journal.errors import Busy, JournalIO, NotPermitted, RunloreError
from runlore.journal.feed import Feed
from runlore.journal.history import exists
from runlore.journal.layout import Layout
from runlore.journal.lock_waits import if_stopped
from runlore.journal.scan import Tail
from runlore.journal.values import RunId
from runlore.runtimes import deletion
from runlore.runtimes.bundle import FOLDER
from runlore.runtimes.pieces import read_pieces, write_pieces

LOCK: Final = ".lock"
READ_ONLY: Final = 0o400
PATIENCE_S: Final = 10.0
"""How long an import waits for another one that is under way."""
_LOOK_S: Final = 0.05
_DECIDED: Final = "decided.json"
_FOLDERS: Final = ("journals", "runs", "blobs", "evidence")
_LARGEST: Final = 64 << 20


class Arrived(Struct, frozen=True, kw_only=True):
    """A journal that is about to be put in its place, as it is announced."""

    run_id: RunId
    seq: int
    bytes: int
    head: str


class _Decided(Struct, frozen=True, kw_only=True):
    """The mark that everything here is to be put in its place."""

    runs: tuple[Arrived, ...]


@contextmanager
def import_lock(disk: Disk, layout: Layout, *, patience_s: float = PATIENCE_S) -> Generator[None]:
    """Hold the lock of whoever imports: one at a time, and nobody else's leftovers are under way.

    Raises:
        Busy: somebody else holds it, also after `patience_s`. JournalIO: the disk refused.
    """
    try:
        with suppress(FileExistsError):
            disk.mkdir(layout.imports)
        disk.sync_dir(layout.root)  # whoever made it may have been killed in front of this
        fd = disk.open(f"{layout.imports}/{LOCK}", os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise _refused(layout.imports, error) from error
    try:
        until = disk.monotonic() + patience_s
        while not _taken(disk, fd, layout):
            if disk.monotonic() >= until:
                raise Busy(
                    f"somebody else imports into {layout.root}; try again when that is done{if_stopped(fd)}"
                )
            time.sleep(_LOOK_S)
        yield
    finally:
        disk.close(fd)


def leftovers(disk: Disk, layout: Layout) -> list[str]:
    """Return the folders of imports; of imports that were cut short, if nobody holds the lock."""
    try:
        names = disk.listdir(layout.imports)
    except FileNotFoundError:
        return []
    return sorted(f"{layout.imports}/{name}" for name in names if name != LOCK)


def is_decided(disk: Disk, folder: str) -> bool:
    """Say whether everything in the folder of an import is to be put in its place."""
    try:
        disk.stat_path(f"{folder}/{_DECIDED}")
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def finish(disk: Disk, layout: Layout) -> list[RunId]:
    """Put in place what was decided, remove what was not; for the holder of the import lock.

    Returns the runs that were decided on.

    Raises:
        JournalIO: the disk refused; the next one goes on there.
    """
    found: list[RunId] = []
    for folder in leftovers(disk, layout):
        try:
            if is_decided(disk, folder):
                found += [each.run_id for each in place(disk, layout, folder)]
            remove(disk, folder)
        except OSError as error:
            raise _refused(folder, error) from error
    return found


def finish_in_passing(disk: Disk, layout: Layout) -> None:
    """Do that, if there is anything and nobody is at it.

    Raises:
        JournalIO: the disk refused.
    """
    if leftovers(disk, layout):
        with suppress(Busy), import_lock(disk, layout, patience_s=0):
            finish(disk, layout)


def remove(disk: Disk, folder: str) -> None:
    """Remove the folder of an import, the mark first.

    Raises:
        OSError: the disk refused.
    """
    if os.path.islink(folder) or not os.path.isdir(folder):
        disk.unlink(folder)
        return
    with suppress(FileNotFoundError):
        disk.unlink(f"{folder}/{_DECIDED}")
    disk.sync_dir(folder)  # whoever unlinked it may have been killed in front of this
    deletion.empty(folder)
    os.rmdir(folder)


class Staging:
    """The folder of one import; whoever makes it holds the import lock. Calls raise OSError."""

    def __init__(self, disk: Disk, layout: Layout) -> None:
        self._disk, self._layout = disk, layout
        for path in (layout.blobs, layout.evidence):
            _require_folder(disk, path)
        _require_one_disk(layout)
        self.folder: Final = f"{layout.imports}/{os.urandom(8).hex()}"
        self.layout: Final = Layout(self.folder)
        """Of what will be there; everything that reads a registry can read it."""
        disk.mkdir(self.folder)
        for name in _FOLDERS:
            disk.mkdir(f"{self.folder}/{name}")

    def make_run(self, run_id: RunId, *, outputs: bool) -> None:
        """Make a run's folder, with the lock that later decisions about it take."""
        folder = self.layout.run_dir(run_id)
        self._disk.mkdir(folder)
        self._disk.close(self._disk.open(self.layout.owner_lock(run_id), os.O_RDWR | os.O_CREAT | os.O_EXCL))
        if outputs:
            self._disk.mkdir(f"{folder}/{FOLDER}")

    def store(self, paths: list[str], pieces: Iterable[bytes], *, mode: int = PRIVATE) -> None:
        """Write the same bytes under each of the paths, durable but for their names; holes stay holes."""
        if not paths:
            for _ in pieces:
                pass
            return
        self._write(paths[0], pieces, mode)
        for path in paths[1:]:
            self._write(path, self._read(paths[0]), mode)

    def decide(self, runs: Iterable[Arrived]) -> None:
        """Return once everything is on the disk and will come to its place, whatever happens now."""
        for folder, folders, _ in os.walk(self.folder, topdown=False):
            folders.sort()
            self._disk.sync_dir(folder)
        self._disk.sync_dir(self._layout.imports)
        mark = msgspec.json.encode(_Decided(runs=tuple(runs)))
        write_whole(self._disk, f"{self.folder}/{_DECIDED}", mark + b"\n")

    def _write(self, path: str, pieces: Iterable[bytes], mode: int) -> None:
        fd = self._disk.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            write_pieces(self._disk, fd, pieces)
            if mode != PRIVATE:
                os.fchmod(fd, mode)
            self._disk.fdatasync(fd)
        finally:
            self._disk.close(fd)

    def _read(self, path: str) -> Iterator[bytes]:
        fd = self._disk.open(path, os.O_RDONLY)
        try:
            yield from read_pieces(self._disk, fd)
        finally:
            self._disk.close(fd)


def place(disk: Disk, layout: Layout, folder: str) -> tuple[Arrived, ...]:
    """Put in its place what was decided and is not there yet; return all that was decided.

    Bytes first, then the folders of runs, and their journals; each durable before the next. Last come the
    claims of their keys, because one whose run has no journal would be used up by a submission.

    Raises:
        OSError: the disk refused; the next import or pruning goes on there.
    """
    staged = Layout(folder)
    mark = read_whole(disk, f"{folder}/{_DECIDED}", _LARGEST)
    try:
        runs = msgspec.json.decode(mark, type=_Decided).runs
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise JournalIO(f"{folder}/{_DECIDED} was changed ({error}); move {folder} elsewhere") from error
    for source, target in ((staged.blobs, layout.blobs), (staged.evidence, layout.evidence)):
        _move_all(disk, source, target)
    arriving = [each for each in runs if not exists(disk, layout, each.run_id)]
    for each in arriving:
        with suppress(FileNotFoundError):  # it was moved before, or was removed with its bytes
            disk.rename(staged.run_dir(each.run_id), layout.run_dir(each.run_id))
    disk.sync_dir(layout.runs)
    feed = Feed(disk, layout)
    try:
        for each in arriving:
            empty = Tail.empty(each.run_id)
            feed.announce(each.run_id, empty.seq, empty.offset, empty.digest, intent=True, surely=True)
            with suppress(FileExistsError):
                disk.link(staged.journal(each.run_id), layout.journal(each.run_id))
        disk.sync_dir(layout.journals)
        for each in runs:  # somebody may have been killed in front of this
            feed.announce(each.run_id, each.seq, each.bytes, bytes.fromhex(each.head), surely=True)
    finally:
        feed.close()
    keys.claim_arrived(disk, layout, (each.run_id for each in runs))
    return runs


def _move_all(disk: Disk, source: str, target: str) -> None:
    """Move every file of one folder, named by its digest, into another, in the place of one of that name.

    A second name, which a kill could leave behind, would be a way to write into evidence. All is synced, also
    where nothing is left to move: whoever moved it may have been killed in front of that.
    """
    names = disk.listdir(source)
    if names:
        with suppress(FileExistsError):
            disk.mkdir(target)
        _require_folder(disk, target)
        disk.sync_dir(os.path.dirname(target))
    for name in sorted(names):
        disk.rename(f"{source}/{name}", f"{target}/{name}")
    with suppress(FileNotFoundError):
        disk.sync_dir(target)


def _require_folder(disk: Disk, path: str) -> None:
    """Return if nothing but a folder has this name.

    Raises:
        NotPermitted: something else has. OSError: the disk refused.
    """
    with suppress(FileNotFoundError):
        if not stat.S_ISDIR(disk.stat_path(path).mode):
            raise NotPermitted(f"{path} is no folder, or a symbolic link: nothing is imported through it")


def _require_one_disk(layout: Layout) -> None:
    """Return if everything can be moved to its place: what was decided and cannot be would be in the way.

    Raises:
        NotPermitted: something is on another file system. OSError: the disk refused.
    """
    here = os.stat(layout.imports).st_dev
    for path in (layout.journals, layout.runs, layout.blobs, layout.evidence):
        with suppress(FileNotFoundError):
            if os.stat(path).st_dev != here:
                raise NotPermitted(
                    f"{path} is on another file system than {layout.imports}, so nothing can be moved there "
                    "whole, and nothing was imported; put both on one"
                )


def _taken(disk: Disk, fd: int, layout: Layout) -> bool:
    try:
        return disk.lock(fd, wait=False)
    except OSError as error:
        raise _refused(layout.imports, error) from error


def _refused(path: str, error: OSError) -> RunloreError:
    if isinstance(error, RunloreError):
        return error
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return NotPermitted(f"{path}: {error.strerror}; only who may write a registry imports into it")
    return JournalIO(f"{path}: {error.strerror or error}; import again, which goes on with it")
