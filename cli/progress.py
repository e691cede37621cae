"""A line on standard error that tells how far long work is; only on a terminal, and not for short work."""

import os
import time
from collections.abc import Generator, Iterable
from types import TracebackType
from typing import Final, Self, TypeVar

from runlore.cli import standard

T = TypeVar("T")
SILENT_S: Final = 1.0
"""Work that takes no longer says nothing."""
_EVERY_S: Final = 0.2


class Progress:
    """Counts what passes through it, or, as a context, what it is told."""

    def __init__(self, done: str, total: int, noun: str, *, shown: bool) -> None:
        self._done, self._total, self._noun = done, total, noun
        self._shown = shown and os.isatty(2)
        self._due, self._told = float("inf"), False

    def __enter__(self) -> Self:
        if self._shown:
            self._due = time.monotonic() + SILENT_S
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._told:
            standard.complain(b"\r\x1b[K")

    def at(self, count: int, total: int | None = None) -> None:
        """Tell, unless it told just now, that so many are done; total: of how many, if that was not known."""
        if self._shown and time.monotonic() >= self._due:
            self._due, self._told = time.monotonic() + _EVERY_S, True
            of = self._total if total is None else total
            standard.complain(f"\r{self._done} {count:,} of {of:,} {self._noun}s".encode("ascii"))

    def over(self, items: Iterable[T]) -> Generator[T, None, None]:
        """Yield the items; tell how many there were by now."""
        with self:
            for count, item in enumerate(items, 1):
                yield item
                self.at(count)
