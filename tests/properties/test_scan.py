"""The scan: how bytes arrive never shows in what is found, and every cut leaves what stood before it."""

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runlore.journal import codec
from runlore.journal.scan import Record, Scanner, Tail, Verdict, next_record
from runlore.journal.values import RunId
from tests import proof
from tests.journal.forge import Forge
from tests.properties.histories import journals
from tests.properties.odd_lines import odd_journals

pytestmark = pytest.mark.timeout(3600 if proof.SIZE == "full" else 300)
"""A busy machine may take a minute for what is only work for the processor."""
Found = tuple[list[Record], Tail, Verdict]
JUNK = (b"\0" * 40, b"\n", b"x", b"{}\n", b"\r", b"\xff")


def _found(run_id: RunId, parts: Iterable[bytes], *, check_chain: bool) -> Found:
    scanner = Scanner(Tail.empty(run_id), check_chain=check_chain)
    records = [record for part in parts for record in scanner.feed(part)]
    return records, scanner.tail, scanner.verdict()


def _cut(draw: st.DrawFn, data: bytes) -> list[bytes]:
    near_lines = [at + d for at, byte in enumerate(data) if byte == 10 for d in (0, 1, 2)]
    places = st.integers(0, len(data)) | st.sampled_from([0, *near_lines])
    cuts = sorted({0, len(data), *(min(at, len(data)) for at in draw(st.lists(places, max_size=12)))})
    return [data[start:end] for start, end in pairwise(cuts)]


@st.composite
def whole_or_hurt(draw: st.DrawFn) -> tuple[Forge, bytes, list[bytes]]:
    """Draw a journal, its bytes with up to three wounds, and those bytes in pieces."""
    forge = draw(journals(max_events=6) | odd_journals())
    data = forge.data
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        end = min(len(data), at + draw(st.integers(0, 300)))
        data = data[:at] + draw(st.sampled_from((b"", *JUNK, *forge.lines))) + data[end:]
    return forge, data, _cut(draw, data)


@pytest.mark.parametrize("check_chain", [True, False])
def test_the_scan_does_not_depend_on_the_pieces(check_chain: bool, sized: Callable[[int, int], int]) -> None:
    """Whole or hurt, at once or byte by byte: the same records, the same tail, the same verdict."""
    counts: Counter[str] = Counter()

    @settings(max_examples=sized(300, 20_000))
    @given(whole_or_hurt())
    def each(drawn: tuple[Forge, bytes, list[bytes]]) -> None:
        forge, data, parts = drawn
        at_once = _found(forge.run_id, [data], check_chain=check_chain)

        assert _found(forge.run_id, parts, check_chain=check_chain) == at_once
        counts.update({"journals": 1, "pieces": len(parts), at_once[2].state: 1})

    each()
    name = f"scan in pieces, {'with' if check_chain else 'without'} the chain"
    proof.record(name, "what a scan finds does not depend on how the bytes arrive", counts)


def test_the_longest_line_is_the_same_in_any_pieces(
    monkeypatch: pytest.MonkeyPatch, sized: Callable[[int, int], int]
) -> None:
    """Around the limit of a line, the verdict does not depend on when the newline arrived."""
    counts: Counter[str] = Counter()
    monkeypatch.setattr(codec, "MAX_LINE", 300)

    @settings(max_examples=sized(500, 20_000))
    @given(st.data(), st.integers(0, 3), st.integers(-3, 3) | st.integers(0, 700), st.booleans())
    def each(data: st.DataObject, before: int, longer: int, nul: bool) -> None:
        forge = Forge().queued()
        for _ in range(before):
            forge.text('"text":""')
        room = max(0, 300 - 73 - 69 + longer)
        forge.text(b'"text":"%b"' % (b"x" * room)).text('"text":"behind"')
        if nul:
            forge.lines[-1] = b"\0" + forge.lines[-1]
        parts = data.draw(st.composite(lambda draw: _cut(draw, forge.data))())
        at_once = _found(forge.run_id, [forge.data], check_chain=True)

        assert _found(forge.run_id, parts, check_chain=True) == at_once
        damage = at_once[2].damage
        assert (damage is not None and damage.kind == "too_long") is any(
            len(line) > 300 for line in forge.lines[:-1]
        )
        counts.update({"journals": 1, at_once[2].state: 1})

    each()
    assert counts["corrupt"]
    proof.record("longest line", "the limit of a line does not depend on how its bytes arrive", counts)


def test_every_prefix_is_readable(sized: Callable[[int, int], int]) -> None:
    """Cut anywhere, a journal gives back the whole records before the cut, in order, and nothing else."""
    counts: Counter[str] = Counter()

    @settings(max_examples=sized(40, 1000))
    @given(journals(max_events=8))
    def each(forge: Forge) -> None:
        data = forge.data
        whole = Scanner(Tail.empty(forge.run_id)).feed(data)
        ends = [record.offset + record.length for record in whole]
        for end in range(len(data) + 1):
            records, tail, verdict = _found(forge.run_id, [data[:end]], check_chain=True)
            expected = sum(at <= end for at in ends)
            assert records == whole[:expected]
            assert tail.size == (ends[expected - 1] if expected else 0)
            assert verdict.state == ("clean" if tail.size == end else "crash_tail")
            assert verdict.length == end - tail.size
        counts.update(journals=1, prefixes=len(data) + 1)

    each()
    proof.record("every prefix", "whole records before a cut come back, in order", counts)


def test_resuming_from_any_record_finds_the_same(sized: Callable[[int, int], int]) -> None:
    """The tail of an earlier scan stands for everything that was read before it."""
    counts: Counter[str] = Counter()

    @settings(max_examples=sized(100, 5000))
    @given(journals(max_events=8), st.booleans())
    def each(forge: Forge, check_chain: bool) -> None:
        at_once = _found(forge.run_id, [forge.data], check_chain=check_chain)
        for place in range(len(forge.lines) + 1):
            first = Scanner(Tail.empty(forge.run_id), check_chain=check_chain)
            first.advance(b"".join(forge.lines[:place]))
            second = Scanner(first.tail, check_chain=check_chain)
            records = second.feed(b"".join(forge.lines[place:]))

            assert (records, second.tail, second.verdict()) == (at_once[0][place:], *at_once[1:])
            counts.update(resumed=1)

    each()
    proof.record("resumed scan", "a scan resumed at any record finds what one from the start finds", counts)


@given(hurt=whole_or_hurt())
def test_one_line_by_itself_is_what_a_scanner_finds(hurt: tuple[Forge, bytes, list[bytes]]) -> None:
    """A line that follows gives the same record and the same tail, or no answer at all."""
    forge, data, _ = hurt
    scanner = Scanner(Tail.empty(forge.run_id))
    for line in data.splitlines(keepends=True):
        tail = scanner.tail
        records = scanner.feed(line)
        if (one := next_record(tail, line)) is not None:
            assert ([one[0]], one[1]) == (records, scanner.tail)
            assert scanner.damage is None
