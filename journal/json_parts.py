"""The parts of a JSON text and where they stand, so that text can be overwritten without moving a byte.

For texts that are known to be JSON; nothing is judged here. Pure.
"""

import re
from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Struct

Path = tuple[str | int, ...]
_TOKEN: Final = re.compile(rb'[{}\[\],:]|"(?:[^"\\]|\\.)*"|[^\s{}\[\],:"]+', re.DOTALL)
_UNIT: Final = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.", re.DOTALL
)
"""An escape, which stands for one character."""
_CONTINUES: Final = range(0x80, 0xC0)
"""Bytes of UTF-8 that go on with a character."""


class Part(Struct, frozen=True, gc=False):
    """A name of a member, or a value that is neither object nor array."""

    start: int
    end: int
    path: Path
    """Names and places that lead to it from the outside."""
    is_name: bool
    is_text: bool
    """It stands in quotes; `start` and `end` are inside them."""


class _Frame(Struct):
    """An object or array that is open."""

    is_object: bool
    at: str | int
    awaits_name: bool = False


def parts(data: bytes) -> Iterator[Part]:
    """Yield names and values in the order in which they stand."""
    open_: list[_Frame] = []
    for found in _TOKEN.finditer(data):
        mark = data[found.start()]
        frame = open_[-1] if open_ else None
        if mark in b"{[":
            open_.append(_Frame(mark == ord("{"), "" if mark == ord("{") else 0, mark == ord("{")))
        elif mark in b"}]":
            open_.pop()
        elif mark == ord(","):
            assert frame is not None  # noqa: S101 - JSON has no comma outside
            frame.awaits_name = frame.is_object
            frame.at = frame.at + 1 if isinstance(frame.at, int) else frame.at
        elif mark == ord(":"):
            assert frame is not None  # noqa: S101 - JSON has no colon outside
            frame.awaits_name = False
        else:
            is_name = frame is not None and frame.awaits_name
            if frame is not None and is_name:
                frame.at = msgspec.json.decode(found.group(), type=str)
            yield _part(found, tuple(each.at for each in open_), is_name=is_name)


def _part(found: re.Match[bytes], path: Path, *, is_name: bool) -> Part:
    start, end = found.span()
    if found.group().startswith(b'"'):
        return Part(start + 1, end - 1, path, is_name, is_text=True)
    return Part(start, end, path, is_name, is_text=False)


class Unescaped:
    """What a text inside quotes stands for, in UTF-8, and where each byte of that comes from.

    raw: the bytes between the quotes.
    """

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._escapes: list[tuple[int, int, int, int]] = []
        """Of each escape its start and end in the raw text, and those of what it stands for."""
        kept: list[bytes] = []
        at = length = 0
        for found in _UNIT.finditer(raw) if b"\\" in raw else ():
            start, end = found.span()
            meant = msgspec.json.decode(b'"' + found.group() + b'"', type=str).encode()
            begins = length + start - at
            length = begins + len(meant)
            self._escapes.append((start, end, begins, length))
            kept += (raw[at:start], meant)
            at = end
        kept.append(raw[at:])
        self.data: Final = b"".join(kept)

    def raw_span(self, start: int, end: int) -> tuple[int, int]:
        """Return the raw bytes behind a span of `data`, no character of them cut."""
        return self.whole(self._raw_place(start), self._raw_place(end - 1) + 1)

    def whole(self, start: int, end: int) -> tuple[int, int]:
        """Return a raw span, made longer until it cuts neither an escape nor a character."""
        for first, behind, _, _ in self._escapes:
            if first < start < behind:
                start = first
            if first < end < behind:
                end = behind
        while start > 0 and self._raw[start] in _CONTINUES:
            start -= 1
        while end < len(self._raw) and self._raw[end] in _CONTINUES:
            end += 1
        return start, end

    def _raw_place(self, place: int) -> int:
        """Return where a byte of `data` begins in the raw text; inside an escape, where that begins."""
        shift = 0
        for start, end, begins, behind in self._escapes:
            if place < begins:
                break
            if place < behind:
                return start
            shift = end - behind
        return place + shift
