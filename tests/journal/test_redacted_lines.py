"""Journals with redacted lines: everybody who reads or appends accepts them, and nothing else."""

from pathlib import Path

import pytest

from runlore.journal import anchors
from runlore.journal.audit import audit
from runlore.journal.disk import REAL
from runlore.journal.errors import CorruptJournal
from runlore.journal.events import RunCancelled, RunNoted, TextRedacted
from runlore.journal.layout import Layout
from runlore.journal.reader import JournalReader, read
from runlore.journal.repair import plan, repair
from runlore.journal.verify import verify
from runlore.journal.writer import Writer
from tests.crash.victims import FailingSync
from tests.doubles.drafts import noted, tagged
from tests.journal.forge import RUN, Forge
from tests.journal.journals import registry

SECRET = b"hunter2hunter2"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A registry."""
    return registry(tmp_path / "registry")


def redacted(*, notes: int = 6, named: bool = True, ended: bool = True, length: int = 100) -> bytes:
    """Return a journal in which every second note was redacted; `named`: and told to be."""
    forge = Forge().queued()
    for number in range(notes):
        forge.add(RunNoted, text=f"{SECRET.decode()} {number} ".ljust(length, "x"))
    changed = tuple(range(2, notes + 2, 2))
    if named:
        forge.add(TextRedacted, seqs=changed, what="a secret")
    if ended:
        forge.add(RunCancelled).seal()
    for seq in changed:
        forge.lines[seq - 1] = forge.lines[seq - 1].replace(SECRET, b"[REDACTED]    ")
    return forge.data


def put(layout: Layout, data: bytes) -> None:
    """Put a journal in its place."""
    Path(layout.journal(RUN)).write_bytes(data)


@pytest.mark.parametrize("ended", [True, False])
def test_verify_says_redacted(layout: Layout, ended: bool) -> None:
    """No finding, whatever the end is like; whether it is sealed is told beside it."""
    put(layout, redacted(ended=ended))
    found = verify(REAL, layout, RUN)

    assert (found.integrity, found.findings, found.sealed) == ("redacted", [], ended)
    assert found.records == (10 if ended else 8)


def test_a_journal_that_only_tells_of_a_redaction_is_sealed(layout: Layout) -> None:
    """Where every line still matches its hash, nothing was redacted in it."""
    put(layout, Forge().queued().add(TextRedacted, seqs=(1,), what="x").add(RunCancelled).seal().data)

    assert verify(REAL, layout, RUN).integrity == "sealed"


def test_an_edit_that_nobody_tells_of_is_damage(layout: Layout) -> None:
    """So is a journal that was cut in front of the `text.redacted`."""
    put(layout, redacted(named=False))
    found = verify(REAL, layout, RUN)

    assert (found.integrity, found.findings[0].kind, found.findings[0].seq) == ("damaged", "chain", 2)


def test_an_edit_beside_redacted_lines_is_damage(layout: Layout) -> None:
    """A line that is not named has to match."""
    put(layout, redacted().replace(b" 1 xx", b" 1 yy"))
    found = verify(REAL, layout, RUN)

    assert (found.integrity, found.findings[0].kind, found.findings[0].seq) == ("damaged", "chain", 3)


def test_a_redacted_line_with_another_hash_is_damage(layout: Layout) -> None:
    """The line behind it does not continue from there."""
    data = redacted()
    start = data.index(b'"h":"', data.index(b"[REDACTED]")) + 5
    put(layout, data[:start] + b"0" * 64 + data[start + 64 :])

    assert verify(REAL, layout, RUN).findings[0].seq == 3


def test_heads_noted_before_a_redaction_stay_valid(layout: Layout) -> None:
    """Each of them, those of the redacted lines included."""
    put(layout, redacted())
    for record in read(REAL, layout, RUN):
        anchor = anchors.Anchor(run_id=RUN, seq=record.seq, journal_head=record.head)
        (found,) = audit(REAL, layout, [RUN], {RUN: anchor})
        assert found.integrity == "redacted"


@pytest.mark.parametrize("owner", [True, False])
@pytest.mark.parametrize("length", [30, 3_000])
def test_writers_append_behind_redacted_lines(layout: Layout, owner: bool, length: int) -> None:
    """Whether they check the whole chain or only its end."""
    put(layout, redacted(ended=False, notes=12, length=length))
    writer = Writer(REAL, layout, RUN, owner=owner)
    writer.append(noted("behind"))
    writer.close()
    found = verify(REAL, layout, RUN)

    assert (found.integrity, found.records) == ("redacted", 15)


def test_nobody_appends_behind_an_edit_that_is_not_told_of(layout: Layout) -> None:
    """It is corruption."""
    put(layout, redacted(named=False, ended=False))

    with pytest.raises(CorruptJournal):
        Writer(REAL, layout, RUN, owner=True).append(noted())


def test_a_failed_sync_is_survived_by_redacted_lines(layout: Layout) -> None:
    """The copy that takes the journal's place holds them as they were."""
    put(layout, redacted(ended=False))
    disk = FailingSync(REAL)
    writer = Writer(disk, layout, RUN)  # type: ignore[arg-type]  # the calls are put in at run time
    disk.fail_next()
    writer.append(tagged())
    writer.close()
    found = verify(REAL, layout, RUN)

    assert (disk.failures, found.integrity, found.findings) == (1, "redacted", [])


def test_there_is_nothing_to_repair(layout: Layout) -> None:
    """And what is damaged behind redacted lines is cut there, not in front of them."""
    put(layout, redacted(ended=False))
    assert plan(REAL, layout, RUN).damage is None

    put(layout, redacted(ended=False) + b'{"type":"run.noted","seq":9')
    assert plan(REAL, layout, RUN).kept_records == 8
    assert repair(REAL, layout, RUN).kept_records == 8
    assert verify(REAL, layout, RUN).integrity == "redacted"


@pytest.mark.parametrize("check_chain", [True, False])
def test_a_long_journal_of_redacted_lines_is_read_once(layout: Layout, check_chain: bool) -> None:
    """Wherever a reader's pieces begin."""
    put(layout, redacted(notes=200, length=20_000))
    with JournalReader(REAL, layout, RUN, check_chain=check_chain) as reader:
        records = reader.read_available()

        assert [record.seq for record in records] == list(range(1, 205))
        assert reader.verdict().state == "clean"
        assert not reader.rewound


def test_a_follower_is_not_told_anything_twice(layout: Layout) -> None:
    """Once the file is replaced by a redacted one, it reads on behind what it had."""
    whole = redacted(notes=200, length=20_000)
    before = [line.replace(b"[REDACTED]    ", SECRET) for line in whole.splitlines(keepends=True)[:201]]
    put(layout, b"".join(before))
    with JournalReader(REAL, layout, RUN) as reader:
        assert len(reader.read_available()) == 201
        Path(layout.journal(RUN)).unlink()
        put(layout, whole)

        assert [record.seq for record in reader.read_available()] == [202, 203, 204]
        assert not reader.rewound
