"""The journals of a corpus, and the time that a pass over them takes."""

import glob
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from benchmarks.cases.clocks import batch
from benchmarks.place import Measure, Place, Round, Setup

PIECE = 1 << 20


def root_of(place: Place) -> str:
    """Return the root of the corpus that the case names for this size."""
    return place.corpora[str(place.arguments[place.size])]


def paths_of(place: Place) -> list[str]:
    """Return the journals of that corpus, oldest first."""
    return sorted(glob.glob(f"{root_of(place)}/journals/*.jsonl"))


def chunks_of(path: str) -> Iterator[bytes]:
    """Yield a file in pieces of about 1 MiB that end at a newline."""
    rest = b""
    with open(path, "rb", buffering=0) as file:
        while piece := file.read(PIECE):
            chunk = rest + piece
            end = chunk.rfind(b"\n") + 1
            rest = chunk[end:]
            yield chunk[:end]


def per_run(setup: Setup) -> Setup:
    """Return a case that measures for each megabyte as one that does for each run."""

    @contextmanager
    def case(place: Place) -> Measure:
        paths = paths_of(place)
        megabytes = sum(map(os.path.getsize, paths)) / 1e6
        with setup(place) as measure:
            yield lambda: measure().scaled(megabytes / len(paths))

    return case


def timed(paths: Sequence[str], work: Callable[[], int]) -> Round:
    """Return a round that gives the time for a megabyte, and fails if `work` saw another number of runs."""
    size = sum(os.path.getsize(path) for path in paths) / 1e6

    def check() -> None:
        if (runs := work()) != len(paths):
            raise RuntimeError(f"{runs} runs instead of {len(paths)}")

    return lambda: batch(check, 1).scaled(1 / size)
