"""How many keepers may live at once: a lock for each, on one byte of one file, so the kernel counts them.

`keepers.slots` in the registry's root holds no bytes. Byte 0 is the gate, held for the moment in which
somebody counts and takes; each byte behind it is the slot of one run, held by its keeper and its wrapper
until the run ends. A process that dies lets go, so there is no number anywhere that could be wrong.
"""

import errno
import fcntl
import os
import struct
from typing import Final

from msgspec import Struct

from runlore.journal.disk import PRIVATE
from runlore.journal.errors import JournalIO, NoRoom, NotPermitted
from runlore.journal.layout import Layout
from runlore.journal.settings import Limits
from runlore.runtimes.memory import memory_bytes

PER_RUN: Final = 12 << 20
"""Bytes of memory that keeper and wrapper of one run may take together: a goal that a benchmark watches."""
LEAST: Final = 16
"""No machine is so small that fewer would be sensible."""
_FLOCK: Final = struct.Struct("hhqqi4x")
_GATE: Final = (0, 1)
_BEYOND: Final = 1 << 62
_GUESSES: Final = 8
_REFUSED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


class Cap(Struct, frozen=True):
    """How many keepers may live at once in a registry, and who says so."""

    keepers: int
    by_settings: bool
    """`limits.keepers` of config.toml; else this machine's memory."""


class Slot:
    """One run's place among the live ones; -1 for a run that has none. Copies in forked children share it."""

    def __init__(self, fd: int = -1) -> None:
        self.fd: Final = fd
        """To be kept open by whoever keeps the run."""

    def leave(self) -> None:
        """Give the place to others now, although copies of the descriptor are still open elsewhere."""
        if self.fd >= 0:
            _set(self.fd, fcntl.F_UNLCK, 0, 0)

    def drop(self) -> None:
        """Give the place back, with the descriptor: the run never was."""
        if self.fd >= 0:
            os.close(self.fd)


NO_SLOT: Final = Slot()


class Room:
    """The places of one registry."""

    def __init__(self, layout: Layout, limits: Limits) -> None:
        self._path, self._limits = layout.keepers, limits
        self._config = layout.config_file

    def take(self) -> Slot:
        """Return the place of a run that is about to be made.

        Raises:
            NoRoom: so many runs are kept as may be. NotPermitted, JournalIO: the file cannot be made.
        """
        fd = self._open()
        try:
            _set(fd, fcntl.F_WRLCK, *_GATE, wait=True)
            self._take(fd)
            _set(fd, fcntl.F_UNLCK, *_GATE)
        except BaseException as error:
            os.close(fd)
            if isinstance(error, OSError) and not isinstance(error, NoRoom):
                raise JournalIO(f"{self._path}: {error.strerror or error}; nothing was submitted") from error
            raise
        return Slot(fd)

    def _take(self, fd: int) -> None:
        """Hold a free byte, while the gate is held."""
        most = cap_of(self._limits).keepers
        if _conflict(fd, most + 1, _BEYOND) is None:  # so those within are all there are
            for _ in range(_GUESSES):
                if _is_taken(fd, int.from_bytes(os.urandom(4)) % most + 1):
                    return
        held = sorted(_held(fd))
        while len(held) < most:
            free = next((at for at, taken in enumerate(held, 1) if at != taken), len(held) + 1)
            if _is_taken(fd, free):
                return
            held = sorted(_held(fd))  # an adopter does not wait for the gate
        raise NoRoom(
            f"no room: {len(held):,} {'run' if len(held) == 1 else 'runs'} of this registry "
            f"{'is' if len(held) == 1 else 'are'} kept, of at most {most:,}; nothing was submitted. Wait "
            f"until one ends (`runlore ps`), or set keepers in [limits] of {self._config}"
        )

    def _open(self) -> int:
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE)
        except OSError as error:
            kind = NotPermitted if error.errno in _REFUSED else JournalIO
            raise kind(f"{self._path}: {error.strerror}; nothing was submitted") from error


def take_anyhow(layout: Layout) -> Slot:
    """Return a place for a run whose command lives already, however many there are; none if that fails."""
    try:
        fd = os.open(layout.keepers, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE)
    except OSError:
        return NO_SLOT
    try:
        held = sorted(_held(fd))
        free = next((at for at, taken in enumerate(held, 1) if at != taken), len(held) + 1)
        while not _is_taken(fd, free):
            free += 1
    except OSError:
        os.close(fd)
        return NO_SLOT
    return Slot(fd)


def live_keepers(layout: Layout) -> int:
    """Return how many runs are kept now, as the kernel has it; 0 where it cannot be asked.

    Runs that a process keeps of itself have no keeper, and are not counted.
    """
    try:
        fd = os.open(layout.keepers, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        return len(_held(fd))
    except OSError:
        return 0
    finally:
        os.close(fd)


def cap_of(limits: Limits) -> Cap:
    """Return how many keepers may live at once: what the settings say, else half the memory's worth."""
    if limits.keepers is not None:
        return Cap(limits.keepers, by_settings=True)
    return Cap(max(LEAST, memory_bytes() // 2 // PER_RUN), by_settings=False)


def _held(fd: int) -> list[int]:
    """Return the slots that others hold: each question names one, and leaves the gaps beside it to ask."""
    found: list[int] = []
    gaps = [(1, _BEYOND)]
    while gaps:
        low, high = gaps.pop()
        conflict = _conflict(fd, low, high) if low < high else None
        if conflict is not None:
            start, behind = conflict
            found.append(start)
            gaps += [(low, start), (behind, high)]
    return found


def _conflict(fd: int, low: int, high: int) -> tuple[int, int] | None:
    """Return the bytes that somebody else holds within [low, high), of one lock; None if there is none."""
    asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, low, high - low, 0)
    kind, _, start, length, _ = _FLOCK.unpack(fcntl.fcntl(fd, fcntl.F_OFD_GETLK, asked))
    if kind == fcntl.F_UNLCK:
        return None
    return max(start, low), start + length if length else high


def _is_taken(fd: int, at: int) -> bool:
    """Take one slot, if nobody holds it; say whether it is ours now."""
    try:
        _set(fd, fcntl.F_WRLCK, at, 1)
    except BlockingIOError:
        return False
    return True


def _set(fd: int, kind: int, start: int, length: int, *, wait: bool = False) -> None:
    ask = _FLOCK.pack(kind, os.SEEK_SET, start, length, 0)
    fcntl.fcntl(fd, fcntl.F_OFD_SETLKW if wait else fcntl.F_OFD_SETLK, ask)
