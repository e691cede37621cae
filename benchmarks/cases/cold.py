"""Forget what the page cache holds, so that the next read comes from the disk."""

import os
from collections.abc import Iterable, Mapping
from typing import Final

_SWITCH: Final = "/proc/sys/vm/drop_caches"
_PAGES_AND_NAMES: Final = "3\n"


def forget(roots: Iterable[str]) -> Mapping[str, float]:
    """Forget the files below these folders, and return, as details of a sample, how thoroughly.

    The kernel forgets everything, names and inodes too, where that is allowed (root). Elsewhere it is asked
    to forget the contents of each file, and reads are colder than warm, but not as cold as after a boot.
    """
    os.sync()  # only what is on the disk can be forgotten
    try:
        with open(_SWITCH, "w", encoding="ascii") as switch:
            switch.write(_PAGES_AND_NAMES)
    except OSError:
        for root in roots:
            _forget_contents(root)
        return {"names forgotten": 0.0}
    return {"names forgotten": 1.0}


def _forget_contents(root: str) -> None:
    for folder, _, names in os.walk(root):
        for name in names:
            fd = os.open(f"{folder}/{name}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(fd)
