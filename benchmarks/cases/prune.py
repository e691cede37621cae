"""Remove the outputs of thousands of runs that ended long ago; the unit is one run."""

import os
import shutil
import subprocess
from contextlib import contextmanager
from typing import Final

from benchmarks.cases.clocks import command, user_environment
from benchmarks.place import Measure, Place, Sample

_RULES: Final = '[retention]\nkeep = "30d"\n'
_FILES: Final = {"owner.lock": 0, "tree.lock": 0, "exit": 512, "transcript": 18_231, "transcript.index": 64}
"""What a run leaves beside its one output, in bytes."""
_OUTPUT: Final = 40_000
_OLD_S: Final = 1_767_225_600
"""When every file was written last: 2026-01-01."""


@contextmanager
def plan(place: Place) -> Measure:
    """`runlore prune`: a verdict about each run, nothing changed."""
    root, runs = _filled(place)
    environment = user_environment(RUNLORE_ROOT=root)

    def measure() -> Sample:
        return command([place.runlore, "prune", "-q"], environment).scaled(1 / runs)

    yield measure


@contextmanager
def apply(place: Place) -> Measure:
    """`runlore prune --apply`, with the words in `how`; the registry is made anew before each round."""
    root, runs = _filled(place)
    words = str(place.arguments["how"]).split()
    environment = user_environment(RUNLORE_ROOT=root)

    def measure() -> Sample:
        nonlocal root
        if len(os.listdir(f"{root}/runs")) != runs:
            shutil.rmtree(root)
            _fill(place, root)
        sample = command([place.runlore, "prune", "-q", *words], environment).scaled(1 / runs)
        if os.listdir(f"{root}/runs"):
            raise RuntimeError("some runs are still in their place")
        return sample

    yield measure


@contextmanager
def remove(place: Place) -> Measure:
    """`rm -rf` of the same folders: nothing looked at, nothing recorded, nothing synced."""
    root, runs = _filled(place)

    def measure() -> Sample:
        if not os.path.isdir(f"{root}/runs"):
            shutil.rmtree(root)
            _fill(place, root)
        return command(["/bin/rm", "-rf", f"{root}/runs"], user_environment()).scaled(1 / runs)

    yield measure


@contextmanager
def look(place: Place) -> Measure:
    """`du -s` of the same folders: every file looked at once."""
    root, runs = _filled(place)
    argv = [shutil.which("du") or "/usr/bin/du", "-s", f"{root}/runs"]
    yield lambda: command(argv, user_environment()).scaled(1 / runs)


def _filled(place: Place) -> tuple[str, int]:
    root = f"{place.folder}/registry"
    return root, _fill(place, root)


def _fill(place: Place, root: str) -> int:
    """Make a registry of the corpus's journals, and for each the folder of a run; return how many."""
    shutil.copytree(place.corpora[str(place.arguments[place.size])], root)
    with open(f"{root}/config.toml", "w", encoding="utf-8") as file:
        file.write(_RULES)
    names = [
        name.removesuffix(".jsonl") for name in os.listdir(f"{root}/journals") if name.endswith(".jsonl")
    ]
    for name in names:
        folder = f"{root}/runs/{name}"
        os.makedirs(f"{folder}/artifacts")
        for path, size in {**_FILES, "artifacts/model": _OUTPUT}.items():
            with open(f"{folder}/{path}", "wb") as file:
                file.write(bytes(size))
            os.utime(f"{folder}/{path}", (_OLD_S, _OLD_S))
    # what was made here is not to be synced by the round
    subprocess.run(["/bin/sync", "-f", root], check=False)
    return len(names)
