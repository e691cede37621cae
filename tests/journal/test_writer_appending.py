"""Append an event: what comes back, what is refused, and what a final event takes along."""

import threading
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from runlore.journal.disk import REAL
from runlore.journal.errors import (
    AlreadyEnded,
    BadInput,
    Conflict,
    EventTooLarge,
    IllegalTransition,
    NotFound,
    NotPermitted,
    StaleSeq,
    UndecodableLine,
)
from runlore.journal.events import Event, RunNoted, RunProgressed, RunQueued, RunSealed
from runlore.journal.ids import mint
from runlore.journal.layout import Layout
from runlore.journal.reader import read
from runlore.journal.values import Recipe, Seq
from runlore.journal.verify import verify
from runlore.journal.writer import Draft, Writer
from tests.doubles.drafts import (
    ANY_TIME,
    LIFE,
    booting,
    collecting,
    failed,
    noted,
    progressed,
    queued,
    started,
    succeeded,
    tagged,
)
from tests.doubles.recorder import recording
from tests.journal.announcing import Bent, as_disk
from tests.journal.journals import RUN, ended_run, events, kinds, new_run, raw, registry


@pytest.fixture
def layout(registry_root: Path) -> Layout:
    return registry(registry_root)


def test_a_record_says_where_it_lies(layout: Layout) -> None:
    """The returned record is what a reader finds, offset, length and head included."""
    writer = new_run(layout)

    appended = [writer.append(noted("one")), writer.append(progressed()), writer.append(tagged())]
    writer.close()

    assert list(read(REAL, layout, RUN, after=Seq(1), check_chain=True)) == appended
    data = raw(layout)
    assert all(data[record.offset : record.offset + record.length].endswith(b'"}\n') for record in appended)


def test_an_injected_clock_and_id_make_a_journal_reproducible(tmp_path: Path) -> None:
    """The same events at the same times give the same bytes, heads included; no other source is asked."""
    written: list[bytes] = []
    for attempt in ("one", "two"):
        layout, bent = registry(tmp_path / attempt), Bent()
        times = count()
        bent.bend(now=lambda times=times: ANY_TIME + timedelta(seconds=next(times)))
        run_id = mint(ANY_TIME, b"\1\2\3\4\5")
        writer = Writer.create(as_disk(bent), layout, run_id, queued(run_id))
        for draft in LIFE:
            writer.append(draft())
        writer.close()
        written.append(Path(layout.journal(run_id)).read_bytes())

    assert written[0] == written[1]
    assert b'"at":"2026-11-20T20:14:03' in written[0]


def test_the_second_creator_of_a_run(layout: Layout) -> None:
    """A journal is created once; the second one is told, and the first is untouched."""
    new_run(layout).close()
    before = raw(layout)

    with pytest.raises(Conflict):
        new_run(layout)

    assert raw(layout) == before


def test_a_final_event_and_its_seal_are_one_write(layout: Layout) -> None:
    """No reader ever sees a finished run without its seal, unless a crash cut the write."""
    disk, recorder = recording(REAL)
    writer = new_run(layout, disk=disk)
    recorder.calls.clear()

    writer.append(failed())
    writer.append(tagged())

    written = [call.arguments[1] for call in recorder.named("write")]
    assert [data.count(b"\n") for data in written] == [2, 2]
    assert kinds(layout) == ["run.queued", "run.failed", "run.sealed", "run.tagged", "run.sealed"]
    writer.close()


def test_a_seal_names_what_it_closes(layout: Layout) -> None:
    """Count, bytes and head of a seal are those of the records before it."""
    ended_run(layout)
    records = list(read(REAL, layout, RUN, check_chain=True))

    *before, sealed = records
    assert isinstance(sealed.event, RunSealed)
    assert (sealed.event.count, sealed.event.bytes) == (len(before), sealed.offset)
    assert sealed.event.head == before[-1].head


def test_an_expected_seq_that_holds(layout: Layout) -> None:
    """Compare-and-set appends at the place its caller has seen."""
    writer = new_run(layout)

    assert writer.append(tagged(), expected_seq=Seq(1)).seq == 2


def test_an_expected_seq_that_is_stale(layout: Layout) -> None:
    """Whoever has not seen the last event is told the current position, and nothing is written."""
    writer = new_run(layout)
    Writer(REAL, layout, RUN).append(noted())
    before = raw(layout)

    with pytest.raises(StaleSeq) as refused:
        writer.append(tagged(), expected_seq=Seq(1))

    assert (refused.value.expected, refused.value.current) == (1, 2)
    assert raw(layout) == before


@pytest.mark.parametrize("draft", [started(), collecting(), booting(), succeeded(), progressed()])
def test_a_lifecycle_event_after_the_end(layout: Layout, draft: Draft) -> None:
    """A finished run stays as it ended."""
    ended_run(layout)

    with pytest.raises(AlreadyEnded):
        Writer(REAL, layout, RUN, owner=True).append(draft)


def test_an_arrow_that_the_lifecycle_has_not(layout: Layout) -> None:
    """A run that never ran has not succeeded."""
    with pytest.raises(IllegalTransition):
        new_run(layout).append(succeeded())


def test_a_stranger_who_ends_a_run(layout: Layout) -> None:
    """Only the holder of the owner lock writes lifecycle events; everybody else is refused as such."""
    new_run(layout).close()
    stranger = Writer(REAL, layout, RUN)

    with pytest.raises(NotPermitted) as refused:
        stranger.append(failed())

    assert refused.value.exit_code == 4
    assert kinds(layout) == ["run.queued"]


def test_a_journal_that_does_not_exist(layout: Layout) -> None:
    """An unknown run is not found, and no file appears."""
    with pytest.raises(NotFound):
        Writer(REAL, layout, RUN).append(noted())

    assert list(Path(layout.journals).iterdir()) == []


def _progressed(**fields: object) -> Draft:
    return lambda seq, at: RunProgressed(seq=seq, at=at, **fields)  # type: ignore[arg-type]


UNREADABLE: dict[str, Draft] = {
    "a fraction of two": _progressed(fraction=2.0),
    "a metric that is not a number": _progressed(metrics={"loss": float("nan")}),
    "a lone surrogate": _progressed(message="\ud800"),
    "a naive time": lambda seq, _: RunNoted(seq=seq, at=datetime(2026, 1, 1), text=""),  # noqa: DTZ001
    "an object JSON has no word for": _progressed(message=object()),
}


@pytest.mark.parametrize("draft", UNREADABLE.values(), ids=UNREADABLE)
def test_an_event_no_reader_could_take_back(layout: Layout, draft: Draft) -> None:
    """It is refused before a byte is written, never acknowledged and found broken later."""
    writer = new_run(layout)
    before = raw(layout)

    with pytest.raises(UndecodableLine):
        writer.append(draft)

    assert raw(layout) == before
    assert writer.append(noted()).seq == 2


def test_an_event_that_fits_no_line(layout: Layout) -> None:
    """Too long is said at once, and the next event is welcome."""
    writer = new_run(layout)

    with pytest.raises(EventTooLarge):
        writer.append(noted("x" * (256 << 10)))

    assert writer.append(noted("x" * (255 << 10))).seq == 2
    assert verify(REAL, layout, RUN).findings == []


def _elsewhere(seq: Seq, at: datetime) -> Event:
    return RunNoted(seq=seq + 1, at=at, text="at another place")


def _false_seal(seq: Seq, at: datetime) -> Event:
    return RunSealed(seq=seq, at=at, count=99, bytes=1, head="0" * 64)


@pytest.mark.parametrize("draft", [_elsewhere, _false_seal])
def test_an_event_that_would_stand_at_the_wrong_place(layout: Layout, draft: Draft) -> None:
    """What would read as damage is not written, whoever drafted it."""
    writer = new_run(layout)

    with pytest.raises(BadInput):
        writer.append(draft)

    assert verify(REAL, layout, RUN).findings == []


def test_a_first_event_of_another_run(layout: Layout) -> None:
    """A journal's name and its first event agree from the start."""

    def other(seq: Seq, at: datetime) -> Event:
        return RunQueued(seq=seq, at=at, format=1, run_id="other", recipe=Recipe(argv=("true",), cwd="/"))

    with pytest.raises(BadInput):
        Writer.create(REAL, layout, RUN, other)

    assert list(Path(layout.journals).iterdir()) == []


def test_a_draft_that_fails(layout: Layout) -> None:
    """Whatever a draft raises comes out as it is, and the journal is free again."""
    writer = new_run(layout)

    def draft(_seq: Seq, _at: datetime) -> Event:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        writer.append(draft)

    assert Writer(REAL, layout, RUN).append(noted()).seq == 2


def test_threads_that_share_a_writer(layout: Layout) -> None:
    """Every thread's events are there once, in one unbroken chain."""
    writer = new_run(layout)

    def append(name: str) -> None:
        for number in range(50):
            writer.append(progressed(f"{name} {number}"))

    threads = [threading.Thread(target=append, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()

    messages = [event.message for event in events(layout) if isinstance(event, RunProgressed)]
    assert sorted(messages) == sorted(f"{name} {number}" for name in "abcd" for number in range(50))


def test_times_are_utc_and_aware(layout: Layout) -> None:
    """A draft gets the wall clock in UTC."""
    seen: list[datetime] = []

    def draft(seq: Seq, at: datetime) -> Event:
        seen.append(at)
        return RunNoted(seq=seq, at=at, text="")

    new_run(layout).append(draft)

    assert seen[0].tzinfo is UTC
