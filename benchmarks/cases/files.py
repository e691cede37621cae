"""The files of a case that reads files."""

import glob
import resource

from benchmarks.place import Place


def files_of(place: Place) -> list[str]:
    """Return the files, having seen to it that as many can be open here and below."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return sorted(glob.glob(f"{place.folder}/*.jsonl"))
