"""Make the index anew, warm and cold, and read packed runs; the unit is one run.

`cold`: nothing of the registry is in memory. `warmed`: all of it is, whatever another case has dropped.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from benchmarks.cases.clocks import batch, command, ended, user_environment
from benchmarks.cases.cold import forget
from benchmarks.cases.journals import root_of
from benchmarks.place import Measure, Place, Sample
from runlore.journal.disk import REAL
from runlore.journal.journal_ids import listed
from runlore.journal.layout import Layout
from runlore.projections.registry import fold_journal


def _count(place: Place) -> int:
    return int(str(place.arguments[place.size]).partition(":")[2])


@contextmanager
def index(place: Place) -> Measure:
    """`runlore index rebuild`, in as many processes as `jobs` says."""
    root, runs = root_of(place), _count(place)
    environment = user_environment(RUNLORE_ROOT=root)
    argv = [place.runlore, "index", "rebuild", *_jobs(place)]

    def measure() -> Sample:
        details = _laid(place)
        found = command(argv, environment).scaled(1 / runs)
        return Sample(value=found.value, cpu=found.cpu, details=details)

    yield measure


def _jobs(place: Place) -> list[str]:
    jobs = place.arguments.get("jobs")
    return [] if jobs is None else ["--jobs", str(jobs)]


@contextmanager
def fold(place: Place) -> Measure:
    """Fold every run of a registry into its row, from files or from packs, one process."""
    layout, runs = Layout(root_of(place)), _count(place)

    def work() -> None:
        run_ids, packed, packs = listed(REAL, layout)
        for run_id in run_ids:
            row = fold_journal(REAL, layout, run_id, packs if run_id in packed else None)
            if row is None or row.problem is not None:
                raise RuntimeError(f"{run_id} could not be read")
        if len(run_ids) != runs:
            raise RuntimeError(f"{len(run_ids)} runs instead of {runs}")

    yield _of_each_run(place, work)


@contextmanager
def read(place: Place) -> Measure:
    """Read every byte of the journals, or of the packs, and do nothing with it."""
    layout = Layout(root_of(place))
    yield _of_each_run(place, lambda: _read_all(layout))


def _read_all(layout: Layout) -> None:
    for path in _files(layout):
        fd = os.open(path, os.O_RDONLY)
        while os.read(fd, 1 << 20):
            pass
        os.close(fd)


def _files(layout: Layout) -> Iterator[str]:
    for folder in (layout.journals, layout.packs):
        if os.path.isdir(folder):
            yield from (f"{folder}/{name}" for name in sorted(os.listdir(folder)) if name.endswith(".jsonl"))


def _of_each_run(place: Place, work: Callable[[], object]) -> Callable[[], Sample]:
    runs = _count(place)

    def measure() -> Sample:
        details = _laid(place)
        found = batch(work, runs)
        return Sample(value=found.value, cpu=found.cpu, details=details)

    return measure


def _laid(place: Place) -> Mapping[str, float]:
    """Bring the page cache into the state that the case is about."""
    if place.arguments.get("cold"):
        return forget([root_of(place)])
    if place.arguments.get("warmed"):
        _read_all(Layout(root_of(place)))
    return {}


@contextmanager
def peak(place: Place) -> Measure:
    """MiB that the command in `argv` has resident at most, whichever of its processes has most."""
    environment = user_environment(RUNLORE_ROOT=root_of(place))
    argv = [place.runlore, *str(place.arguments["argv"]).split()]

    def measure() -> Sample:
        wall, usage = ended(argv, environment)
        return Sample(value=usage.ru_maxrss / 1024, details={"s": wall})

    yield measure
