"""Find needles in bytes: with RE2 where it is installed, in plain Python otherwise; the same answer. Pure."""

from __future__ import annotations

from bisect import bisect_left
from importlib import import_module
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    Search = Callable[[bytes], Iterable[int]]
    """Returns where a needle may begin, in order."""

_MEMORY: Final = 256 << 20
"""Bytes that RE2 may use; it takes what it needs, and would become slow without."""
_HEAD: Final = 6
"""Bytes by which needles are grouped; none is shorter."""
_LONG_HEAD: Final = 12
"""Bytes that RE2 looks for; more would cost memory, fewer would be found too often."""
_GATES: Final = (b"\\", b"%", b"&", b"\0")
"""Bytes of many forms and of little output; where one is missing, its forms need no search."""


class Found(Protocol):
    """What a pattern of RE2 found, as far as it is used here."""

    def start(self) -> int: ...

    def end(self) -> int: ...


class Compiled(Protocol):
    """A pattern of RE2, as far as it is used here."""

    def search(self, text: bytes, pos: int = ..., endpos: int = ...) -> Found | None: ...

    def finditer(self, text: bytes, pos: int = ..., endpos: int = ...) -> Iterator[Found]: ...


def has_re2() -> bool:
    """Say whether RE2 can be used; it is an optional extra, and 10 ms that only secrets need."""
    try:
        import_module("re2")
    except ImportError:
        return False
    return True


def re2_pattern(pattern: bytes, *, utf8: bool = False) -> Compiled | None:
    """Return the pattern, compiled by RE2; None where that is not installed or the pattern is too large.

    utf8: a dot is a character, not a byte.

    Raises:
        ValueError: RE2 is there, and the pattern is none.
    """
    if not has_re2():
        return None
    re2 = import_module("re2")
    options = re2.Options()
    options.encoding = re2.Options.Encoding.UTF8 if utf8 else re2.Options.Encoding.LATIN1
    options.max_mem = _MEMORY
    options.log_errors = False
    try:
        compiled: Compiled = re2.compile(pattern, options)
    except re2.error as error:
        said: object = error.args[0] if error.args else ""
        reason = said.decode("utf-8", "replace") if isinstance(said, bytes) else f"{said}"
        if "too large" in reason:
            return None
        raise ValueError(reason) from None
    return compiled


class Engine:
    """Finds where needles stand; `plain` does without RE2."""

    def __init__(self, needles: Collection[bytes], *, plain: bool = False) -> None:
        self._sorted: Final = sorted(needles)
        self.longest: Final = max(map(len, self._sorted), default=0)
        """Bytes of the longest needle."""
        self._plain: Final = plain
        self._search: Search | None = None
        self._starts: Final = {needle[:2] for needle in self._sorted}
        self._firsts: Final = {needle[:1] for needle in self._sorted}
        self._groups: Final[dict[bytes, list[bytes]]] = {}
        for needle in sorted(self._sorted, key=len, reverse=True):
            self._groups.setdefault(needle[:_HEAD], []).append(needle)

    def found(self, data: bytes) -> Iterator[tuple[int, list[int]]]:
        """Yield each place where a needle begins, in order, and where those ones end, longest first."""
        if not self._sorted:
            return
        if self._search is None:
            self._search = (None if self._plain else self._by_re2()) or self._by_find()
        for at in self._search(data):
            group = self._groups.get(data[at : at + _HEAD], ())
            ends = [at + len(needle) for needle in group if data.startswith(needle, at)]
            if ends:
                yield at, ends

    def unfinished(self, data: bytes) -> Iterator[int]:
        """Yield each place from which on the data is the beginning of a needle that is longer."""
        begin, end = max(0, len(data) - self.longest + 1), len(data)
        for at in range(begin, end - 1):
            if data[at : at + 2] in self._starts and self._is_begun(data[at:]):
                yield at
        if begin < end and data[end - 1 :] in self._firsts:
            yield end - 1

    def _is_begun(self, rest: bytes) -> bool:
        at = bisect_left(self._sorted, rest)
        if at < len(self._sorted) and self._sorted[at] == rest:
            at += 1
        return at < len(self._sorted) and self._sorted[at].startswith(rest)

    def _by_re2(self) -> Search | None:
        heads = sorted({needle[:_LONG_HEAD] for needle in self._sorted})
        pattern = re2_pattern(b"|".join(map(_quoted, heads)))
        return None if pattern is None else lambda data: _places(pattern, data)

    def _by_find(self) -> Search:
        heads = [_common(group) for group in self._groups.values()]
        gated = [(head, next((gate for gate in _GATES if gate in head), b"")) for head in heads]
        return lambda data: _places_of_all(gated, data)


def _places(pattern: Compiled, data: bytes) -> Iterator[int]:
    found = pattern.search(data, 0)
    while found:
        at = found.start()
        yield at
        found = pattern.search(data, at + 1)


def _places_of_all(heads: Sequence[tuple[bytes, bytes]], data: bytes) -> list[int]:
    absent = {gate for gate in _GATES if gate not in data}
    places = set[int]()
    for head, gate in heads:
        if gate in absent:
            continue
        at = data.find(head)
        while at >= 0:
            places.add(at)
            at = data.find(head, at + 1)
    return sorted(places)


def _common(needles: Sequence[bytes]) -> bytes:
    """Return what all of them begin with."""
    first, last = min(needles), max(needles)
    return first[: next((at for at, byte in enumerate(first) if last[at] != byte), len(first))]


def _quoted(data: bytes) -> bytes:
    """Return the pattern that matches just these bytes."""
    return b"".join(b"\\x%02x" % byte for byte in data)
