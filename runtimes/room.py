"""How many keepers may live at once: a lock for each, on one byte of one file, so the kernel counts them.

`keepers.slots` in the registry's root holds no bytes. Byte 0 is the gate, held for the moment in which
somebody counts and takes; each byte behind it is the slot of one run, held by its keeper and its wrapper
until the run ends. A process that dies lets go, so there is no number anywhere that could be wrong.
The file may be deleted at any moment: see `slots_file`.
"""

import errno
import os
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from runlore.journal.errors import JournalIO, NoRoom, NotPermitted, RunloreError
from runlore.journal.layout import Layout
from runlore.journal.lock_waits import take_or_refuse
from runlore.journal.settings import Limits
from runlore.runtimes import byte_locks, slots_file
from runlore.runtimes.memory import memory_bytes

PER_RUN: Final = 12 << 20
"""Bytes of memory that keeper and wrapper of one run may take together: a goal that a benchmark watches."""
LEAST: Final = 16
"""No machine is so small that fewer would be sensible."""
_GUESSES: Final = 8
_REFUSED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


class Cap(Struct, frozen=True):
    """How many keepers may live at once in a registry, and who says so."""

    keepers: int
    by_settings: bool
    """`limits.keepers` of config.toml; else this machine's memory."""


class Slot:
    """One run's place among the live ones; -1 for a run that has none. Copies in forked children share it."""

    def __init__(self, layout: Layout | None = None, fd: int = -1) -> None:
        self._layout: Final = layout
        self.fd: Final = fd
        """To be kept open by whoever keeps the run."""

    def name_again(self, path: str, again: Callable[[], "Slot"]) -> None:
        """Give the file that this place is in a second name, in the run's folder: see `slots_file`.

        If somebody deleted that file and it is not the one that counts any more, a place in the other one is
        taken, by `again`; before any copy of this descriptor is made.

        Raises:
            NoRoom: all places there are taken. NotPermitted, JournalIO: the file cannot be made.
        """
        if self._layout is None:
            return
        while not self._is_named_again(self._layout, path):
            other = again()
            if other.fd < 0:
                return
            os.dup2(other.fd, self.fd, inheritable=False)
            os.close(other.fd)

    def _is_named_again(self, layout: Layout, path: str) -> bool:
        try:
            return slots_file.name_again(layout, self.fd, path)
        except OSError:
            return True  # it has the place that it took, and counts while the file keeps its first name

    def leave(self) -> None:
        """Give the place to others now, although copies of the descriptor are still open elsewhere."""
        if self.fd >= 0:
            byte_locks.give_back(self.fd)

    def drop(self) -> None:
        """Give the place back, with the descriptor: the run never was."""
        if self.fd >= 0:
            os.close(self.fd)


NO_SLOT: Final = Slot()


class Room:
    """The places of one registry."""

    def __init__(self, layout: Layout, limits: Limits) -> None:
        self._layout, self._limits = layout, limits
        self._path, self._config = layout.keepers, layout.config_file

    def take(self) -> Slot:
        """Return the place of a run that is about to be made.

        Raises:
            NoRoom: so many runs are kept as may be. Busy: somebody was stopped while he took a place.
            NotPermitted, JournalIO: the file cannot be made.
        """
        while True:
            fd = self._open()
            try:
                self._take_within(fd)
                if slots_file.is_named(self._layout, fd):
                    return Slot(self._layout, fd)
            except BaseException:
                os.close(fd)
                raise
            os.close(fd)  # somebody deleted it just now, so nobody else counts by it

    def _take_within(self, fd: int) -> None:
        """Pass the gate, and hold a free byte."""
        try:
            take_or_refuse(lambda: byte_locks.take(fd, slots_file.GATE), fd, "nothing was submitted")
            self._take(fd)
            byte_locks.give_back(fd, slots_file.GATE, 1)
        except OSError as error:
            if isinstance(error, RunloreError):
                raise
            raise JournalIO(f"{self._path}: {error.strerror or error}; nothing was submitted") from error

    def _take(self, fd: int) -> None:
        """Hold a free byte, while the gate is held."""
        most = cap_of(self._limits).keepers
        if byte_locks.conflicting(fd, most + 1, byte_locks.BEYOND) is None:  # all there are lie within
            for _ in range(_GUESSES):
                if byte_locks.take(fd, int.from_bytes(os.urandom(4)) % most + 1):
                    return
        held = sorted(byte_locks.held(fd))
        while len(held) < most:
            if byte_locks.take(fd, _first_free(held)):
                return
            held = sorted(byte_locks.held(fd))  # an adopter does not wait for the gate
        raise NoRoom(
            f"no room: {len(held):,} {'run' if len(held) == 1 else 'runs'} of this registry "
            f"{'is' if len(held) == 1 else 'are'} kept, of at most {most:,}; nothing was submitted. Wait "
            f"until one ends (`runlore ps`), or set keepers in [limits] of {self._config}"
        )

    def _open(self) -> int:
        try:
            return slots_file.opened(self._layout)
        except OSError as error:
            kind = NotPermitted if error.errno in _REFUSED else JournalIO
            raise kind(f"{self._path}: {error.strerror}; nothing was submitted") from error


def take_anyhow(layout: Layout) -> Slot:
    """Return a place for a run whose command lives already, however many there are; none if that fails."""
    try:
        fd = slots_file.opened(layout)
    except OSError:
        return NO_SLOT
    try:
        held = sorted(byte_locks.held(fd))
        free = _first_free(held)
        while not byte_locks.take(fd, free):
            free += 1
    except OSError:
        os.close(fd)
        return NO_SLOT
    return Slot(layout, fd)


def live_keepers(layout: Layout) -> int:
    """Return how many runs are kept now, as the kernel has it; 0 where it cannot be asked.

    Runs that a process keeps of itself have no keeper, and are not counted.
    """
    try:
        fd = slots_file.opened_to_count(layout)
    except OSError:
        return 0
    try:
        return len(byte_locks.held(fd))
    except OSError:
        return 0
    finally:
        os.close(fd)


def cap_of(limits: Limits) -> Cap:
    """Return how many keepers may live at once: what the settings say, else half the memory's worth."""
    if limits.keepers is not None:
        return Cap(limits.keepers, by_settings=True)
    return Cap(max(LEAST, memory_bytes() // 2 // PER_RUN), by_settings=False)


def _first_free(held: list[int]) -> int:
    """Return the first place that is not among these, which are in order."""
    return next((at for at, taken in enumerate(held, 1) if at != taken), len(held) + 1)
