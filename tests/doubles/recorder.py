"""A disk that writes down what it was asked, and asks another disk."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from runlore.journal.disk import Disk

CALLS: Final = tuple(name for name in vars(Disk) if not name.startswith("_"))
"""Every call of the port."""
NEVER_FAIL: Final = frozenset({"now", "monotonic", "close"})
"""Calls that have no errors: clocks, and close as the port defines it."""


class Call(NamedTuple):
    """One call and what came of it."""

    name: str
    arguments: tuple[Any, ...]
    result: Any


class Recorder:
    """Stands in front of a disk; `calls` is what happened, in order."""

    def __init__(self, disk: Disk) -> None:
        self.calls: list[Call] = []
        for name in CALLS:
            setattr(self, name, self._recorded(name, getattr(disk, name)))

    def _recorded(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            result = function(*arguments, **options)
            self.calls.append(Call(name, arguments, result))
            return result

        return call

    def named(self, *names: str) -> list[Call]:
        """Return the calls of these names, in order."""
        return [call for call in self.calls if call.name in names]


def recording(disk: Disk) -> tuple[Disk, Recorder]:
    """Return a disk and the record of what it is asked from now on."""
    recorder = Recorder(disk)
    return recorder, recorder  # type: ignore[return-value]  # the calls are put in at run time
