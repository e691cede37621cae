"""A run with large outputs goes out into a bundle, and comes in elsewhere; the unit is one byte of them."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import contextmanager
from typing import Final

from benchmarks.cases.clocks import ended, user_environment
from benchmarks.place import Measure, Place, Sample

_FILES: Final = 16


@contextmanager
def export(place: Place) -> Measure:
    """`runlore export`: every byte compared with its digest, hashed for the list, and synced."""
    root, size = _filled(place)
    bundle = f"{place.folder}/runs.tar"
    argv = [place.runlore, "export", "latest", "-q", "--force", "-o", bundle]
    yield lambda: _timed(argv, size, RUNLORE_ROOT=root)


@contextmanager
def into(place: Place) -> Measure:
    """`runlore import` into an empty registry, which is made anew before each round."""
    root, size = _filled(place)
    bundle, other = f"{place.folder}/runs.tar", f"{place.folder}/other"
    _timed([place.runlore, "export", "latest", "-q", "-o", bundle], size, RUNLORE_ROOT=root)

    def measure() -> Sample:
        shutil.rmtree(other, ignore_errors=True)
        subprocess.run(["/bin/sync", "-f", place.folder], check=False)
        return _timed([place.runlore, "import", "-q", bundle], size, RUNLORE_ROOT=other)

    yield measure


@contextmanager
def shell(place: Place) -> Measure:
    """What `script` does with the same files; DIR is the run's folder, OUT a name that is free."""
    root, size = _filled(place)
    out = f"{place.folder}/out"
    script = str(place.arguments["script"]).replace("DIR", f"{root}/runs").replace("OUT", out)

    def measure() -> Sample:
        subprocess.run(["/bin/rm", "-rf", out], check=True)
        subprocess.run(["/bin/sync", "-f", place.folder], check=False)
        return _timed(["/bin/sh", "-c", script], size)

    yield measure


def _timed(argv: Sequence[str], size: int, **variables: str) -> Sample:
    wall, usage = ended(argv, user_environment(**variables))
    cpu = usage.ru_utime + usage.ru_stime
    return Sample(value=wall / size, cpu=cpu / size, details={"MiB at most": usage.ru_maxrss / 1024})


def _filled(place: Place) -> tuple[str, int]:
    """Return a registry with one run that has stored random bytes, and how many."""
    root, size = f"{place.folder}/registry", place.pick(128 << 20, 4 << 30)
    each = size // _FILES
    script = f"for n in $(seq {_FILES}); do head -c {each} /dev/urandom > big$n; done"
    work = f"{place.folder}/work"
    os.makedirs(work)
    argv = [place.runlore, "run", "-q", "--cwd", work, "--artifact", "big*", "sh", "-c", script]
    _timed(argv, size, RUNLORE_ROOT=root)
    shutil.rmtree(work)
    return root, each * _FILES
