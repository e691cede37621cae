"""Whatever bytes come in: documented errors, a verdict, and no more memory than a few lines take."""

import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runlore.journal import codec, exit_record
from runlore.journal.errors import UndecodableLine
from runlore.journal.scan import Scanner, Tail
from tests import proof
from tests.journal.agreement import by_the_scan, by_the_second_reader
from tests.journal.forge import RUN, many

pytestmark = pytest.mark.timeout(3600 if proof.SIZE == "full" else 300)
"""A busy machine may take a minute for what is only work for the processor."""
GOOD = many(6).data
FRAGMENTS = (
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b'"',
        b":",
        b",",
        b"\n",
        b"\0",
        b"\\",
        b"\\u",
        b"\\ud8",
        b"-",
        b"1e",
        b"9" * 40,
    ),
    *(b'{"type":"run.noted","seq":', b',"at":"2026-11-20T20:14:00Z"', b',"h":"', b'"}\n', b'"text":"'),
    *GOOD.splitlines(keepends=True),
)
nonsense = st.binary(max_size=400) | st.lists(
    st.sampled_from(FRAGMENTS) | st.binary(max_size=6), max_size=30
).map(b"".join)


def test_random_bytes_give_a_verdict_and_no_other_error(sized: Callable[[int, int], int]) -> None:
    """Scan and codec take anything; the only error is that a line is not an event."""
    counts: Counter[str] = Counter()

    @settings(max_examples=sized(1000, 100_000))
    @given(nonsense, st.sampled_from([b"", GOOD]), st.booleans())
    def each(data: bytes, before: bytes, check_chain: bool) -> None:
        scanner = Scanner(Tail.empty(RUN), check_chain=check_chain)
        scanner.feed(before + data)
        verdict = scanner.verdict()
        assert (verdict.state == "clean") is (verdict.damage is None)
        for read in (codec.decode, codec.decode_known_lines, lambda data: list(codec.decode_lines(data))):
            try:
                read(data)
            except UndecodableLine:
                counts.update(refused=1)
        exit_record.decode(data)
        assert by_the_scan(before + data, RUN) == by_the_second_reader(before + data, RUN)
        counts.update({"inputs": 1, verdict.state: 1})

    each()
    proof.record("fuzz", "any bytes give a verdict or a documented error", counts)


def test_mangled_journals_give_a_verdict_and_no_other_error(sized: Callable[[int, int], int]) -> None:
    """Good journals with random bytes changed, moved and repeated never surprise the scan."""
    random = Random(7)
    counts: Counter[str] = Counter()
    for _ in range(sized(3000, 300_000)):
        data = bytearray(GOOD)
        for _ in range(random.randint(1, 6)):
            at, length = random.randrange(len(data)), random.randint(0, 80)
            piece = random.choice(
                [b"", random.randbytes(length), bytes(length), bytes(data[at : at + length])]
            )
            to = random.randrange(len(data))
            data[to : to + random.choice([0, length])] = piece
            data = data or bytearray(GOOD)
        scanner = Scanner(Tail.empty(RUN))
        scanner.feed(bytes(data))
        counts[scanner.verdict().state] += 1
    assert counts["corrupt"]
    assert counts["crash_tail"]
    proof.record("mangled journals", "any change to a journal gives a verdict", counts)


def _pieces_of(pattern: bytes, total: int) -> Iterator[bytes]:
    piece = (pattern * (1 + (1 << 20) // len(pattern)))[: 1 << 20]
    for _ in range(total >> 20):
        yield piece


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param(b"{},", id="one line of objects"),
        pytest.param(b"[", id="one line of brackets"),
        pytest.param(b"\0", id="NULs"),
        pytest.param(b"\n", id="blank lines"),
        pytest.param(b"{}\n", id="empty objects"),
        pytest.param(b"x" * 300_000 + b"\n", id="long lines"),
        pytest.param(many(3).lines[2], id="good lines out of place"),
        pytest.param(b'{"a":' * 40_000 + b"\n", id="deep lines"),
    ],
)
def test_hostile_files_take_little_memory(pattern: bytes, sized: Callable[[int, int], int]) -> None:
    """Read in pieces of 1 MiB, 32 MiB of anything peaks below 64 MiB and ends in a verdict."""
    scanner = Scanner(Tail.empty(RUN))
    tracemalloc.start()
    try:
        scanner.feed(GOOD)
        for piece in _pieces_of(pattern, sized(32 << 20, 512 << 20)):
            scanner.feed(piece)
        state = scanner.verdict().state
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert state in ("crash_tail", "corrupt")
    assert peak < 64 << 20
