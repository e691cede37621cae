"""Corpus J as files: what readers, verify, appenders and repair do with each of them."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from runlore.journal.disk import REAL
from runlore.journal.errors import CorruptJournal, NewerFormat, RunloreError
from runlore.journal.event_chunks import EventChunks
from runlore.journal.events import RunNoted
from runlore.journal.layout import Layout
from runlore.journal.reader import JournalReader
from runlore.journal.repair import repair
from runlore.journal.root import open_for_writing
from runlore.journal.scan import Scanner, Tail
from runlore.journal.verify import verify
from runlore.journal.writer import Writer
from tests.corpus.journal.cases import CASES, RUN, Case
from tests.corpus.journal.test_corpus import STATES

# The scan knows packs and redaction; nothing in this version packs or redacts a file.
FILES = [case for case in CASES if case.id not in {"J57 a continuation", "J58 redacted line"}]
every_case = pytest.mark.parametrize("case", FILES, ids=repr)
damaged = pytest.mark.parametrize("case", [one for one in FILES if one.kind], ids=repr)


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """A registry that all cases take turns in."""
    return open_for_writing(REAL, str(tmp_path_factory.mktemp("corpus") / "registry"))


@pytest.fixture
def journal(case: Case, layout: Layout) -> Iterator[Path]:
    """The case as the only journal of the registry, with nothing in quarantine."""
    path = Path(layout.journal(RUN))
    path.write_bytes(case.data)
    path.chmod(0o600)
    for kept in Path(layout.quarantine).iterdir():
        kept.unlink()
    yield path
    path.unlink()


def _quarantined(layout: Layout) -> bytes:
    return b"".join(path.read_bytes() for path in Path(layout.quarantine).iterdir())


@every_case
def test_readers_give_the_whole_records_and_write_nothing(case: Case, journal: Path, layout: Layout) -> None:
    """Records up to the damage come back from a file as from memory; the file stays as it is."""
    with JournalReader(REAL, layout, RUN, check_chain=True) as reader:
        records = reader.read_available()
        state = reader.verdict().state
    folded = [event for chunk in EventChunks(REAL, str(journal)) for event in chunk]

    assert [record.seq for record in records] == list(range(1, case.records + 1))
    assert state == STATES[case.verdict]
    assert [record.event for record in records] == folded[: len(records)]
    assert journal.read_bytes() == case.data


@every_case
def test_verify_finds_what_the_corpus_says(case: Case, journal: Path, layout: Layout) -> None:
    """Damage has its kind and its class; what is whole is not called damaged for its bytes."""
    found = verify(REAL, layout, RUN)

    assert found.records == case.records
    assert found.crash_tail is (case.verdict == "tail")
    assert (case.kind in {finding.kind for finding in found.findings}) or not case.kind
    assert (found.integrity == "damaged") is bool(found.findings)
    assert journal.read_bytes() == case.data


@every_case
def test_appending_heals_a_crash_tail_and_refuses_corruption(
    case: Case, journal: Path, layout: Layout
) -> None:
    """A label goes behind the last whole record, with what was cut in quarantine; or nothing is changed."""
    writer = Writer(REAL, layout, RUN, owner=True)
    try:
        if not case.writable:
            expected = CorruptJournal if case.verdict == "refuse" else RunloreError
            with pytest.raises(expected) as caught:
                writer.append(lambda seq, at: RunNoted(seq=seq, at=at, text="appended"))
            assert caught.value.exit_code in (3, 65)
            assert isinstance(caught.value, NewerFormat) is case.id.startswith("J56 format 2")
            assert journal.read_bytes() == case.data
            return
        record = writer.append(lambda seq, at: RunNoted(seq=seq, at=at, text="appended"))
    finally:
        with suppress(CorruptJournal):  # it may say so once more when it lets go
            writer.close()
    data = journal.read_bytes()
    size = len(case.data) - len(_quarantined(layout))
    scanner = Scanner(Tail.empty(RUN))
    scanner.advance(data)

    assert data.startswith(case.data[:size])
    assert _quarantined(layout) == case.data[size:]
    assert scanner.verdict().state == "clean"
    assert record.seq > case.records
    assert scanner.tail.sealed is scanner.tail.ended


@damaged
def test_repair_keeps_the_whole_records_and_moves_the_rest_aside(
    case: Case, journal: Path, layout: Layout
) -> None:
    """After a repair the journal is clean, and not one byte is gone."""
    if case.records == 0:
        with pytest.raises(RunloreError):
            repair(REAL, layout, RUN)
        assert journal.read_bytes() == case.data
        return
    done = repair(REAL, layout, RUN)
    data = journal.read_bytes()
    scanner = Scanner(Tail.empty(RUN))
    scanner.advance(data)

    assert done.kept_records == case.records
    assert data.startswith(case.data[: len(case.data) - done.cut_bytes])
    assert _quarantined(layout) == case.data[len(case.data) - done.cut_bytes :]
    assert scanner.verdict().state == "clean"
    assert scanner.tail.seq >= case.records + 1
    assert os.stat(journal).st_mode & 0o777 == 0o600
