"""Anchors: what is kept elsewhere says the same when it comes back."""

from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlore.journal import ids
from runlore.journal.anchors import Anchor, format_anchors, parse_document, parse_lines
from runlore.journal.errors import BadInput
from runlore.journal.values import Head, RunId, Seq

_TIMES = st.datetimes(timezones=st.just(UTC)).filter(lambda at: at.year >= 1000)
_RUN_IDS = st.builds(ids.mint, _TIMES, st.binary(min_size=5, max_size=5))
_HEADS = st.text("0123456789abcdef", min_size=64, max_size=64).map(Head)
ONE = RunId("20261120-201400-k3f9x2ab")


@given(st.dictionaries(_RUN_IDS, st.tuples(st.integers(1, 2**53 - 1), _HEADS)))
def test_anchors_come_back_as_they_were_written(kept: dict[RunId, tuple[int, Head]]) -> None:
    """Lines written by `heads` are read by `verify`."""
    anchors = {
        run_id: Anchor(run_id=run_id, seq=Seq(seq), journal_head=head) for run_id, (seq, head) in kept.items()
    }

    assert parse_lines(format_anchors(anchors.values()).encode().splitlines(keepends=True), "f") == anchors


def test_of_several_anchors_of_a_run_the_longest_history_counts() -> None:
    """A file that heads were appended to for months is one anchor per run."""
    lines = [b"%s %d %s\n" % (ONE.encode(), seq, b"%064x" % seq) for seq in (3, 9, 5, 9)]

    assert parse_lines(lines, "f")[ONE].seq == 9


def test_anchors_that_contradict_each_other_are_refused() -> None:
    """Two names for one history: somebody has edited the file."""
    lines = [b"%s 3 %064x\n" % (ONE.encode(), head) for head in (1, 2)]

    with pytest.raises(BadInput, match="f: line 2 and an earlier one disagree"):
        parse_lines(lines, "f")


@given(st.lists(st.binary(max_size=100), max_size=5))
def test_any_lines_are_anchors_or_refused(lines: list[bytes]) -> None:
    """A damaged file never passes for anything else, nor breaks the reader."""
    try:
        found = parse_lines(lines, "f")
    except BadInput:
        return
    assert all(ids.is_run_id(run_id) for run_id in found)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_document_or_refused(data: bytes) -> None:
    """Neither does a damaged document."""
    try:
        found = parse_document(b'{"items":[' + data, "f")
    except BadInput:
        return
    assert all(ids.is_run_id(run_id) for run_id in found)
