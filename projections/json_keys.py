"""Keys that stand twice in one object of a JSON text: readers differ in which of them counts.

So whoever is to believe a text with one cannot know what was meant. Pure.
"""

from typing import Final

from msgspec import Struct

from runlore.journal.json_parts import Path, parts

_LONGEST: Final = 40


class Repeated(Struct, frozen=True):
    """A key that an object has twice."""

    key: str
    first: int
    """The line where it stands first; lines are counted from 1."""
    second: int

    def told(self, above: int = 0) -> str:
        """Return what is wrong, and what to do; above: lines that stand before the text."""
        where = "twice in one object"
        if self.first != self.second:
            where = f"in this object already, in line {self.first + above}"
        key = self.key[:_LONGEST]
        return f"line {self.second + above}: the key {key!a} stands {where}; leave one of the two"


def repeated_key(data: bytes) -> Repeated | None:
    """Return the first key that stands twice in one object; None if there is none.

    data: known to be JSON in UTF-8. Raises RecursionError: it nests too deep.
    """
    from json import loads  # noqa: PLC0415 - only imports need it

    try:
        loads(data, object_pairs_hook=_once, parse_int=float)
    except _Twice:
        return _placed(data)
    return None


class _Twice(Exception):
    """An object has a key twice."""


def _once(pairs: list[tuple[str, object]]) -> None:
    if len({key for key, _ in pairs}) < len(pairs):
        raise _Twice


def _placed(data: bytes) -> Repeated | None:
    """Return the first such key, and its lines; slower by far than knowing that there is one."""
    seen: dict[Path, int] = {}
    for part in parts(data):
        if not part.is_name:
            continue
        first = seen.setdefault(part.path, part.start)
        if first != part.start:
            return Repeated(str(part.path[-1]), _line(data, first), _line(data, part.start))
    return None


def _line(data: bytes, place: int) -> int:
    return data.count(b"\n", 0, place) + 1
