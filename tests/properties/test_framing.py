"""Framing: how bytes arrive never shows in the lines."""

from collections import Counter
from collections.abc import Callable
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from runlore.journal.framing import LineFramer, whole_lines
from tests import proof

bytes_with_lines = st.lists(st.binary(max_size=8) | st.just(b"\n"), max_size=30).map(b"".join)


@st.composite
def _pieces(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    data = draw(bytes_with_lines)
    cuts = sorted({0, len(data), *draw(st.lists(st.integers(0, len(data)), max_size=12))})
    return data, [data[start:end] for start, end in pairwise(cuts)]


def test_framing_does_not_depend_on_the_pieces(sized: Callable[[int, int], int]) -> None:
    """Any bytes in any pieces give the same lines at the same offsets, and the same rest."""
    counts: Counter[str] = Counter()

    @settings(max_examples=sized(500, 50_000))
    @given(_pieces())
    def each(drawn: tuple[bytes, list[bytes]]) -> None:
        data, parts = drawn
        framer = LineFramer()
        lines = [line for part in parts for line in framer.feed(part)]

        assert b"".join(line + b"\n" for _, line in lines) == data[: whole_lines(data)]
        assert [offset for offset, _ in lines] == [
            0,
            *(at + 1 for at, byte in enumerate(data) if byte == 10),
        ][: len(lines)]
        assert framer.offset == whole_lines(data)
        assert framer.offset + framer.torn == len(data)
        counts.update(inputs=1, pieces=len(parts), lines=len(lines))

    each()
    proof.record("framing", "lines do not depend on how their bytes arrive", counts)
