"""A disk whose n-th call fails: with an errno, once or from then on, by Ctrl-C, or by killing its user."""

import os
from collections.abc import Callable
from typing import Any, Literal

from runlore.journal.disk import Disk
from tests.doubles.recorder import CALLS, NEVER_FAIL

How = Literal["once", "for ever", "kill", "interrupt"]


class Killed(BaseException):
    """The process got SIGKILL: whatever it still does reaches nobody."""


class Failer:
    """Stands in front of a disk and counts the calls that can fail.

    at: the call to fail, counted from 1; None fails nothing, which tells how many calls there are.
    only: names of calls to count; all of them without it.
    """

    def __init__(
        self, disk: Disk, at: int | None, number: int, how: How, *, only: frozenset[str] = frozenset(CALLS)
    ) -> None:
        self.count = 0
        self.failed = ""
        """The call that failed first."""
        self._at, self._errno, self._how = at, number, how
        self._lose: Callable[[int], None] | None = getattr(disk, "lose", None)
        for name in CALLS:
            call = getattr(disk, name)
            fails = name in only and (how == "kill" or name not in NEVER_FAIL)
            setattr(self, name, self._failing(name, call) if fails else call)

    def fail_from_now_on(self) -> None:
        """Let the next call be the one to fail."""
        self._at = self.count + 1

    def repair(self) -> None:
        """Let every call succeed from now on."""
        self._at = None

    def _failing(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def failing(*arguments: Any, **options: Any) -> Any:
            self.count += 1
            lasting = self._how in {"for ever", "kill"}
            if self._at is None or self.count < self._at or (self.count > self._at and not lasting):
                return call(*arguments, **options)
            self.failed = self.failed or name
            if self._how == "kill":
                raise Killed
            if self._how == "interrupt":
                raise KeyboardInterrupt
            if name == "fdatasync" and self._lose is not None:
                self._lose(*arguments)
            raise OSError(self._errno, os.strerror(self._errno))

        return failing


def failing(
    disk: Disk, at: int | None, number: int, how: How, *, only: frozenset[str] = frozenset(CALLS)
) -> tuple[Disk, Failer]:
    """Return a disk that fails as told, and its controls."""
    failer = Failer(disk, at, number, how, only=only)
    return failer, failer  # type: ignore[return-value]  # the calls are put in at run time
