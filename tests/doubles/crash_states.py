"""Every picture that a power cut may leave of a file system in memory (after ALICE, OSDI 2014).

A file that was written since its last sync may end anywhere in between: at a byte, a sector or a page,
with NULs up to its new size, or with one sector or page in the middle missing. A change of names that
was not synced is there or not, independently of every other and of the bytes it names.
"""

import itertools
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from tests.doubles.file_system import PAGE, SECTOR, Cut, File, FileSystem, Folder

MOST: Final = 400
"""States of one moment that are enumerated in full; beyond it one thing varies at a time."""


@dataclass(frozen=True)
class Image:
    """What lies on the disk when the machine comes up again."""

    files: dict[str, bytes]
    folders: frozenset[str]

    def boot(self) -> FileSystem:
        """Return a file system that starts from this image."""
        return FileSystem.holding(self.files, self.folders)

    def key(self) -> int:
        """Return a number that tells images apart."""
        return hash((frozenset(self.files.items()), self.folders))


@dataclass
class _Choices:
    """What a crash at this moment may choose: contents of files, changes of names."""

    contents: list[tuple[File, list[bytes]]] = field(default_factory=list)
    names: int = 0

    @property
    def sizes(self) -> list[int]:
        return [len(options) for _, options in self.contents] + [2] * self.names


def crash_images(system: FileSystem, seed: int = 0, most: int = MOST) -> Iterator[Image]:
    """Yield what a power cut at this moment may leave; the same picture may come twice."""
    choices = _Choices([(file, contents(file)) for file in _files(system)], len(system.entries))
    for chosen in _combinations(choices.sizes, random.Random(seed), most):
        split = len(choices.contents)
        picked = zip(choices.contents, chosen[:split], strict=True)
        data = {id(file): options[index] for (file, options), index in picked}
        yield _image(system, data, chosen[split:])


def contents(file: File) -> list[bytes]:
    """Return what a file may hold after a power cut: the synced bytes first, everything last."""
    if not file.changes:
        return [file.durable]
    found: dict[bytes, None] = {file.durable: None}
    base = file.durable
    for change in file.changes:
        whole = bytearray(base)
        if isinstance(change, Cut):
            del whole[change.size :]
            whole += bytes(change.size - len(whole))
            found[bytes(whole)] = None
        else:
            start, end = change.offset, change.offset + len(change.data)
            whole += bytes(max(0, end - len(whole)))
            whole[start:end] = change.data
            found.update(dict.fromkeys(_partial(base, bytes(whole), start, end)))
        base = bytes(whole)
    found |= dict.fromkeys(_partial(file.durable, base, min(len(file.durable), len(base)), len(base)))
    if len(base) < len(file.durable):  # the cut was lost, what was written behind it was not
        found[base + file.durable[len(base) :]] = None
    found.pop(base, None)
    return [*found, base]


def _partial(before: bytes, after: bytes, start: int, end: int) -> Iterator[bytes]:
    """Yield states between `before` and `after`, which differ from `start` to `end`."""
    places = {start, start + 1, (start + end) // 2, end - 1, end}
    for unit in (SECTOR, PAGE):
        places.update(range(-(-start // unit) * unit, end, unit))
    for place in sorted(place for place in places if start <= place <= end):
        yield after[:place] + before[place:] if len(before) > place else after[:place]
        yield after[:place].ljust(len(after), b"\0")
    for unit in (SECTOR, PAGE):
        for first in range(start // unit * unit, end, unit):
            hole = bytearray(after)
            low, high = max(first, start), min(first + unit, end)
            hole[low:high] = before[low:high].ljust(high - low, b"\0")
            yield bytes(hole)


def _files(system: FileSystem) -> list[File]:
    """Return every file a name, durable or not, may lead to after the crash."""
    found: dict[int, File] = {}
    stack: list[Folder] = [system.top]
    known = {id(system.top)}
    while stack:
        folder = stack.pop()
        halves = [half for entry in system.entries for half in entry.halves if half.folder is folder]
        given = [node for half in halves for _, node in half.given]
        for node in [*folder.durable.values(), *folder.seen.values(), *given]:
            if isinstance(node, File):
                found[node.number] = node
            elif id(node) not in known:
                known.add(id(node))
                stack.append(node)
    return [found[number] for number in sorted(found)]


def _combinations(sizes: list[int], rng: random.Random, most: int) -> Iterator[tuple[int, ...]]:
    """Yield choices: all of them if they are few; else one thing at a time, and a random sample."""
    if math.prod(sizes) <= most:
        yield from itertools.product(*map(range, sizes))
        return
    for others in (lambda _size: 0, lambda size: size - 1):
        for place, size in enumerate(sizes):
            rest = [others(each) for each in sizes]
            for index in range(size):
                rest[place] = index
                yield tuple(rest)
    for _ in range(most // 2):
        yield tuple(rng.randrange(size) for size in sizes)


def _image(system: FileSystem, data: dict[int, bytes], applied: tuple[int, ...]) -> Image:
    files: dict[str, bytes] = {}
    folders: set[str] = set()
    taken = [entry for entry, is_taken in zip(system.entries, applied, strict=True) if is_taken]
    chosen = [half for entry in taken for half in entry.halves]
    stack: list[tuple[str, Folder]] = [("", system.top)]
    while stack:
        path, folder = stack.pop()
        names = dict(folder.durable)
        for entry in chosen:
            if entry.folder is folder:
                entry.apply(names)
        for name, node in names.items():
            if isinstance(node, File):
                files[f"{path}/{name}"] = data[id(node)]
            else:
                folders.add(f"{path}/{name}")
                stack.append((f"{path}/{name}", node))
    return Image(files, frozenset(folders))
