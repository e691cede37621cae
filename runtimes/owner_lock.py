"""The owner lock: whoever holds it owns the run, and when that process dies the kernel says so.

`runs/<run_id>/owner.lock` is made once, before the journal, and never by opening it: a lock file that
comes back after somebody removed it would let two owners in.
"""

import errno
import os
from typing import Final

from runlore.journal.disk import Disk
from runlore.journal.errors import Busy, Conflict, JournalIO, NotFound, NotPermitted, RunloreError
from runlore.journal.held import Held, is_at
from runlore.journal.layout import Layout
from runlore.journal.values import Durability, RunId


class OwnerLock(Held):
    """The lock of one run, held until it is released, forgotten, or the process ends."""

    def __init__(self, disk: Disk, fd: int, run_id: RunId) -> None:
        super().__init__(disk, fd)
        self.run_id: Final = run_id

    @classmethod
    def create(
        cls,
        disk: Disk,
        layout: Layout,
        run_id: RunId,
        *,
        durability: Durability = "power",
        claimed: bool = False,
    ) -> "OwnerLock":
        """Return the lock of a run whose journal is about to be made; its folder is made with it.

        In mode `power` folder and lock file are on the disk when this returns, so that no journal
        comes back from a power cut without the lock that a reconciler has to win. `claimed`: the id
        comes from a key's claim, held by this process; an earlier submitter of that key may have died
        after it had made the lock.

        Raises:
            Conflict: the run has a lock file already, so somebody owns or owned it.
            JournalIO: the disk refused.
        """
        path, folder = layout.owner_lock(run_id), layout.run_dir(run_id)
        try:
            _make_folder(disk, folder)
            lock = cls(disk, disk.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL), run_id)
        except FileExistsError:
            if not claimed:
                raise Conflict(f"run {run_id} exists already; ids are minted, never reused") from None
            lock = cls.take(disk, layout, run_id)
        except OSError as error:
            raise _refused(path, error) from error
        try:
            if not disk.lock(lock.fileno(), wait=False):  # only who guessed the path can be faster
                raise Conflict(f"{path} was locked by another process as it was made; submit again")
            if durability == "power":  # of a lock that was there: its maker may have died in front of this
                disk.sync_dir(folder)
                disk.sync_dir(folder.rpartition("/")[0])
        except BaseException as error:
            lock.release()
            if isinstance(error, OSError):
                raise _refused(path, error) from error
            raise
        return lock

    @classmethod
    def take(cls, disk: Disk, layout: Layout, run_id: RunId, *, folder: str = "") -> "OwnerLock":
        """Return the lock of an existing run, won from nobody; never waits.

        folder: where the run's folder lies, if it was moved.

        Raises:
            Busy: a live owner holds it.
            NotFound: its lock file is gone. Nobody may make another: an owner may hold the lost one.
            JournalIO: the disk refused.
        """
        path = f"{folder}/owner.lock" if folder else layout.owner_lock(run_id)
        fd = -1
        try:
            fd = disk.open(path, os.O_RDWR)
            if not disk.lock(fd, wait=False):
                raise Busy(f"run {run_id} has a live owner; ask it: `runlore stop {run_id}`")
            if not is_at(disk, fd, path):
                raise FileNotFoundError
        except BaseException as error:
            if fd >= 0:
                disk.close(fd)
            if isinstance(error, FileNotFoundError):
                raise NotFound(
                    f"run {run_id} has no owner lock at {path}: whether somebody owns it cannot be told, "
                    "so nobody takes it over. Labels still work; `runlore show` says what is known"
                ) from None
            if isinstance(error, OSError):
                raise _refused(path, error) from error
            raise
        return cls(disk, fd, run_id)

    def fileno(self) -> int:
        """Return the descriptor, to hand the lock on; -1 once released."""
        return self._fd

    def is_in_place(self, layout: Layout) -> bool:
        """Say whether the path still names this lock; once it does not, an owner acknowledges nothing."""
        return self.is_at(layout.owner_lock(self.run_id))


def _make_folder(disk: Disk, folder: str) -> None:
    try:
        disk.mkdir(folder)
    except FileExistsError:
        return  # see `claimed`


def _refused(path: str, error: OSError) -> RunloreError:
    if isinstance(error, RunloreError):
        return error
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return NotPermitted(f"{path}: {error.strerror}; only who may write the registry owns its runs")
    return JournalIO(f"{path}: {error.strerror or error}; the run was not taken")
