"""Where a case is measured: its folder, its size, and what was installed and made for it. Pure."""

import json
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Protocol

from benchmarks.judging import Sample
from benchmarks.model import Size

__all__ = ["Absent", "Measure", "Place", "Round", "Sample", "Setup"]


class Absent(Exception):
    """The case cannot be measured here; the message says why."""


class Round(Protocol):
    """Measures once."""

    def __call__(self) -> Sample:
        """Return one round's sample."""
        ...


@dataclass(frozen=True, kw_only=True)
class Place:
    """What a case is told."""

    folder: str
    """Empty, on the file system under test, gone afterwards."""
    size: Size
    python: str
    """The interpreter of the environment that runlore is installed in."""
    runlore: str
    """The installed command."""
    tools: Mapping[str, str]
    """Executables of peers."""
    corpora: Mapping[str, str]
    arguments: Mapping[str, str | int]

    def pick(self, quick: int, full: int) -> int:
        """Return the count for this size."""
        return full if self.size == "full" else quick

    def encode(self) -> str:
        """Return it as an argument of a process."""
        return json.dumps(asdict(self))

    @classmethod
    def decode(cls, text: str) -> "Place":
        """Return the place that `encode` wrote."""
        return cls(**json.loads(text))


class Setup(Protocol):
    """A function decorated with `contextmanager`: prepares a case, yields its round, cleans up."""

    def __call__(self, place: Place, /) -> AbstractContextManager[Round]:
        """Return the context in which rounds may be measured."""
        ...


Measure = Iterator[Round]
"""What such a function is declared to return before it is decorated."""
