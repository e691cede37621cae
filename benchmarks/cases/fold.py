"""Fold every journal of a registry into its status: what rebuilding anything derived costs."""

import json
import os
from collections.abc import Sequence
from contextlib import contextmanager

import msgspec

from benchmarks.cases.journals import chunks_of, paths_of, per_run, timed
from benchmarks.place import Measure, Place, Sample
from runlore.journal.disk import REAL
from runlore.journal.event_chunks import EventChunks
from runlore.journal.events import KnownEvent
from runlore.projections.fold import fold
from runlore.projections.status import STATUS


def fold_all(paths: Sequence[str]) -> int:
    """Return how many of the runs have ended."""
    ended = 0
    for path in paths:
        state = STATUS.initial()
        for events in EventChunks(REAL, path):
            state = fold(STATUS, events, state)
        ended += state.ended
    return ended


@contextmanager
def ours(place: Place) -> Measure:
    """EventChunks into the status projection, journal by journal, one process."""
    paths = paths_of(place)
    yield timed(paths, lambda: fold_all(paths))


@contextmanager
def ours_twice(place: Place) -> Measure:
    """The same by two forked processes, half of the journals each."""
    paths = paths_of(place)

    def both() -> int:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(writing, b"%d" % fold_all(paths[1::2]))
            os._exit(0)
        os.close(writing)
        mine = fold_all(paths[0::2])
        with open(reading, "rb") as answer:
            theirs = int(answer.read())
        os.waitpid(child, 0)
        return mine + theirs

    measure = timed(paths, both)
    yield lambda: Sample(value=measure().value)  # processor time is spread over two processes


@contextmanager
def decode(place: Place) -> Measure:
    """Msgspec decode_lines alone, typed, in pieces of 1 MiB, nothing done with the events."""
    paths = paths_of(place)
    decoder: msgspec.json.Decoder[KnownEvent] = msgspec.json.Decoder(KnownEvent)

    def work() -> int:
        for path in paths:
            for chunk in chunks_of(path):
                decoder.decode_lines(chunk)
        return len(paths)

    yield timed(paths, work)


@contextmanager
def json_loads(place: Place) -> Measure:
    """json.loads line by line into the last seq and type; a tenth of the journals."""
    paths = paths_of(place)[::10]

    def work() -> int:
        last: dict[str, tuple[int, str]] = {}
        for path in paths:
            with open(path, "rb") as file:
                for line in file:
                    event = json.loads(line)
                    last[path] = (event["seq"], event["type"])
        return len(last)

    yield timed(paths, work)


ours_per_run = per_run(ours)
decode_per_run = per_run(decode)
json_loads_per_run = per_run(json_loads)
