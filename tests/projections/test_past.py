"""A run as its journal told it, at a seq or a time; verdicts count at the time of their evidence."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from runlore.journal import events as e
from runlore.journal.disk import REAL
from runlore.journal.errors import BadInput, NotFound
from runlore.journal.layout import Layout
from runlore.journal.values import MAX_INT, Handle, Observation
from runlore.projections import past
from runlore.projections.past import Moment
from tests.doubles.long_runs import OWNER
from tests.journal.forge import AT, RUN, Forge
from tests.runtimes.kept_runs import registry_at

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


@pytest.fixture
def layout(registry_root: Path) -> Layout:
    """A registry without runs."""
    return registry_at(registry_root)


def _put(layout: Layout, forge: Forge) -> None:
    Path(layout.journal(RUN)).write_bytes(forge.data)


def _started() -> Forge:
    """Return three records, a second apart from AT on."""
    forge = Forge().queued(name="nightly").add(e.RunBooting, epoch=1, runtime="background", owner=OWNER)
    return forge.add(e.RunStarted, epoch=1, handle=Handle(pid=7))


def _status(layout: Layout, seconds: float) -> str | None:
    return past.row_at(REAL, layout, RUN, Moment(at=AT + timedelta(seconds=seconds))).status


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (12, Moment(seq=12)),
        ("12", Moment(seq=12)),
        (" 12 ", Moment(seq=12)),
        (MAX_INT, Moment(seq=MAX_INT)),
        ("2h", Moment(at=NOW - timedelta(hours=2))),
        ("2026-11-20", Moment(at=datetime(2026, 11, 20, tzinfo=UTC))),
        (NOW, Moment(at=NOW)),
    ],
)
def test_a_moment_is_a_seq_or_a_time(text: int | str | datetime, wanted: Moment) -> None:
    """Digits are a seq, everything else is a time as filters have it."""
    assert past.moment(text, NOW) == wanted


@pytest.mark.parametrize(
    "text",
    [0, -1, MAX_INT + 1, "0", "", "soon", "-1", "1" * 30, "١٢", datetime(2026, 1, 1)],  # noqa: DTZ001
)
def test_what_is_neither_is_refused(text: int | str | datetime) -> None:
    """Numbers that no record can have, words, and times without a zone."""
    with pytest.raises(BadInput):
        past.moment(text, NOW)


def test_each_seq_is_the_state_behind_its_record(layout: Layout) -> None:
    """With the head that named the history then."""
    forge = _started()
    heads = []
    fresh = Forge().queued(name="nightly")
    heads.append(fresh.head)
    heads.append(fresh.add(e.RunBooting, epoch=1, runtime="background", owner=OWNER).head)
    heads.append(forge.head)
    forge.add(e.RunSucceeded, exit_code=0).seal()
    _put(layout, forge)

    rows = [past.row_at(REAL, layout, RUN, Moment(seq=seq)) for seq in (1, 2, 3)]

    assert [row.status for row in rows] == ["queued", "booting", "running"]
    assert [row.state.seq for row in rows] == [1, 2, 3]
    assert [row.head for row in rows] == heads


def test_there_is_no_state_of_records_to_come(layout: Layout) -> None:
    """The last seq is named."""
    _put(layout, _started())

    with pytest.raises(NotFound, match="no record 4; its last one is 3"):
        past.row_at(REAL, layout, RUN, Moment(seq=4))


def test_times_are_half_open_from_the_record_on(layout: Layout) -> None:
    """What happened at that very moment has happened."""
    _put(layout, _started())

    assert [_status(layout, at) for at in (0, 0.5, 1, 1.5, 2, 1e6)] == [
        "queued",
        "queued",
        "booting",
        "booting",
        "running",
        "running",
    ]


def test_before_it_was_submitted_there_was_no_run(layout: Layout) -> None:
    """The error says when it was."""
    _put(layout, _started())

    with pytest.raises(NotFound, match="not there yet; it was submitted at 2026-11-20T20:14:00"):
        _status(layout, -0.001)


def test_a_clock_that_stepped_back_takes_nothing_back(layout: Layout) -> None:
    """Time is the largest so far: what follows a later record does not come before it."""
    forge = _started().add(e.RunNoted, at=AT + timedelta(seconds=60), text="late")
    forge.add(e.RunRenamed, at=AT + timedelta(seconds=5), name="later")
    _put(layout, forge)

    def name(seconds: float) -> str | None:
        return past.row_at(REAL, layout, RUN, Moment(at=AT + timedelta(seconds=seconds))).name

    assert [name(30), name(60)] == ["nightly", "later"]


@pytest.mark.parametrize(("ended_at", "since"), [(100, 100), (None, 2)])
def test_a_late_verdict_counts_at_its_evidence(layout: Layout, ended_at: int | None, since: int) -> None:
    """A run that was found lost had ended when it was last alive, or when its exit record says."""
    late = AT + timedelta(days=1)
    seen = Observation(at=late, owner="free", command="gone")
    when = None if ended_at is None else AT + timedelta(seconds=ended_at)
    _put(layout, _started().add(e.RunFailed, at=late, ended_at=when, observation=seen).seal())

    assert _status(layout, since) == "failed"
    assert _status(layout, since - 0.5) in {"running", "booting"}


def test_a_command_had_ended_when_its_parent_saw_it_end(layout: Layout) -> None:
    """However much later that was written."""
    forge = _started().add(
        e.RunCollecting, at=AT + timedelta(seconds=90), exit_code=0, exited_at=AT + timedelta(seconds=10)
    )
    _put(layout, forge)

    assert [_status(layout, at) for at in (9, 10)] == ["running", "collecting_artifacts"]


def test_damage_behind_the_moment_does_not_matter(layout: Layout) -> None:
    """Damage in front of it does: the row has the problem, and what stands before."""
    forge = _started().raw(b"{not an event").add(e.RunRenamed, name="later")
    _put(layout, forge)

    assert past.row_at(REAL, layout, RUN, Moment(seq=3)).problem is None
    for wanted in (Moment(seq=5), Moment(at=AT + timedelta(days=1))):
        row = past.row_at(REAL, layout, RUN, wanted)
        assert row.problem is not None
        assert (row.problem.kind, row.state.seq) == ("damaged", 3)


def test_a_run_that_is_not_there_is_not_found(layout: Layout) -> None:
    """As everywhere."""
    with pytest.raises(NotFound):
        past.row_at(REAL, layout, RUN, Moment(seq=1))


def test_a_run_that_never_began_is_not_found(layout: Layout) -> None:
    """Its first event is not whole."""
    Path(layout.journal(RUN)).write_bytes(b'{"type":"run.queued"')

    with pytest.raises(NotFound, match="never began"):
        past.row_at(REAL, layout, RUN, Moment(seq=1))
