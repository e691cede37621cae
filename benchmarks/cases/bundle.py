"""A run with large outputs goes out into a bundle, and comes in elsewhere; a time is that of one byte."""

import os
import shutil
import subprocess
from contextlib import contextmanager
from resource import struct_rusage
from typing import Final

from benchmarks.cases.clocks import ended, user_environment
from benchmarks.place import Measure, Place, Sample

_FILES: Final = 16
_SIZES: Final = (128 << 20, 4 << 30)
"""Bytes, quick and full, where the time of each is asked for."""

_Ended = tuple[float, struct_rusage]


@contextmanager
def export(place: Place) -> Measure:
    """`runlore export`: every byte compared with its digest, hashed for the list, and synced."""
    root, size = _filled(place, place.pick(*_SIZES))
    yield lambda: _per_byte(_exported(place, root), size)


@contextmanager
def into(place: Place) -> Measure:
    """`runlore import` into an empty registry, which is made anew before each round."""
    size = _only_bundled(place, place.pick(*_SIZES))
    yield lambda: _per_byte(_imported(place), size)


@contextmanager
def export_peak(place: Place) -> Measure:
    """The most MiB that `runlore export` of so many `bytes` had resident."""
    root, _ = _filled(place, int(place.arguments["bytes"]))
    yield lambda: _peak(_exported(place, root))


@contextmanager
def import_peak(place: Place) -> Measure:
    """The most MiB that `runlore import` of so many `bytes` had resident."""
    _only_bundled(place, int(place.arguments["bytes"]))
    yield lambda: _peak(_imported(place))


@contextmanager
def shell(place: Place) -> Measure:
    """What `script` does with the same files; DIR is the run's folder, OUT a name that is free."""
    root, size = _filled(place, place.pick(*_SIZES))
    out = f"{place.folder}/out"
    script = str(place.arguments["script"]).replace("DIR", f"{root}/runs").replace("OUT", out)

    def measure() -> Sample:
        subprocess.run(["/bin/rm", "-rf", out], check=True)
        subprocess.run(["/bin/sync", "-f", place.folder], check=False)
        return _per_byte(ended(["/bin/sh", "-c", script], user_environment()), size)

    yield measure


def _exported(place: Place, root: str) -> _Ended:
    argv = [place.runlore, "export", "latest", "-q", "--force", "-o", _bundle(place)]
    return ended(argv, user_environment(RUNLORE_ROOT=root))


def _imported(place: Place) -> _Ended:
    other = f"{place.folder}/other"
    shutil.rmtree(other, ignore_errors=True)
    subprocess.run(["/bin/sync", "-f", place.folder], check=False)
    return ended([place.runlore, "import", "-q", _bundle(place)], user_environment(RUNLORE_ROOT=other))


def _bundle(place: Place) -> str:
    return f"{place.folder}/runs.tar"


def _per_byte(measured: _Ended, size: int) -> Sample:
    wall, usage = measured
    cpu = usage.ru_utime + usage.ru_stime
    return Sample(value=wall / size, cpu=cpu / size, details={"MiB at most": usage.ru_maxrss / 1024})


def _peak(measured: _Ended) -> Sample:
    wall, usage = measured
    return Sample(value=usage.ru_maxrss / 1024, details={"seconds": wall})


def _only_bundled(place: Place, size: int) -> int:
    """Make a bundle of such a registry, which is not kept; return how many bytes were stored."""
    root, size = _filled(place, size)
    _exported(place, root)
    shutil.rmtree(root)
    return size


def _filled(place: Place, size: int) -> tuple[str, int]:
    """Return a registry with one run that has stored so many random bytes, and how many fitted."""
    root = f"{place.folder}/registry"
    each = size // _FILES
    script = f"for n in $(seq {_FILES}); do head -c {each} /dev/urandom > big$n; done"
    work = f"{place.folder}/work"
    os.makedirs(work)
    argv = [place.runlore, "run", "-q", "--cwd", work, "--artifact", "big*", "sh", "-c", script]
    ended(argv, user_environment(RUNLORE_ROOT=root))
    shutil.rmtree(work)
    return root, each * _FILES
