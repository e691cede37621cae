"""The packs of a registry: which there are, and where in them a run's history lies. Reads only.

`packs/<YYYY-MM-DD>-<n>.jsonl` holds journals of runs that began on that day, in the order in which they
were packed, so a run is looked for in the packs of the day that its id names. An index beside a pack that
is missing or wrong is made anew in memory; only `pack` writes one.
"""

import os
import re
from collections import OrderedDict
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from msgspec import Struct

from runlore.journal.disk import Disk, read_whole
from runlore.journal.layout import SUFFIX, Layout
from runlore.journal.pack_index import PackedPart, PackIndex, PartFinder
from runlore.journal.values import RunId

INDEX_SUFFIX: Final = ".idx"
_NAME: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})-([1-9][0-9]{0,8})\.jsonl")
_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK
_PIECE: Final = 1 << 20
_MOST_LOADED: Final = 16
"""Indexes kept in memory: runs are mostly asked for in order, and so are their packs."""
_LARGEST_INDEX: Final = 1 << 30


class PackName(Struct, frozen=True, order=True, gc=False):
    """The name of a pack; of one day, the larger number was packed later."""

    day: str
    number: int

    def __str__(self) -> str:
        return f"{self.day}-{self.number}{SUFFIX}"


class Copy(Struct, frozen=True, gc=False):
    """A part of a run's history, and the pack it lies in."""

    path: str
    part: PackedPart


class _Kept:
    """Indexes that outlive the look at one run, by the very file of the pack that each is of."""

    def __init__(self) -> None:
        self._indexes: OrderedDict[tuple[str, int, int], PackIndex] = OrderedDict()

    def index(self, disk: Disk, path: str) -> PackIndex:
        """Return what lies where in a pack.

        Raises:
            OSError: the disk refused.
        """
        pack = disk.stat_path(path)
        key = path, pack.inode, pack.size
        index = self._indexes.pop(key, None) or _loaded(disk, path)
        self._indexes[key] = index
        if len(self._indexes) > _MOST_LOADED:
            self._indexes.popitem(last=False)
        return index


_kept: ContextVar[_Kept | None] = ContextVar("indexes of packs", default=None)


@contextmanager
def indexes_kept() -> Generator[None]:
    """Load the index of a pack once meanwhile, for whoever opens the histories of many runs in order.

    Which packs there are is looked at for each run all the same: others may pack meanwhile.
    """
    before = _kept.set(_kept.get() or _Kept())
    try:
        yield
    finally:
        _kept.reset(before)


def day_of(run_id: RunId) -> str:
    """Return the day in whose packs a run belongs."""
    return f"{run_id[:4]}-{run_id[4:6]}-{run_id[6:8]}"


def parse_name(name: str) -> PackName | None:
    """Return what a file's name says about a pack; None if it names none."""
    found = _NAME.fullmatch(name)
    return PackName(found[1], int(found[2])) if found else None


def pack_names(disk: Disk, layout: Layout, day: str = "") -> list[PackName]:
    """Return the packs there are, of one day or of all, in the order in which they were packed."""
    try:
        names = disk.listdir(layout.packs)
    except FileNotFoundError:
        return []
    if day:
        names = [name for name in names if name.startswith(day)]
    return sorted(pack for name in names if (pack := parse_name(name)))


class Packs:
    """The packs as they were when this was made; what was packed later is not in it."""

    def __init__(self, disk: Disk, layout: Layout, day: str = "") -> None:
        self._disk, self._layout = disk, layout
        self.names: Final = pack_names(disk, layout, day)
        self._by_day: dict[str, list[PackName]] = {}
        for name in self.names:
            self._by_day.setdefault(name.day, []).append(name)
        self._loaded: OrderedDict[PackName, PackIndex] = OrderedDict()

    @classmethod
    def of(cls, disk: Disk, layout: Layout, run_id: RunId) -> "Packs":
        """Return the packs in which a run's history may lie, as they are now."""
        return cls(disk, layout, day_of(run_id))

    def path(self, name: PackName) -> str:
        """Return where a pack lies."""
        return f"{self._layout.packs}/{name}"

    def index(self, name: PackName) -> PackIndex:
        """Return what lies where in a pack.

        Raises:
            OSError: the disk refused.
        """
        if name in self._loaded:
            self._loaded.move_to_end(name)
            return self._loaded[name]
        path, kept = self.path(name), _kept.get()
        index = kept.index(self._disk, path) if kept is not None else _loaded(self._disk, path)
        self._loaded[name] = index
        if len(self._loaded) > _MOST_LOADED:
            self._loaded.popitem(last=False)
        return index

    def copies(self, run_id: RunId) -> list[Copy]:
        """Return every part of a run that is in a pack, oldest pack first, superseded ones too."""
        found: list[Copy] = []
        for name in self._by_day.get(day_of(run_id), ()):
            parts = self.index(name).find(run_id)
            found += [Copy(self.path(name), part) for part in parts]
        return found

    def run_ids(self) -> Iterator[RunId]:
        """Yield the packed runs, some of them several times."""
        for name in self.names:
            yield from self.index(name).run_ids()


def chained(copies: Iterable[Copy], end: int | None = None) -> list[Copy]:
    """Return the copies that make up a history, in order, each beginning where the one before ends.

    Of copies that begin at the same place the one packed last counts. end: the history goes on elsewhere
    from this logical offset, so that what reaches behind it is a copy of what lies there.
    """
    chain: list[Copy] = []
    for copy in copies:
        part = copy.part
        if end is not None and part.end > end:
            continue
        while chain and chain[-1].part.start >= part.start:
            chain.pop()
        if chain and chain[-1].part.end != part.start:
            continue  # it continues a copy that was superseded by another history
        chain.append(copy)
    return chain


def lost_bytes(disk: Disk, layout: Layout, day: str = "") -> Iterator[tuple[str, int, int]]:
    """Yield (pack, first byte, behind the last) of what belongs to no run in a pack, of one day or of all.

    Raises:
        OSError: the disk refused.
    """
    known = Packs(disk, layout, day)
    for name in known.names:
        path, end = known.path(name), 0
        places = sorted((part.at, part.length) for part in known.index(name))
        for at, length in [*places, (disk.stat_path(path).size, 0)]:
            if at > end:
                yield path, end, at
            end = at + length


def _loaded(disk: Disk, path: str) -> PackIndex:
    """Return what lies where in a pack.

    Raises:
        OSError: the disk refused; it says which pack, since all of them are looked at for one run.
    """
    try:
        return load_index(disk, path) or PackIndex.of(find_parts(disk, path).finish())
    except FileNotFoundError:
        raise
    except OSError as error:
        name = path.rpartition("/")[2]
        raise OSError(error.errno, f"{name}: {error.strerror}") from error


def load_index(disk: Disk, path: str) -> PackIndex | None:
    """Return the index that lies beside a pack; None if it is missing, or not the pack's."""
    try:
        size = disk.stat_path(path).size
        data = read_whole(disk, index_path(path), _LARGEST_INDEX)
    except FileNotFoundError:
        return None
    return PackIndex.decode(data, size)


def index_path(path: str) -> str:
    """Return where the index of a pack lies."""
    return path.removesuffix(SUFFIX) + INDEX_SUFFIX


def find_parts(disk: Disk, path: str) -> PartFinder:
    """Return what the bytes of a pack say about what lies where in it.

    Raises:
        OSError: the disk refused.
    """
    fd = disk.open(path, _FLAGS)
    try:
        finder, offset = PartFinder(), 0
        while piece := disk.pread(fd, _PIECE, offset):
            finder.feed(piece)
            offset += len(piece)
    finally:
        disk.close(fd)
    return finder
