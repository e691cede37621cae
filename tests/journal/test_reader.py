"""Read a journal: all of it, what is new, and what happens when it moves underneath."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from runlore.journal import reader as reader_module
from runlore.journal.disk import REAL
from runlore.journal.errors import CorruptJournal, JournalIO, NotFound
from runlore.journal.event_chunks import fold_events
from runlore.journal.events import AnyEvent, RunNoted
from runlore.journal.layout import Layout
from runlore.journal.reader import JournalReader, read
from runlore.journal.repair import repair
from runlore.journal.values import Seq
from runlore.journal.writer import Writer
from tests.crash.recovery import LAYOUT
from tests.doubles.crash_states import Image
from tests.doubles.drafts import BOOT, failed, noted, progressed, queued, tagged
from tests.doubles.simulated import SimulatedDisk
from tests.journal.journals import RUN, ended_run, new_run, overwrite, raw, registry


@pytest.fixture
def layout(registry_root: Path) -> Layout:
    return registry(registry_root)


def _texts(events: list[AnyEvent]) -> list[str]:
    return [event.text for event in events if isinstance(event, RunNoted)]


# -- all of it


@pytest.mark.parametrize("after", [0, 1, 3, 4, 9])
def test_reading_after_a_seq(layout: Layout, after: int) -> None:
    """Only what is strictly newer comes."""
    writer = new_run(layout)
    for _ in range(3):
        writer.append(noted())

    assert [record.seq for record in read(REAL, layout, RUN, after=Seq(after))] == list(range(after + 1, 5))


def test_reading_a_run_that_is_not_there(layout: Layout) -> None:
    """It is not found, whichever way it is read."""
    for attempt in (
        lambda: list(read(REAL, layout, RUN)),
        lambda: JournalReader(REAL, layout, RUN).read_available(),
        lambda: list(fold_events(REAL, layout.journal(RUN))),
    ):
        with pytest.raises(NotFound):
            attempt()


def test_a_line_still_being_written(layout: Layout) -> None:
    """It is "not yet": no error, and it comes once it is whole."""
    new_run(layout).close()
    whole = raw(layout)
    line = whole.replace(b'"seq":1', b'"seq":2')
    with JournalReader(REAL, layout, RUN) as reader:
        overwrite(layout, whole + line[:40])
        assert len(reader.read_available()) == 1
        assert reader.verdict().state == "crash_tail"
        assert reader.verdict().length == 40


def test_damage_stops_a_read(layout: Layout) -> None:
    """The records before it come, then the error that says where and what next."""
    writer = new_run(layout)
    writer.append(noted("n" * 30))
    writer.append(tagged())
    damaged = raw(layout).replace(b"nnn", b"n\0n")
    overwrite(layout, damaged)

    found = read(REAL, layout, RUN, check_chain=True)

    assert next(found).seq == 1
    with pytest.raises(CorruptJournal, match="runlore repair") as stopped:
        next(found)
    assert stopped.value.offset == damaged.index(b'{"type":"run.noted"')


def test_a_crash_tail_is_no_error_to_readers(layout: Layout) -> None:
    """What the next appender mends by itself does not make a run unreadable."""
    ended_run(layout)
    overwrite(layout, raw(layout) + bytes(700))

    assert len(list(read(REAL, layout, RUN))) == 6


def test_damage_in_mode_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within one boot no crash explains it, and a read says so."""
    disk = SimulatedDisk(Image({}, frozenset({LAYOUT.root, LAYOUT.journals})).boot())
    Writer.create(disk, LAYOUT, RUN, queued(RUN, durability="process")).close()
    fd = disk.open(LAYOUT.journal(RUN), os.O_RDWR | os.O_APPEND)
    disk.write(fd, bytes(50) + b"\n")

    assert len(list(read(disk, LAYOUT, RUN))) == 1
    monkeypatch.setattr(reader_module, "boot_id", lambda: BOOT)
    with pytest.raises(CorruptJournal):
        list(read(disk, LAYOUT, RUN))


# -- what is new


def test_following_a_writer(layout: Layout) -> None:
    """Each look gives what came since the last, once."""
    writer = new_run(layout)
    with JournalReader(REAL, layout, RUN) as reader:
        first = reader.read_available()
        nothing = reader.read_available()
        appended = [writer.append(noted("one")), writer.append(failed())]
        then = reader.read_available()

    assert [record.seq for record in first] == [1]
    assert nothing == []
    assert then[:2] == appended
    assert [record.seq for record in then] == [2, 3, 4]


def test_asking_for_what_is_not_there_yet(layout: Layout) -> None:
    """A reader that has seen more elsewhere waits until the journal has come so far."""
    writer = new_run(layout)
    with JournalReader(REAL, layout, RUN, after=Seq(3)) as reader:
        assert reader.read_available() == []
        for _ in range(3):
            writer.append(noted())
        assert [record.seq for record in reader.read_available()] == [4]
        assert not reader.rewound


def test_a_replacement_that_kept_the_records(layout: Layout) -> None:
    """Nothing is repeated, nothing is missing, and nothing is called rewound."""
    writer = new_run(layout)
    writer.append(noted("one"))
    with JournalReader(REAL, layout, RUN) as reader:
        reader.read_available()
        path = layout.journal(RUN)
        Path(f"{path}.copy").write_bytes(raw(layout))
        os.rename(f"{path}.copy", path)
        writer.append(noted("two"))

        assert _texts([record.event for record in reader.read_available()]) == ["two"]
        assert not reader.rewound


def _shorter(layout: Layout) -> None:
    """Cut the last record and append nothing."""
    data = raw(layout)
    overwrite(layout, data[: data.rindex(b"\n", 0, len(data) - 1) + 1])


def _other_record(layout: Layout) -> None:
    """Cut the last record and append another one, of another length."""
    _shorter(layout)
    Writer(REAL, layout, RUN).append(noted("another one, and longer"))


def _other_file(layout: Layout) -> None:
    """Put a file with another last record in the journal's place."""
    path = layout.journal(RUN)
    before = raw(layout)
    _other_record(layout)
    Path(f"{path}.new").write_bytes(raw(layout))
    os.rename(f"{path}.new", path)
    assert raw(layout) != before


@pytest.mark.parametrize("change", [_shorter, _other_record, _other_file])
@pytest.mark.parametrize("check_chain", [False, True])
def test_a_record_that_was_seen_is_gone(
    layout: Layout, change: Callable[[Layout], None], check_chain: bool
) -> None:
    """The whole journal comes again and the reader says so: it may repeat, it never skips."""
    writer = new_run(layout)
    writer.append(noted("seen"))
    writer.close()
    with JournalReader(REAL, layout, RUN, check_chain=check_chain) as reader:
        reader.read_available()
        change(layout)

        again = reader.read_available()

        assert reader.rewound
        assert again == list(read(REAL, layout, RUN))
        assert reader.read_available() == []
        assert not reader.rewound


@pytest.mark.parametrize("check_chain", [False, True])
@pytest.mark.parametrize("length", [1, 60, 90, 200])
def test_half_a_line_that_is_cut_back_and_written_anew(
    layout: Layout, check_chain: bool, length: int
) -> None:
    """The half that was seen is never glued to the rest of another line, however well that decodes."""
    writer = new_run(layout)
    whole = raw(layout)
    writer.append(noted("a" * 300))
    first = raw(layout)[len(whole) :]
    with JournalReader(REAL, layout, RUN, check_chain=check_chain) as reader:
        overwrite(layout, whole + first[:length])
        reader.read_available()
        overwrite(layout, whole)
        Writer(REAL, layout, RUN).append(noted("b" * 300))

        assert _texts([record.event for record in reader.read_available()]) == ["b" * 300]


def test_a_line_replaced_by_one_of_the_same_length(layout: Layout) -> None:
    """Even without checking the chain, what comes next must stand behind what was seen."""
    writer = new_run(layout)
    whole = raw(layout)
    writer.append(noted("first"))
    with JournalReader(REAL, layout, RUN) as reader:
        reader.read_available()
        overwrite(layout, whole)
        other = Writer(REAL, layout, RUN)
        other.append(noted("other"))
        other.append(noted("third"))

        again = reader.read_available()

        assert reader.rewound
        assert _texts([record.event for record in again]) == ["other", "third"]


def test_healing_under_a_reader(layout: Layout) -> None:
    """A torn line that goes to quarantine leaves no trace in what is read."""
    new_run(layout).close()
    overwrite(layout, raw(layout) + b'{"type":"run.noted","seq":2,"at":"2026-11-20T20:14')
    with JournalReader(REAL, layout, RUN, check_chain=True) as reader:
        reader.read_available()
        Writer(REAL, layout, RUN).append(noted("healed"))

        kinds = [type(record.event).__name__ for record in reader.read_available()]

        assert kinds == ["JournalRepaired", "RunNoted"]
        assert not reader.rewound


def test_a_repair_under_a_reader(layout: Layout) -> None:
    """Records that were cut out are gone for the reader as well, and it is told."""
    writer = new_run(layout)
    writer.append(noted("one"))
    writer.append(noted("two"))
    writer.close()
    with JournalReader(REAL, layout, RUN, check_chain=True) as reader:
        reader.read_available()
        overwrite(layout, raw(layout).replace(b'"one"', b'"eno"'))
        repair(REAL, layout, RUN)

        kinds = [type(record.event).__name__ for record in reader.read_available()]

        assert kinds == ["RunQueued", "JournalRepaired"]
        assert reader.rewound


def test_a_journal_longer_than_a_piece(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the pieces of a long read end makes no difference, damage in one of them included."""
    writer = new_run(layout)
    for number in range(40):
        writer.append(progressed(f"{number} " + "x" * 200))
    writer.close()
    whole = list(read(REAL, layout, RUN))
    data = raw(layout)
    for piece in (260 << 10, (260 << 10) + 7):
        monkeypatch.setattr(reader_module, "PIECE", piece)
        assert list(read(REAL, layout, RUN, check_chain=True)) == whole
    monkeypatch.setattr(reader_module, "PIECE", 4096)
    overwrite(layout, data.replace(b'"30 xxx', b'"30 yyy'))
    with JournalReader(REAL, layout, RUN, check_chain=True) as reader:
        assert reader.read_available() == whole[:31]


def test_an_unreadable_journal(layout: Layout) -> None:
    """What the kernel says comes out as an error of ours."""
    path = layout.journal(RUN)
    os.mkdir(path)

    for attempt in (lambda: list(read(REAL, layout, RUN)), lambda: list(fold_events(REAL, path))):
        with pytest.raises(JournalIO, match="directory"):
            attempt()
