"""The page and the code say the same: two readers that share no line of code agree about any bytes."""

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import proof
from tests.journal.agreement import by_the_scan, by_the_second_reader
from tests.journal.forge import Forge
from tests.properties.histories import journals
from tests.properties.odd_lines import odd_journals

pytestmark = pytest.mark.timeout(3600 if proof.SIZE == "full" else 300)
"""A busy machine may take a minute for what is only work for the processor."""


def test_both_readers_agree_on_whole_journals(sized: Callable[[int, int], int]) -> None:
    """A legal journal with any content is clean, record for record, for both readers."""
    counts: Counter[str] = Counter()

    @settings(max_examples=sized(100, 2000))
    @given(journals())
    def each(forge: Forge) -> None:
        ours, theirs = by_the_scan(forge.data, forge.run_id), by_the_second_reader(forge.data, forge.run_id)

        assert ours == theirs
        assert ours[1] == "clean"
        assert len(ours[0]) == len(forge.lines)
        counts.update(journals=1, records=len(forge.lines))

    each()
    promised = "a reader written from the format page alone reads every legal journal as we do"
    proof.record("two readers, whole journals", promised, counts)


def test_both_readers_agree_on_lines_that_are_almost_events(sized: Callable[[int, int], int]) -> None:
    """Where JSON libraries differ from each other, the page decides, and both readers follow it."""
    counts: Counter[str] = Counter()

    @settings(max_examples=sized(1500, 100_000))
    @given(odd_journals())
    def each(forge: Forge) -> None:
        ours = by_the_scan(forge.data, forge.run_id)

        assert ours == by_the_second_reader(forge.data, forge.run_id)
        counts.update(lines=1, events=ours[1] == "clean")

    each()
    assert counts["events"] > counts["lines"] // 20, "too few of them are events to prove anything"
    promised = "a reader written from the format page alone calls the same lines damaged as we do"
    proof.record("two readers, odd lines", promised, counts)


def test_both_readers_agree_wherever_a_journal_is_hurt(sized: Callable[[int, int], int]) -> None:
    """Cut, overwritten, repeated or pasted into: same records, same kind of damage, same byte."""
    counts: Counter[str] = Counter()
    foreign = st.sampled_from([b"", b"\0", b"\n", b"\0" * 600, b"x", b"{}\n", b'"h"', b"\r\n"])

    @settings(max_examples=sized(300, 20_000))
    @given(journals(max_events=6), st.data())
    def each(forge: Forge, data: st.DataObject) -> None:
        whole = forge.data
        begin = data.draw(st.integers(0, len(whole)), label="from")
        end = data.draw(st.integers(begin, min(len(whole), begin + 700)), label="to")
        put = data.draw(foreign | st.sampled_from(forge.lines), label="put there")
        hurt = whole[:begin] + put + whole[end:]
        ours = by_the_scan(hurt, forge.run_id)

        assert ours == by_the_second_reader(hurt, forge.run_id)
        counts.update({"journals": 1, ours[1]: 1})

    each()
    assert counts["crash_tail"]
    assert counts["corrupt"]
    promised = "a reader written from the format page alone tells crash tails from corruption as we do"
    proof.record("two readers, hurt journals", promised, counts)
