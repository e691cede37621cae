"""A large output into a transcript, against the same bytes into a file."""

import glob
import json
import os
import time
from contextlib import contextmanager

from benchmarks.cases.clocks import command, quietly, user_environment
from benchmarks.place import Measure, Place, Sample


def _text(place: Place) -> tuple[str, int]:
    """Return the file that is the output, and its size."""
    path = f"{place.corpora[str(place.arguments[place.size])]}/text"
    return path, os.path.getsize(path)


@contextmanager
def ours(place: Place) -> Measure:
    """`runlore run -d -- cat FILE`, from its start until `runlore wait` says that it ended."""
    path, size = _text(place)
    environment = user_environment(RUNLORE_ROOT=f"{place.folder}/root")

    def measure() -> Sample:
        start = time.perf_counter()
        run_id = quietly([place.runlore, "run", "-d", "--", "cat", path], environment).split()[-1]
        quietly([place.runlore, "wait", run_id], environment)
        wall = time.perf_counter() - start
        shown = json.loads(quietly([place.runlore, "show", run_id, "--json"], environment))
        if shown["transcript"]["bytes"] != size or shown["transcript"]["dropped"]:
            raise RuntimeError(f"the transcript has {shown['transcript']} of {size} bytes")
        _discard(f"{place.folder}/root/runs/*/transcript*")
        return Sample(value=wall / size * 1e6)

    yield measure


@contextmanager
def shell(place: Place) -> Measure:
    """The shell line that `script` names, with FILE and OUT in place."""
    path, size = _text(place)
    line = str(place.arguments["script"]).replace("FILE", path).replace("OUT", f"{place.folder}/out")
    environment = user_environment()

    def measure() -> Sample:
        sample = command(["/bin/sh", "-c", line], environment).scaled(1e6 / size)
        _discard(f"{place.folder}/out")
        return Sample(value=sample.value)

    yield measure


def _discard(pattern: str) -> None:
    """Remove what was written and let the disk come to rest, so that the next case does not wait for it."""
    for path in glob.glob(pattern):
        os.truncate(path, 0)
    os.sync()
