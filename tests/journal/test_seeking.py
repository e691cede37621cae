"""A record in a long journal is found by its seq, and what is no such journal is not searched."""

import os
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runlore.journal import codec, seeking, tailing
from runlore.journal.disk import REAL
from runlore.journal.errors import CorruptJournal
from runlore.journal.history import open_file
from runlore.journal.reader import read
from runlore.journal.scan import Scanner, Tail
from runlore.journal.values import Seq
from tests.doubles.drafts import new_run_id
from tests.doubles.long_runs import write_journal
from tests.doubles.memory import peak_of
from tests.journal.journals import RUN, registry


def _found(path: str, seq: int) -> Tail | None:
    with open_file(REAL, path) as history:
        return seeking.at_or_before(history, RUN, os.path.getsize(path), seq)


@given(
    sizes=st.lists(st.integers(0, codec.MAX_LINE - 1000), min_size=12, max_size=40),
    data=st.data(),
)
@settings(max_examples=40, deadline=None)
def test_any_record_is_found_whatever_its_length(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], data: st.DataObject
) -> None:
    """Lines of a few bytes and of the longest kind stand side by side."""
    layout = registry(tmp_path_factory.mktemp("root"))
    path = write_journal(layout, RUN, len(sizes), texts=["x" * size for size in sizes])
    with open(path, "rb") as file:
        whole = file.read()
    count = whole.count(b"\n")
    seq = data.draw(st.integers(1, count + 2))
    found = _found(path, seq)
    scanner = Scanner(Tail.empty(RUN))
    lines = whole.splitlines(keepends=True)[: min(seq, count)]
    scanner.advance(b"".join(lines))
    assert found is not None
    assert (found.seq, found.size, found.digest) == (
        min(seq, count),
        scanner.tail.size,
        scanner.tail.digest,
    )


def test_seeking_reads_a_few_places_only(tmp_path: os.PathLike[str]) -> None:
    """However long the journal, some pieces of it are enough."""
    layout = registry(tmp_path)
    path = write_journal(layout, RUN, 60_000)
    asked = 0

    class Counted:
        """A source that counts what is asked of it."""

        def pread(self, length: int, offset: int) -> bytes:
            nonlocal asked
            asked += length
            return history.pread(length, offset)

    with open_file(REAL, path) as history:
        found = seeking.at_or_before(Counted(), RUN, os.path.getsize(path), 30_000)
    assert found is not None
    assert found.seq == 30_000
    assert asked < os.path.getsize(path) / 4


def test_reading_on_from_the_middle_gives_what_reading_all_gives(tmp_path: os.PathLike[str]) -> None:
    """`after` finds its place in a long journal, at both ends as well."""
    layout = registry(tmp_path)
    write_journal(layout, RUN, 30_000)
    everything = list(read(REAL, layout, RUN))
    count = len(everything)
    for after in (0, 1, 15_000, count - 1, count, count + 1):
        assert list(read(REAL, layout, RUN, after=Seq(after), check_chain=True)) == everything[after:]


def test_damage_in_front_of_the_place_is_for_verify(tmp_path: os.PathLike[str]) -> None:
    """What is not read cannot be found damaged; what follows the damage is there all the same."""
    layout = registry(tmp_path)
    path = write_journal(layout, RUN, 30_000)
    with open(path, "r+b") as file:
        file.seek(400_000)
        file.write(b"\0" * 400)
    assert [record.seq for record in read(REAL, layout, RUN, after=Seq(29_990))][:2] == [29_991, 29_992]
    with pytest.raises(CorruptJournal):
        list(read(REAL, layout, RUN))


@pytest.mark.parametrize("seq", [0, -1])
def test_no_record_has_such_a_seq(tmp_path: os.PathLike[str], seq: int) -> None:
    """Seqs begin at 1."""
    assert _found(write_journal(registry(tmp_path), RUN, 10), seq) is None


@pytest.mark.parametrize("content", [b"", b"\n", b"x" * (2 << 20), b"{}\n" * (1 << 19), b"\0" * (2 << 20)])
def test_what_is_no_journal_is_not_searched(tmp_path: os.PathLike[str], content: bytes) -> None:
    """Nothing is found, and nothing breaks."""
    path = os.path.join(tmp_path, "some.jsonl")
    with open(path, "wb") as file:
        file.write(content)
    assert _found(path, 7) is None


def test_a_journal_of_another_run_is_not_searched(tmp_path: os.PathLike[str]) -> None:
    """The first line says whose it is."""
    path = write_journal(registry(tmp_path), new_run_id(2), 10)
    with open_file(REAL, path) as history:
        assert tailing.first_record(history) is not None
    assert _found(path, 3) is None


def test_lines_that_lie_about_their_seq_are_not_believed(tmp_path: os.PathLike[str]) -> None:
    """Where the middle is no line of this journal, only reading from the beginning tells."""
    layout = registry(tmp_path)
    path = write_journal(layout, RUN, 30_000)
    with open(path, "rb") as file:
        whole = file.read()
    half = whole.index(b"\n", len(whole) // 2) + 1
    with open(path, "wb") as file:
        file.write(whole[:half] + b"not an event\n" * 100_000 + whole[half:])
    assert _found(path, 29_999) is None
    with pytest.raises(CorruptJournal):
        list(read(REAL, layout, RUN, after=Seq(29_999)))


def test_reading_needs_no_more_memory_for_a_longer_journal(tmp_path: os.PathLike[str]) -> None:
    """A few records are in memory at a time."""
    layout, longer = registry(tmp_path), new_run_id(2)
    write_journal(layout, RUN, 5_000)
    write_journal(layout, longer, 20_000)
    short = peak_of(lambda: deque(read(REAL, layout, RUN), maxlen=1))
    assert peak_of(lambda: deque(read(REAL, layout, longer), maxlen=1)) < short * 1.2
