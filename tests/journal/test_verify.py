"""Verify a journal: what its bytes prove, and what only an anchor shows."""

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from runlore.journal import verify as verify_module
from runlore.journal.disk import REAL, Disk
from runlore.journal.errors import JournalIO, NotFound
from runlore.journal.events import RunProgressed, RunStarted
from runlore.journal.layout import Layout
from runlore.journal.reader import read
from runlore.journal.values import Handle, Head, Offset, Seq
from runlore.journal.verify import MOST_FINDINGS, verify
from runlore.journal.writer import Writer
from tests.doubles.drafts import ANY_TIME, booting, failed, noted, progressed, queued, started
from tests.doubles.failer import failing
from tests.journal.journals import RUN, ended_run, new_run, overwrite, raw, registry

if TYPE_CHECKING:
    from runlore.journal.scan import Tail


@pytest.fixture
def layout(registry_root: Path) -> Layout:
    return registry(registry_root)


def _compose(layout: Layout, *events: object) -> None:
    """Append events that no writer of ours would: chained rightly, but out of their order."""
    from runlore.journal.compose import compose

    writer = Writer(REAL, layout, RUN, owner=True).open()
    tail: Tail = writer.tail
    writer.close()
    data = raw(layout)
    for event in events:
        composed = compose(tail, event(tail.seq + 1))  # type: ignore[operator]
        data, tail = data + composed.data, composed.after
    overwrite(layout, data)


def test_a_live_run(layout: Layout) -> None:
    """It is whole and not sealed yet, which is no finding."""
    writer = new_run(layout)
    head = writer.append(noted()).head

    found = verify(REAL, layout, RUN)

    assert (found.integrity, found.findings, found.records, found.journal_head) == ("unsealed", [], 2, head)
    assert not found.ended


def test_a_finished_run(layout: Layout) -> None:
    """It is sealed, and its status is what it ended with."""
    ended_run(layout)

    found = verify(REAL, layout, RUN)

    assert (found.integrity, found.ended, found.status, found.records) == ("sealed", True, "succeeded", 6)


def test_a_final_event_without_its_seal(layout: Layout) -> None:
    """It has ended and is not sealed: a crash may have cut it there."""
    ended_run(layout)
    data = raw(layout)
    overwrite(layout, data[: data.index(b'{"type":"run.sealed"')])

    found = verify(REAL, layout, RUN)

    assert (found.integrity, found.ended, found.findings) == ("unsealed", True, [])


def test_a_crash_tail(layout: Layout) -> None:
    """It is a finding that says what the next appender will do by itself."""
    ended_run(layout)
    size = len(raw(layout))
    overwrite(layout, raw(layout) + bytes(300))

    found = verify(REAL, layout, RUN)

    (finding,) = found.findings
    assert (found.integrity, found.crash_tail, found.records) == ("damaged", True, 6)
    assert (finding.kind, finding.seq, finding.offset) == ("unterminated", 7, size)
    assert "crash tail of 300 bytes" in finding.detail


def test_corruption(layout: Layout) -> None:
    """One changed letter in the middle is found, with its place, and nothing heals it."""
    ended_run(layout)
    data = raw(layout)
    place = data.index(b'{"type":"run.started"')
    overwrite(layout, data.replace(b"4712", b"4713"))

    found = verify(REAL, layout, RUN)

    (finding,) = found.findings
    assert (finding.kind, finding.seq, finding.offset) == ("chain", 3, place)
    assert not found.crash_tail
    assert "corruption" in finding.detail


def test_damage_in_mode_process(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within one boot it is corruption, because no appender mends it; after another, a crash tail."""
    Writer.create(REAL, layout, RUN, queued(RUN, durability="process", boot_id="this")).close()
    overwrite(layout, raw(layout) + bytes(30) + b"\n")

    monkeypatch.setattr(verify_module, "boot_id", lambda: "this")
    assert not verify(REAL, layout, RUN).crash_tail
    monkeypatch.setattr(verify_module, "boot_id", lambda: "that")
    assert verify(REAL, layout, RUN).crash_tail


def test_an_event_the_lifecycle_has_not(layout: Layout) -> None:
    """A rightly chained event at the wrong time is found, at the place where it lies."""
    writer = new_run(layout)
    writer.append(booting())
    writer.append(failed())
    writer.close()
    place = len(raw(layout))
    _compose(layout, lambda seq: RunProgressed(seq=seq, at=ANY_TIME, message="after the end"))

    (finding,) = verify(REAL, layout, RUN).findings

    assert (finding.kind, finding.seq, finding.offset) == ("lifecycle", 5, place)
    assert "run.progressed after failed" in finding.detail


def test_two_wrong_events_among_many(layout: Layout) -> None:
    """Each has its own place, however much stands in between."""
    writer = new_run(layout)
    for draft in (booting(), started()):
        writer.append(draft)
    writer.close()
    start_again = lambda seq: RunStarted(seq=seq, at=ANY_TIME, handle=Handle(pid=1))  # noqa: E731 - used twice, in place
    chat = [lambda seq: RunProgressed(seq=seq, at=ANY_TIME, message="x" * 400)] * 20
    _compose(layout, start_again, *chat, start_again)
    offsets = {record.seq: record.offset for record in read(REAL, layout, RUN)}

    found = verify(REAL, layout, RUN).findings

    assert [(finding.kind, finding.seq) for finding in found] == [("lifecycle", 4), ("lifecycle", 25)]
    assert [finding.offset for finding in found] == [offsets[Seq(4)], offsets[Seq(25)]]


@pytest.mark.parametrize("data", [b"", bytes(200), b'{"type":"run.queued"'])
def test_a_journal_without_a_first_event(layout: Layout, data: bytes) -> None:
    """One finding, and no head."""
    new_run(layout).close()
    overwrite(layout, data)

    found = verify(REAL, layout, RUN)

    assert len(found.findings) == 1
    assert (found.integrity, found.records, found.journal_head) == ("damaged", 0, None)


def test_no_journal(layout: Layout) -> None:
    """It is not found."""
    with pytest.raises(NotFound):
        verify(REAL, layout, RUN)


# -- anchors


def test_an_anchor_that_holds(layout: Layout) -> None:
    """Any earlier head of this history is in it."""
    ended_run(layout)
    for record in read(REAL, layout, RUN):
        assert verify(REAL, layout, RUN, anchor=(record.seq, record.head)).integrity == "sealed"


def test_an_anchor_in_a_journal_cut_behind_a_seal(layout: Layout) -> None:
    """The chain cannot show it; the anchor does."""
    ended_run(layout)
    cut = raw(layout)
    record = Writer(REAL, layout, RUN).append(noted())
    overwrite(layout, cut)

    assert verify(REAL, layout, RUN).integrity == "sealed"
    found = verify(REAL, layout, RUN, anchor=(record.seq, record.head))

    assert found.integrity == "anchor_mismatch"
    assert found.findings[-1].kind == "anchor"
    assert "it ends at seq 6" in found.findings[-1].detail


def test_an_anchor_of_another_history(layout: Layout) -> None:
    """A rewritten journal has another head at that seq."""
    ended_run(layout)

    found = verify(REAL, layout, RUN, anchor=(Seq(2), Head("0" * 64)))

    assert (found.integrity, found.findings[-1].seq) == ("anchor_mismatch", 2)


# -- a disk that fails


def _failing_at_byte(offset: int) -> Disk:
    faulty, _ = failing(REAL, None, errno.EIO, "once")
    pread = REAL.pread

    def read_or_fail(fd: int, length: int, at: int) -> bytes:
        if at >= offset:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return pread(fd, min(length, offset - at), at)

    faulty.pread = read_or_fail  # type: ignore[method-assign]
    return faulty


def test_a_read_error_in_the_middle(layout: Layout) -> None:
    """It is a finding of its own, and never taken for the end of the file or for a crash tail."""
    writer = new_run(layout)
    writer.append(progressed("x" * 500))
    writer.close()

    found = verify(_failing_at_byte(600), layout, RUN)

    (finding,) = found.findings
    assert (finding.kind, finding.seq, found.crash_tail) == ("unreadable", 2, False)
    assert finding.offset == Offset(raw(layout).index(b"\n") + 1)


def test_a_journal_that_is_a_folder(layout: Layout) -> None:
    """It cannot be read, and that is what the finding says."""
    os.mkdir(layout.journal(RUN))

    found = verify(REAL, layout, RUN)

    assert [finding.kind for finding in found.findings] == ["unreadable"]


def test_a_journal_that_cannot_be_opened(layout: Layout) -> None:
    """The error names the path and what the kernel said."""
    os.symlink("/dev/null", layout.journal(RUN))

    with pytest.raises(JournalIO, match="symbolic links"):
        verify(REAL, layout, RUN)


@pytest.mark.parametrize(("wrong", "untold"), [(MOST_FINDINGS, 0), (MOST_FINDINGS + 1, 1), (3000, 2000)])
def test_very_many_wrong_events_are_counted(layout: Layout, wrong: int, untold: int) -> None:
    """So many are told one by one; how many more there are is said, whatever their number."""
    writer = new_run(layout)
    for draft in (booting(), failed()):
        writer.append(draft)
    writer.close()
    _compose(layout, *[lambda seq: RunProgressed(seq=seq, at=ANY_TIME, message="after the end")] * wrong)

    found = verify(REAL, layout, RUN)

    assert (len(found.findings), found.untold) == (MOST_FINDINGS, untold)
    assert found.integrity == "damaged"
    assert found.records == 4 + 2 * wrong, "each is sealed"
