"""Find registered values in bytes, in every form in which programs print them. Pure.

A match depends on its own bytes alone, never on what stands around it; so a search may begin at any
place between two matches, and a stream that was cut there says the same as a whole one.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from runlore.journal.encodings import forms
from runlore.journal.engines import Engine
from runlore.journal.registration import LONGEST, why_unmasked
from runlore.journal.secret_text import REDACTED

_MARK: Final = REDACTED.encode()
_BREAKS: Final = b" \t\r\n:"
"""What may stand between the characters of a wrapped form."""
_WIDEST_BREAK: Final = 64
_TOO_WIDE: Final = re.compile(rb"[ \t\r\n:]{%d}" % (_WIDEST_BREAK + 1))
_BLOCK: Final = 4096
_LONGEST_SPAN: Final = 64 * 1024
"""A longer row of values becomes several marks, so that no stream holds it for ever."""
_PEM_BORDER: Final = (b"-----BEGIN ", b"-----END ")

Span = tuple[int, int]


class Needles:
    """All forms of some values; immutable."""

    def __init__(self, values: Iterable[bytes], *, plain: bool = False) -> None:
        whole, wrapped = set[bytes](), set[bytes]()
        for part in {part for value in values for part in _parts(value)}:
            known = forms(part)
            whole |= known.whole
            wrapped |= known.wrapped
        self._seams: Final = _Seams(whole)
        if self._seams:
            whole.add(_MARK)
        self._whole: Final = Engine(whole, plain=plain)
        # Where the first character stands alone before a break, the rest is a form of its own.
        self._wrapped: Final = Engine(wrapped | {form[1:] for form in wrapped}, plain=plain)

    def __bool__(self) -> bool:
        return bool(self._whole.longest)

    def spans(self, data: bytes) -> list[Span]:
        """Return where values stand, overlapping and neighbouring ones as one, in order."""
        return [(start, end) for start, end in self.marked(data) if data[start:end] != _MARK]

    def marked(self, data: bytes) -> list[Span]:
        """Return the spans of values and of marks that touch them, when nothing follows the data."""
        return self._seams.closed(data, _merged(data, self._matches(data)))

    def settled(self, data: bytes) -> tuple[list[Span], int]:
        """Return the spans that nothing which may follow can change, and how far that is known."""
        matches = self._matches(data)
        known = min(self._unfinished(data), len(data))
        known = self._seams.held_before(data, known)
        spans = self._seams.closed(data, _merged(data, (match for match in matches if match[0] < known)))
        if spans and spans[-1][1] >= known:
            known = spans.pop()[0]
        while spans and self._seams.may_reach(data, spans[-1][1], known):
            known = spans.pop()[0]
        return spans, known

    def _matches(self, data: bytes) -> list[Span]:
        matches = [(at, ends[0]) for at, ends in self._whole.found(data)]
        squeezed = data.translate(None, _BREAKS)
        found = list(self._wrapped.found(squeezed))
        if not found:
            return matches
        places = _Places(data)
        for at, ends in found:
            start = places[at]
            for end in ends:
                span = (start, places[end - 1] + 1)
                if _is_wrapped(data[span[0] : span[1]]):
                    matches.append(span)
                    break
        return sorted(matches, key=lambda span: (span[0], -span[1]))

    def _unfinished(self, data: bytes) -> int:
        """Return the first place from which on the data may be the beginning of a value."""
        first = next(self._whole.unfinished(data), len(data))
        width = 2 * self._wrapped.longest
        while True:
            tail = data[max(0, len(data) - width) :]
            squeezed = tail.translate(None, _BREAKS)
            if len(squeezed) >= self._wrapped.longest or len(tail) == len(data):
                break
            width *= 2
        places = _Places(tail)
        for at in self._wrapped.unfinished(squeezed):
            start = places[at]
            if _is_wrapped(tail[start:]):
                return min(first, len(data) - len(tail) + start)
        return first


def _is_wrapped(piece: bytes) -> bool:
    """Say whether a piece is wrapped as programs do it: two characters in a row first, no wide gaps."""
    return piece[1:2] not in _LONE and not _TOO_WIDE.search(piece)


_LONE: Final = frozenset(bytes((byte,)) for byte in _BREAKS)


def _parts(value: bytes) -> Iterator[bytes]:
    """Yield the value without the blanks around it, and each of its lines that is long enough."""
    core = value.strip()
    if why_unmasked(core):
        return
    if len(core) <= LONGEST:
        yield core
    if b"\n" in core:
        for line in core.splitlines():
            part = line.strip()
            if not why_unmasked(part) and not part.startswith(_PEM_BORDER):
                yield part


def _merged(data: bytes, matches: Iterable[Span]) -> list[Span]:
    """Return the spans covered by matches, which come sorted by their start, the longest first."""
    spans: list[Span] = []
    for start, end in matches:
        if not spans or not _touch(data, spans[-1], (start, end)):
            spans.append((start, end))
        elif end > spans[-1][1]:
            first = spans[-1][0]
            if start - first >= _LONGEST_SPAN:  # what began before it ends in it
                spans[-1] = (first, start)
                spans.append((start, end))
            else:
                spans[-1] = (first, end)
    return spans


def _touch(data: bytes, span: Span, after: Span) -> bool:
    """Say whether two spans are one: they overlap, or are neighbours of which none is a mark already."""
    (start, end), (begin, stop) = span, after
    return begin < end or (begin == end and _MARK not in {data[start:end], data[begin:stop]})


class _Places:
    """Where the characters of squeezed data stood in the data."""

    def __init__(self, data: bytes) -> None:
        self._data: Final = data
        self._blocks: dict[int, list[int]] = {}
        self._counts: Final = [0]
        for start in range(0, len(data), _BLOCK):
            kept = data[start : start + _BLOCK].translate(None, _BREAKS)
            self._counts.append(self._counts[-1] + len(kept))

    def __getitem__(self, place: int) -> int:
        block = bisect_right(self._counts, place) - 1
        if block not in self._blocks:
            start = block * _BLOCK
            piece = self._data[start : start + _BLOCK]
            self._blocks[block] = [start + at for at, byte in enumerate(piece) if byte not in _BREAKS]
        return self._blocks[block][place - self._counts[block]]


class _Seams:
    """What keeps redacting twice the same as once where a value begins or ends like the mark itself.

    A mark put next to the rest of such a value would make one of it; the rest then becomes a part of
    the span. Hardly any value is like that; without one, nothing is done here.
    """

    def __init__(self, needles: Iterable[bytes]) -> None:
        before, after, between = set[bytes](), set[bytes](), set[bytes]()
        for needle in needles:
            heads = [size for size in range(1, len(_MARK)) if needle.endswith(_MARK[:size])]
            tails = [size for size in range(1, len(_MARK)) if needle.startswith(_MARK[-size:])]
            before.update(needle[:-size] for size in heads)
            after.update(needle[size:] for size in tails)
            between.update(
                needle[tail:-head] for head in heads for tail in tails if head + tail < len(needle)
            )
        self._before: Final = tuple(before)
        self._after: Final = tuple(after)
        self._between: Final = between

    def __bool__(self) -> bool:
        return bool(self._before or self._after)

    def closed(self, data: bytes, spans: list[Span]) -> list[Span]:
        """Return the spans with what they would complete."""
        if not self or not spans:
            return spans
        while True:
            wider = _joined(self._widened(data, spans), data, self._between)
            if wider == spans:
                return spans
            spans = wider

    def _widened(self, data: bytes, spans: Sequence[Span]) -> Iterator[Span]:
        done = 0
        for at, (start, end) in enumerate(spans):
            limit = spans[at + 1][0] if at + 1 < len(spans) else len(data)
            starts = [start - len(rest) for rest in self._before if data.endswith(rest, done, start)]
            ends = [end + len(rest) for rest in self._after if data.startswith(rest, end, limit)]
            done = max([end, *ends])
            yield min([start, *starts]), done

    def held_before(self, data: bytes, known: int) -> int:
        """Return how far it is known that no span begins which would take more with it."""
        while rest := max((len(rest) for rest in self._before if data.endswith(rest, 0, known)), default=0):
            known -= rest
        return known

    def may_reach(self, data: bytes, end: int, known: int) -> bool:
        """Say whether a span that ends here may yet take in what follows it, up to `known` and beyond."""
        if not self:
            return False
        rest = data[end:]
        begun = any(len(rest) < len(each) and each.startswith(rest) for each in self._after)
        gap = data[end:known]
        return begun or (gap != b"" and any(each.startswith(gap) for each in self._between))


def _joined(spans: Iterable[Span], data: bytes, between: set[bytes]) -> list[Span]:
    joined: list[Span] = []
    for start, end in spans:
        before = joined[-1] if joined else (0, 0)
        is_one = _touch(data, before, (start, end)) and end - before[0] < _LONGEST_SPAN
        if joined and (is_one or start < before[1] or data[before[1] : start] in between):
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
