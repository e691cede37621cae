"""Look for declared outputs below a folder: every name is looked at once, from the folder before it.

What is found is a candidate, nothing of it opened yet. Links are never followed, and whatever a pattern
means that is no plain file is told, not passed over.
"""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from msgspec import Struct

from runlore.projections.globs import DEEPEST, Place
from runlore.runtimes.beneath import FOLDER, open_beneath

Group = tuple[str, Place]
"""A kind, and what is meant by it."""


class Candidate(Struct, frozen=True):
    """A plain file that is declared; open it from `folder` while it is the newest candidate."""

    folder: int
    name: str
    path: str
    kind: str
    size: int
    links: int


class Refused(Struct, frozen=True):
    """What is declared and cannot be an output."""

    path: str
    kind: str
    reason: str
    size: int = 0
    failed: bool = False
    """It should have been one; as opposed to: by rule it is none."""


Found = Candidate | Refused


def find(
    folder: int, groups: Sequence[Group], *, avoid: frozenset[tuple[int, int]] = frozenset()
) -> Iterator[Found]:
    """Yield what is declared below the open folder, in the order of names.

    groups: of several that mean a file the first one says its kind. avoid: (device, inode) of folders
    that are not looked into.
    """
    yield from _Walk(avoid).below(folder, "", tuple(groups))


def open_candidate(found: Candidate) -> int:
    """Return a descriptor of the file, if it is still a plain one of a single name.

    Raises:
        Unfit: it is something else by now. OSError: it cannot be opened.
    """
    fd = open_beneath(found.folder, found.name)
    try:
        now = os.fstat(fd)
        if why := unfit(now):
            raise Unfit(why)
    except BaseException:
        os.close(fd)
        raise
    return fd


class Unfit(Exception):
    """What stands at a path is no file that can be an output."""


def unfit(found: os.stat_result) -> str:
    """Return why a file can be no output; nothing if it can."""
    for is_it, what in _SPECIAL:
        if is_it(found.st_mode):
            return what
    if found.st_nlink > 1:
        return f"a hard link: the same file has {found.st_nlink - 1} other names, perhaps outside"
    return ""


_SPECIAL: Final[tuple[tuple[Callable[[int], bool], str], ...]] = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class _Walk:
    def __init__(self, avoid: frozenset[tuple[int, int]]) -> None:
        self._avoid = avoid

    def below(self, folder: int, prefix: str, groups: tuple[Group, ...]) -> Iterator[Found]:
        try:
            names = _names(folder, groups)
        except OSError as error:
            yield _unread(prefix.rstrip("/"), groups[0][0], error)
            return
        for name in names:
            path = f"{prefix}{name}"
            try:
                there = os.stat(name, dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError:
                continue  # it was not there, or has vanished
            except OSError as error:
                if kind := _kind(groups, name):
                    yield _unread(path, kind, error)
                continue
            if stat.S_ISDIR(there.st_mode):
                if deeper := _entered(groups, name):
                    yield from self._enter(folder, path, deeper, (there.st_dev, there.st_ino))
            else:
                yield from _here(folder, name, path, groups, there)

    def _enter(
        self, above: int, path: str, groups: tuple[Group, ...], identity: tuple[int, int]
    ) -> Iterator[Found]:
        kind = groups[0][0]
        if identity in self._avoid:
            yield Refused(path, kind, "the registry's own folder")
            return
        if path.count("/") + 1 >= DEEPEST:
            yield Refused(path, kind, f"it lies deeper than {DEEPEST} folders")
            return
        try:
            folder = os.open(path.rpartition("/")[2], FOLDER, dir_fd=above)
        except FileNotFoundError:
            return
        except OSError as error:
            yield _unread(path, kind, error)
            return
        try:
            yield from self.below(folder, f"{path}/", groups)
        finally:
            os.close(folder)


def _names(folder: int, groups: tuple[Group, ...]) -> list[str]:
    """Return the names to look at; where only certain ones can be meant, the folder is not listed."""
    wanted: set[str] = set()
    for _, place in groups:
        names = place.next_names()
        if names is None:
            return sorted(os.listdir(folder))
        wanted |= names
    return sorted(wanted)


def _entered(groups: tuple[Group, ...], name: str) -> tuple[Group, ...]:
    entered = ((kind, place.enter(name)) for kind, place in groups)
    return tuple((kind, place) for kind, place in entered if place is not None)


def _kind(groups: tuple[Group, ...], name: str) -> str:
    """Return the kind of a file of that name; empty if none is meant."""
    return next((kind for kind, place in groups if place.selects(name)), "")


def _here(
    folder: int, name: str, path: str, groups: tuple[Group, ...], there: os.stat_result
) -> Iterator[Found]:
    kind = _kind(groups, name)
    if not kind and stat.S_ISLNK(there.st_mode):  # what it leads to might be a folder that is meant
        deeper = _entered(groups, name)
        kind = deeper[0][0] if deeper else ""
    if not kind:
        return
    if why := unfit(there):
        yield Refused(path, kind, why, there.st_size)
    else:
        yield Candidate(folder, name, path, kind, there.st_size, there.st_nlink)


def _unread(path: str, kind: str, error: OSError) -> Refused:
    reason = os.strerror(error.errno) if error.errno else str(error)
    return Refused(path, kind, reason, failed=True)
