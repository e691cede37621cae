"""The lock of a named subscription: it has one consumer at a time, and the kernel knows when that dies.

`positions/NAME.lock` is locked while somebody consumes, creates, resets or removes the subscription. What
stands in the file is for people: who holds it, if it is held.
"""

import os
from typing import Final, Self

import msgspec
from msgspec import Struct

from runlore.journal.disk import Disk, read_whole
from runlore.journal.errors import Busy, JournalIO, NotPermitted
from runlore.journal.held import Held, is_locked
from runlore.journal.layout import Layout
from runlore.journal.values import Actor, UtcTime

_LIMIT: Final = 1 << 16
_TRIES: Final = 100


class Holder(Struct, frozen=True, kw_only=True):
    """Who holds the lock, by its own word."""

    by: Actor
    since: UtcTime


class PositionLock(Held):
    """The lock of one subscription, held until it is released or the process ends."""

    def __init__(self, disk: Disk, path: str, fd: int) -> None:
        super().__init__(disk, fd)
        self._path = path

    @classmethod
    def take(cls, disk: Disk, layout: Layout, name: str, by: Actor) -> Self:
        """Return the lock, won from nobody; never waits.

        Raises:
            Busy: somebody holds it; the message says who. NotPermitted: this user may not.
            JournalIO: the disk refused.
        """
        path = layout.position_lock(name)
        try:
            for _ in range(_TRIES):
                lock = cls(disk, path, disk.open(path, os.O_RDWR | os.O_CREAT))
                try:
                    if not disk.lock(lock._fd, wait=False):
                        raise Busy(
                            f"subscription {name} is in use{_who(holder(disk, layout, name))}; end that first"
                        )
                    if lock.is_in_place():
                        lock._say(by)
                        return lock
                except BaseException:
                    lock.release()
                    raise
                lock.release()  # it was removed with its subscription just now
        except PermissionError as error:
            raise NotPermitted(f"{path}: {error.strerror}; only who may write the registry can") from None
        except FileNotFoundError:
            raise JournalIO(
                f"{layout.positions} is gone; make it again: `mkdir -m 700 {layout.positions}`"
            ) from None
        except OSError as error:
            if isinstance(error, Busy | JournalIO):
                raise
            raise JournalIO(f"{path}: {error.strerror or error}") from error
        raise JournalIO(f"{path} is removed again and again")

    def is_in_place(self) -> bool:
        """Say whether the path still names this lock; once it does not, somebody else may hold another."""
        return self.is_at(self._path)

    def remove(self) -> None:
        """Let go, and leave no file: the subscription is removed."""
        try:
            if self.is_in_place():
                self._disk.unlink(self._path)
        except OSError as error:
            raise JournalIO(f"{self._path}: {error.strerror or error}") from error
        finally:
            self.release()

    def _say(self, by: Actor) -> None:
        """Write down who holds it; not synced, because it is true only while this process lives."""
        told = msgspec.json.encode(Holder(by=by, since=self._disk.now()))
        self._disk.truncate(self._fd, 0)
        self._disk.pwrite(self._fd, told + b"\n", 0)


def holder(disk: Disk, layout: Layout, name: str) -> Holder | None:
    """Return who says in the lock's file that he holds it, whether or not it is held."""
    try:
        return msgspec.json.decode(read_whole(disk, layout.position_lock(name), _LIMIT), type=Holder)
    except (OSError, msgspec.MsgspecError, UnicodeError, ValueError, RecursionError):
        return None


def is_held(disk: Disk, layout: Layout, name: str) -> bool:
    """Say whether somebody consumes or changes a subscription; where that cannot be asked nobody does."""
    return is_locked(disk, layout.position_lock(name))


def _who(held_by: Holder | None) -> str:
    if held_by is None:
        return ""
    by = held_by.by
    return f" by {by.program}, pid {by.pid} on {by.host}, since {held_by.since:%Y-%m-%d %H:%M:%S} UTC"
