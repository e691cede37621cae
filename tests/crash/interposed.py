"""Let somebody else do something in the middle of what a process does: before its n-th call of the disk."""

import threading
from collections.abc import Callable
from typing import Any, cast

from runlore.journal.disk import REAL, Disk
from tests.doubles.recorder import CALLS


class Interposed:
    """Stands in front of the real disk; before the n-th call somebody else acts.

    That goes on until the other is done, or waits for a lock that is held here: then this side goes on,
    and the other when it gets the lock.
    """

    def __init__(self, at: int, other: Callable[[Disk], object]) -> None:
        self.count = 0
        self._at, self._other = at, other
        self._settled = threading.Event()
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        for name in CALLS:
            setattr(self, name, self._counted(getattr(REAL, name)))

    @property
    def disk(self) -> Disk:
        """Itself, as the code under test gets it."""
        return cast("Disk", self)

    def join(self) -> bool:
        """Wait for the other; say whether it ever came."""
        if self._thread is None:
            return False
        self._thread.join()
        if self._error is not None:
            raise self._error
        return True

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - whatever the port's calls take
            self.count += 1
            if self.count == self._at:
                self._thread = threading.Thread(target=self._act)
                self._thread.start()
                self._settled.wait()
            return call(*arguments, **options)

        return counted

    def _act(self) -> None:
        try:
            self._other(_telling(self._settled))
        except BaseException as error:  # noqa: BLE001 - it is raised where the other is waited for
            self._error = error
        finally:
            self._settled.set()


def _telling(waits: threading.Event) -> Disk:
    """Return a disk that tells when its user has to wait for a lock."""
    told = _Telling()
    for name in CALLS:
        setattr(told, name, getattr(REAL, name))

    def lock(fd: int, *, wait: bool = True) -> bool:
        if REAL.lock(fd, wait=False):
            return True
        if not wait:
            return False
        waits.set()
        return REAL.lock(fd)

    told.lock = lock
    return cast("Disk", told)


class _Telling:
    lock: Callable[..., bool]
