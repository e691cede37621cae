"""Packed runs: the same bytes elsewhere, read, appended to, verified and repaired as before."""

import errno
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from runlore.journal.disk import REAL
from runlore.journal.errors import CorruptJournal, JournalIO, NotFound
from runlore.journal.event_chunks import fold_run
from runlore.journal.events import JournalContinued, JournalRepaired, RunNoted
from runlore.journal.journal_ids import journal_ids, loose_ids
from runlore.journal.layout import Layout
from runlore.journal.overwrite import Overwriter
from runlore.journal.packing import pack_lock
from runlore.journal.packs import day_of, index_path, lost_bytes, parse_name
from runlore.journal.reader import JournalReader, read
from runlore.journal.repair import plan, repair
from runlore.journal.rewrite import packed_seqs
from runlore.journal.scan import Scanner, Tail
from runlore.journal.verify import lost, verify
from runlore.journal.writer import Writer
from tests.doubles.drafts import new_run_id, noted, tagged
from tests.doubles.failer import Failer
from tests.journal.journals import RUN, ended_run, events, kinds, new_run, raw, registry
from tests.journal.packed import append, by_the_second_reader, journal, pack, packs

OTHER, THIRD = new_run_id(2), new_run_id(3)
LIVE = new_run_id(9)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A registry with three runs that ended, and one that goes on."""
    layout = registry(tmp_path / "registry")
    for run_id in (RUN, OTHER, THIRD):
        ended_run(layout, run_id)
    new_run(layout, LIVE).close()
    return layout


def test_a_pack_holds_the_journals_byte_for_byte(layout: Layout) -> None:
    """One after the other; the run that goes on keeps its journal, and `grep` finds every line."""
    before = b"".join(raw(layout, run_id) for run_id in (RUN, OTHER, THIRD))
    view = pack(layout)

    assert [path.read_bytes() for path in packs(layout)] == [before]
    assert loose_ids(REAL, layout) == [LIVE]
    assert journal_ids(REAL, layout) == [RUN, OTHER, THIRD, LIVE]
    assert (view.runs, view.bytes, view.kept) == (3, len(before), {"unsealed": 1})


def test_a_packed_run_reads_as_before(layout: Layout) -> None:
    """The same records at the same offsets; the chain holds, and verify says sealed."""
    before = list(read(REAL, layout, OTHER))
    pack(layout)

    assert list(read(REAL, layout, OTHER, check_chain=True)) == before
    assert [event.seq for event in fold_run(REAL, layout, OTHER)] == [record.seq for record in before]
    assert verify(REAL, layout, OTHER).integrity == "sealed"
    assert [(o, n, h) for o, n, h, _ in by_the_second_reader(layout, OTHER).records] == [
        (record.offset, record.length, record.head) for record in before
    ]


def test_packing_twice_does_nothing(layout: Layout) -> None:
    """What is packed is not a journal any more."""
    pack(layout)

    assert pack(layout).runs == 0
    assert len(packs(layout)) == 1


def test_an_event_of_a_packed_run_begins_a_journal_that_continues(layout: Layout) -> None:
    """Seq, offset and `h` go on, the continuation names the pack, and all is one write with its seal."""
    pack(layout)
    before = list(read(REAL, layout, RUN))
    append(layout, RUN, tagged(), noted())
    after = list(read(REAL, layout, RUN, check_chain=True))

    assert after[: len(before)] == before
    assert kinds(layout)[len(before) :] == [
        "journal.continued",
        "run.tagged",
        "run.sealed",
        "run.noted",
        "run.sealed",
    ]
    first = after[len(before)].event
    assert isinstance(first, JournalContinued)
    assert (first.head, first.offset, first.pack) == (
        before[-1].head,
        before[-1].offset + before[-1].length,
        packs(layout)[0].name,
    )
    assert [record.seq for record in after] == list(range(1, len(after) + 1))
    assert verify(REAL, layout, RUN).integrity == "sealed"
    reading = by_the_second_reader(layout, RUN)
    assert (reading.verdict, reading.sealed, len(reading.records)) == ("clean", True, len(after))


def test_a_continuation_is_packed_as_a_part_of_its_own(layout: Layout) -> None:
    """The earlier pack stays as it is; the history is one, however often that happens."""
    pack(layout)
    for number in range(3):
        append(layout, RUN, noted(f"note {number}"))
        before = list(read(REAL, layout, RUN, check_chain=True))
        first = packs(layout)[0].read_bytes()
        pack(layout)

        assert list(read(REAL, layout, RUN, check_chain=True)) == before
        assert packs(layout)[0].read_bytes() == first
        assert not journal(layout, RUN).exists()
    assert len(packs(layout)) == 4
    assert by_the_second_reader(layout, RUN).verdict == "clean"
    assert by_the_second_reader(layout, RUN).sealed


def test_the_parts_of_a_history_one_behind_the_other_are_a_journal(layout: Layout) -> None:
    """Who puts a packed run back together by hand has what he had; `cat` is enough."""
    pack(layout)
    append(layout, RUN, tagged())
    whole = packs(layout)[0].read_bytes()[: raw_length(layout)] + raw(layout)
    before = list(read(REAL, layout, RUN))
    journal(layout, RUN).write_bytes(whole)

    assert list(read(REAL, layout, RUN, check_chain=True)) == before
    scanner = Scanner(Tail.empty(RUN))
    scanner.advance(whole)
    assert scanner.damage is None


def raw_length(layout: Layout) -> int:
    """Bytes of the first run in the first pack."""
    return int(Path(index_path(str(packs(layout)[0]))).read_bytes().splitlines()[1].split()[2])


def test_a_restored_journal_supersedes_its_packed_copies(layout: Layout) -> None:
    """A file that begins at seq 1 is the whole history, whatever packs hold; packing it again keeps that."""
    backup = raw(layout)
    append(layout, RUN, noted("after the backup"))
    pack(layout)
    journal(layout, RUN).write_bytes(backup)
    append(layout, RUN, noted("instead"))
    assert [event.text for event in events(layout) if isinstance(event, RunNoted)] == ["instead"]
    pack(layout)

    assert [event.text for event in events(layout) if isinstance(event, RunNoted)] == ["instead"]
    assert not journal(layout, RUN).exists()
    assert second_notes(layout) == ["instead"]
    append(layout, RUN, noted("and on"))
    assert second_notes(layout) == ["instead", "and on"]


def second_notes(layout: Layout) -> list[str]:
    """What a stranger reads of the notes."""
    return [
        each["text"] for *_, each in by_the_second_reader(layout, RUN).records if each["type"] == "run.noted"
    ]


def test_a_reader_that_follows_loses_nothing_when_the_run_is_packed(layout: Layout) -> None:
    """It goes on in the pack, and behind it, whichever it saw in between; nothing comes twice."""
    with JournalReader(REAL, layout, RUN) as steady, JournalReader(REAL, layout, RUN) as late:
        seen = [record.seq for record in steady.read_available()]
        late.read_available()
        for step in (noted("1"), noted("2")):
            pack(layout)
            seen += [record.seq for record in steady.read_available()]
            append(layout, RUN, step)
            seen += [record.seq for record in steady.read_available()]
        pack(layout)
        seen += [record.seq for record in steady.read_available()]
        rest = late.read_available()

    assert seen == list(range(1, len(events(layout)) + 1))
    assert [record.seq for record in rest] == list(range(rest[0].seq, len(seen) + 1))
    assert rest[0].event == events(layout)[-6]
    assert not steady.rewound


def test_a_writer_with_the_journal_open_goes_on_behind_the_pack(layout: Layout) -> None:
    """It finds its file without a name, and resolves the run again."""
    writer = Writer(REAL, layout, RUN).open()
    pack(layout)
    first = writer.append(noted("1"))
    pack(layout)
    second = writer.append(noted("2"))
    writer.close()

    assert [record.head for record in read(REAL, layout, RUN)][-5] == first.head
    assert [record.head for record in read(REAL, layout, RUN)][-2] == second.head
    assert verify(REAL, layout, RUN).integrity == "sealed"


@pytest.mark.parametrize(
    "index",
    [None, b"", b"junk\n", b"runlore-pack-index 1 0000000000000001 00000000\n"],
    ids=["missing", "empty", "junk", "another pack's"],
)
def test_a_pack_whose_index_is_missing_or_wrong_reads_as_well(layout: Layout, index: bytes | None) -> None:
    """It is made anew in memory; the next packing writes the very bytes it had."""
    pack(layout)
    before = list(read(REAL, layout, THIRD))
    path = Path(index_path(str(packs(layout)[0])))
    was = path.read_bytes()
    path.unlink()
    if index is not None:
        path.write_bytes(index)

    assert list(read(REAL, layout, THIRD)) == before
    assert journal_ids(REAL, layout) == [RUN, OTHER, THIRD, LIVE]
    assert not index or path.read_bytes() == index, "readers never write"
    pack(layout)
    assert path.read_bytes() == was


def test_a_damaged_byte_in_a_pack_is_found(layout: Layout) -> None:
    """Verify names the run, its place in the history, the pack, and the byte there; other runs are sound."""
    size = len(raw(layout))
    pack(layout)
    path = packs(layout)[0]
    data = path.read_bytes()
    place = data.index(b"echo" if b"echo" in data else b"true", size)
    path.write_bytes(data[:place] + b"X" + data[place + 1 :])
    found = verify(REAL, layout, OTHER)

    assert found.integrity == "damaged"
    assert (found.findings[0].kind, found.findings[0].offset) == ("chain", 0)
    assert f"(in packs/{path.name}, byte {size})" in found.findings[0].detail
    assert [verify(REAL, layout, each).integrity for each in (RUN, THIRD)] == ["sealed", "sealed"]
    assert not list(lost(REAL, layout))


def test_nothing_is_appended_behind_damage_in_a_pack(layout: Layout) -> None:
    """Nobody would read it, and `repair` would cut it; a journal that is not packed refuses it as well."""
    size = len(raw(layout))
    pack(layout)
    path = packs(layout)[0]
    data = path.read_bytes()
    place = data.index(b'{"type":"run.started"', size)
    path.write_bytes(data[: place + 30] + b"\0" + data[place + 31 :])

    with pytest.raises(CorruptJournal, match=f"{path.name}: damaged at byte {place} "):
        append(layout, OTHER, tagged())
    assert not journal(layout, OTHER).exists()
    append(layout, RUN, tagged())
    append(layout, THIRD, tagged())


def test_bytes_of_a_pack_that_belong_to_no_run_are_found(layout: Layout) -> None:
    """Without its index a run whose first line is damaged has no name any more, but its bytes are there."""
    size = len(raw(layout))
    pack(layout)
    path = packs(layout)[0]
    Path(index_path(str(path))).unlink()
    path.write_bytes(path.read_bytes().replace(b'"format":1', b'"format":!', 1))

    assert [(first, behind) for _, first, behind in lost_bytes(REAL, layout)] == [(0, size)]
    assert [each.findings[0].kind for each in lost(REAL, layout)] == ["lost"]
    pack(layout)
    assert not Path(index_path(str(path))).exists(), "an index would hide it"


def test_a_history_whose_packed_part_is_gone_is_damaged(layout: Layout) -> None:
    """What follows can still be read, and verify says that something is missing."""
    pack(layout)
    append(layout, RUN, tagged())
    packs(layout)[0].unlink()

    assert kinds(layout) == ["journal.continued", "run.tagged", "run.sealed"]
    assert [each.kind for each in verify(REAL, layout, RUN).findings] == ["missing"]
    with pytest.raises(NotFound):
        list(read(REAL, layout, OTHER))


def test_a_read_that_fails_is_no_shorter_history(layout: Layout) -> None:
    """Whichever read the disk refuses: whoever reads is told all that is on record, or that it failed."""
    append(layout, RUN, noted("a word"))
    pack(layout)
    append(layout, RUN, noted("a word"))
    word = Overwriter(lambda data: [(found.start(), found.end()) for found in re.finditer(b"a word", data)])

    for ask in (
        lambda disk: list(read(disk, layout, RUN)),
        lambda disk: packed_seqs(disk, layout, RUN, word),
        lambda disk: [(each.kind, each.seq) for each in verify(disk, layout, RUN).findings],
    ):
        reads = Failer(REAL, None, errno.EIO, "once", only=frozenset({"pread"}))
        told, refused = ask(reads), 0
        for at in range(1, reads.count + 1):
            try:
                found = ask(Failer(REAL, at, errno.EIO, "once", only=frozenset({"pread"})))
            except JournalIO:
                refused += 1
            else:
                refused += found != told
                assert found == told or "unreadable" in repr(found), at
        assert refused


def test_repair_brings_back_what_is_whole_of_a_damaged_packed_run(layout: Layout) -> None:
    """The pack stays as it is; a journal that begins at seq 1 supersedes it, and quarantine has the rest."""
    pack(layout)
    append(layout, RUN, noted("behind the pack"))
    path = packs(layout)[0]
    hurt = path.read_bytes().replace(b'"exit_code":0', b'"exit_code":X', 1)
    path.write_bytes(hurt)
    whole = [record.seq for record in JournalReader(REAL, layout, RUN).read_available()]
    planned = plan(REAL, layout, RUN)
    done = repair(REAL, layout, RUN)

    assert (done.kept_records, done.cut_bytes) == (planned.kept_records, planned.cut_bytes)
    assert done.kept_records == len(whole)
    assert b"behind the pack" in Path(layout.quarantine, done.quarantine).read_bytes()
    assert isinstance(events(layout)[-1], JournalRepaired)
    assert path.read_bytes() == hurt
    assert verify(REAL, layout, RUN).integrity != "damaged"


def test_repair_of_a_sound_packed_run_leaves_nothing_behind(layout: Layout) -> None:
    """There is nothing to cut, and no journal is begun for it."""
    pack(layout)

    assert repair(REAL, layout, RUN).damage is None
    assert not journal(layout, RUN).exists()


@pytest.mark.parametrize("attempt", [plan, repair])
def test_repair_of_a_packed_run_of_which_nothing_is_whole(
    layout: Layout, attempt: Callable[..., object]
) -> None:
    """The pack is named, and no journal is begun for it."""
    pack(layout)
    (path,) = packs(layout)
    path.write_bytes(path.read_bytes().replace(b'"format":1', b'"format":!', 1))

    with pytest.raises(NotFound, match=f"packs/{path.name}: not even the run's first event, at byte 0"):
        attempt(REAL, layout, RUN)
    assert not journal(layout, RUN).exists()


def test_a_crash_in_the_first_line_of_a_continuation_heals(layout: Layout) -> None:
    """Nobody was told of anything in it: readers see the packed part, the next appender cuts the rest."""
    pack(layout)
    before = list(read(REAL, layout, RUN))
    for torn in (b"", b'{"type":"journal.conti', b'{"type":"journal.continued","seq":7'):
        journal(layout, RUN).write_bytes(torn)
        assert list(read(REAL, layout, RUN)) == before, torn
        append(layout, RUN, noted())
        assert "run.noted" in kinds(layout)
        assert verify(REAL, layout, RUN).integrity == "sealed"
        journal(layout, RUN).unlink()


def test_an_empty_continuation_goes_with_the_next_packing(layout: Layout) -> None:
    """A crash between its making and its first event leaves an inode, which is freed."""
    pack(layout)
    journal(layout, RUN).touch()
    append(layout, OTHER, noted())
    Path(layout.packs, ".2026-11-20-1.jsonl.abc.tmp").write_bytes(b"half")
    pack(layout)

    assert not journal(layout, RUN).exists()
    assert not Path(layout.packs, ".2026-11-20-1.jsonl.abc.tmp").exists()
    assert verify(REAL, layout, RUN).integrity == "sealed"


def test_only_one_packs_at_a_time(layout: Layout) -> None:
    """The other is told, and nothing is done twice."""
    with pack_lock(REAL, layout), pytest.raises(Exception, match="somebody else is packing"):
        pack(layout)
    assert pack(layout).runs == 3


def test_a_damaged_journal_is_not_packed(layout: Layout) -> None:
    """A pack holds sound histories only; the others go on being what they are."""
    hurt = raw(layout).replace(b'"exit_code":0', b'"exit_code":1', 1)
    journal(layout, RUN).write_bytes(hurt)
    view = pack(layout)

    assert (view.runs, view.kept) == (2, {"changed": 1, "unsealed": 1})
    assert raw(layout) == hurt


def test_a_pack_that_cannot_be_read_is_told(layout: Layout) -> None:
    """A registry does not look empty because its packs cannot be opened."""
    pack(layout)
    path = packs(layout)[0]
    Path(index_path(str(path))).unlink()
    path.unlink()
    path.mkdir()

    with pytest.raises(JournalIO, match="packs"):
        journal_ids(REAL, layout)


@pytest.mark.parametrize("name", ["2026-11-20-1.idx", "2026-11-20-0.jsonl", "2026-11-20.jsonl", ".lock", "x"])
def test_a_file_of_another_name_is_no_pack(name: str) -> None:
    """Strangers' files in the folder are left alone."""
    assert parse_name(name) is None
    assert str(parse_name(f"{day_of(RUN)}-12.jsonl")) == f"{day_of(RUN)}-12.jsonl"
