"""Rows of snapshots: read back as they were written, or not believed."""

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from runlore.journal import events as e
from runlore.journal.values import Head, Seq
from runlore.projections.fold import fold
from runlore.projections.index import snapshot as snapshots
from runlore.projections.index.snapshot import Snapshot, snapshot_of, state_of
from runlore.projections.status import STATUS
from tests.journal.forge import OTHER_RUN, RUN
from tests.journal.samples import SAMPLES
from tests.properties.histories import any_event

STATE = fold(STATUS, [SAMPLES[e.RunQueued], SAMPLES[e.RunBooting], SAMPLES[e.RunProgressed]])
SPELLED = snapshots.spelled(STATE)
SNAPSHOT = Snapshot(
    files="1:2:0:",
    seq=Seq(3),
    offset=700,
    head=Head("ab" * 32),
    reached_us=3,
    low_us=1,
    high_us=3,
    kinds=("run.booting", "run.queued"),
    digest=snapshots.digest(SPELLED),
)
ROW = snapshots.row(RUN, SNAPSHOT, SPELLED)


def test_a_row_gives_back_what_was_put_in() -> None:
    """The snapshot, and the state."""
    told, state, checked = ROW

    assert snapshot_of(RUN, told, checked) == SNAPSHOT
    assert state_of(SNAPSHOT, state) == STATE


@given(st.lists(any_event(), max_size=8))
@settings(max_examples=60, deadline=None)
def test_any_state_comes_back_the_same(history: list[e.AnyEvent]) -> None:
    """Whatever events it was folded from."""
    state = fold(STATUS, history)
    spelled = snapshots.spelled(state)
    found = snapshots.row(RUN, SNAPSHOT, spelled)
    again = state_of(structs.replace(SNAPSHOT, digest=snapshots.digest(spelled)), found[1])

    assert again == state
    assert again is not None
    assert snapshots.spelled(again) == spelled


def test_no_flipped_bit_is_believed() -> None:
    """Of the snapshot, of its checksum, of the state."""
    told, state, checked = ROW
    for whole, read in (
        (told, lambda hurt: snapshot_of(RUN, hurt, checked)),
        (checked, lambda hurt: snapshot_of(RUN, told, hurt)),
        (state, lambda hurt: state_of(SNAPSHOT, hurt)),
    ):
        for at in range(len(whole)):
            hurt = bytes((*whole[:at], whole[at] ^ 1, *whole[at + 1 :]))
            assert read(hurt) is None


def test_a_row_of_another_run_is_not_believed() -> None:
    """The checksum covers whose it is."""
    assert snapshot_of(OTHER_RUN, ROW[0], ROW[2]) is None


def test_other_types_are_not_believed() -> None:
    """SQLite keeps anything in any column."""
    for odd in (None, 7, 1.5, "text", b""):
        assert snapshot_of(RUN, odd, ROW[2]) is None
        assert snapshot_of(RUN, ROW[0], odd) is None
        assert state_of(SNAPSHOT, odd) is None


def test_what_is_no_snapshot_though_its_checksum_is_right() -> None:
    """As a release before or after this one might have written it."""
    for told in (b"", b"[]", b"{}", b"[1,2]", b"\xff"):
        assert snapshot_of(RUN, told, snapshots.check(RUN, told)) is None
