"""A line on standard error that tells how far long work is; only on a terminal, and not for short work."""

import os
import time
from collections.abc import Generator, Iterable
from typing import Final, TypeVar

from runlore.cli import standard

T = TypeVar("T")
SILENT_S: Final = 1.0
"""Work that takes no longer says nothing."""
_EVERY_S: Final = 0.2


class Progress:
    """Counts what passes through it."""

    def __init__(self, done: str, total: int, noun: str, *, shown: bool) -> None:
        self._done, self._total, self._noun = done, total, noun
        self._shown = shown and os.isatty(2)

    def over(self, items: Iterable[T]) -> Generator[T, None, None]:
        """Yield the items; tell how many there were by now."""
        if not self._shown:
            yield from items
            return
        due, told = time.monotonic() + SILENT_S, False
        try:
            for count, item in enumerate(items, 1):
                yield item
                if time.monotonic() >= due:
                    due, told = time.monotonic() + _EVERY_S, True
                    line = f"\r{self._done} {count:,} of {self._total:,} {self._noun}s"
                    standard.complain(line.encode("ascii"))
        finally:
            if told:
                standard.complain(b"\r\x1b[K")
