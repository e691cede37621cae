"""Runs that go on, as the fast path sees them: in any doubt it does not see them."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import pytest
from msgspec import structs

from runlore.cli import quick_live
from runlore.cli.quick_live import Doubt, Live
from runlore.journal import machine
from runlore.journal.disk import REAL
from runlore.journal.events import RunProgressed
from runlore.journal.layout import Layout
from runlore.journal.writer import Draft, Writer
from runlore.projections import health
from runlore.projections.index.live import live_row
from runlore.projections.index.survey import signature_of
from runlore.projections.registry import fold_journal
from runlore.runtimes import heartbeat
from runlore.runtimes.owner_lock import OwnerLock
from tests.doubles.drafts import booting, collecting, queued, started, tagged
from tests.journal.journals import RUN, registry
from tests.runtimes.keeping import until


class Going:
    """A run with an owner, and what a listing has left about it."""

    def __init__(self, layout: Layout) -> None:
        self.layout, self.path = layout, Path(layout.journal(RUN))
        self.lock = OwnerLock.create(REAL, layout, RUN)
        self.beats = layout.in_run(RUN, "heartbeat")
        self.writer = Writer.create(REAL, layout, RUN, queued(RUN, name="größe", boot_id=machine.boot_id()))
        for draft in (booting(), started(), said(0.25, "1/4", "loading")):
            self.writer.append(draft)
        heartbeat.beat_once(REAL, self.beats, 1)
        self.row = self.known()

    def known(self) -> tuple[object, ...]:
        """Return what a listing leaves now."""
        row, signature = fold_journal(REAL, self.layout, RUN), signature_of(str(self.path))
        assert row is not None
        assert signature is not None
        known = live_row(row, signature)
        assert known is not None
        return (*known[:11], None, *known[12:])

    def seen(self, pid: int | None = None) -> Live:
        """Return the run as the fast path sees it now."""
        return Live(self.layout.root, (*self.row[:11], pid, *self.row[12:]), machine.boot_id())


@pytest.fixture
def going(tmp_path: Path) -> Iterator[Going]:
    """A run that goes on, owned by this process."""
    going = Going(registry(tmp_path / "registry"))
    yield going
    going.writer.close()
    going.lock.release()


def said(fraction: float, step: str = "", message: str = "") -> Draft:
    """Draft progress."""
    return lambda seq, at: RunProgressed(seq=seq, at=at, fraction=fraction, step=step, message=message)


def test_a_run_is_seen_as_it_was_folded(going: Going) -> None:
    """While nothing was appended, and its owner gets on."""
    seen = going.seen()

    assert (seen.run_id, seen.name, seen.status) == (RUN, "größe", "running")
    assert seen.progress == (0.25, "1/4", "loading")


def test_new_progress_is_cut_out_of_the_new_bytes(going: Going) -> None:
    """The last wins, whole: what it does not repeat is not shown; whatever is written in it is text."""
    going.writer.append(said(0.5, "2/4", "x"))
    going.writer.append(said(0.75, message='"größer"\n\\ \u2028 {'))

    assert going.seen().progress == (0.75, "", '"größer"\n\\ \u2028 {')


def test_anything_else_is_left_to_the_whole_command(going: Going) -> None:
    """A label, half a line, a journal that was cut, touched, or put back as another file."""
    whole, others = going.path.read_bytes(), going.path.with_name("other")
    going.writer.append(said(0.5))
    going.writer.append(tagged("env", "prod"))
    with pytest.raises(Doubt):
        going.seen()
    going.path.write_bytes(whole + b'{"type":"run.progressed","seq"')
    with pytest.raises(Doubt):
        going.seen()
    going.path.write_bytes(whole[:-1])
    with pytest.raises(Doubt):
        going.seen()
    going.path.write_bytes(whole)
    written = going.path.stat().st_mtime_ns  # perhaps in the same tick of the kernel as the first time
    os.utime(going.path, ns=(written, written + 1_000_000))
    with pytest.raises(Doubt):
        going.seen()
    shutil.copy(going.path, others)
    others.rename(going.path)
    with pytest.raises(Doubt):
        going.seen()
    going.path.unlink()
    with pytest.raises(OSError, match="No such file"):
        going.seen()
    going.path.write_bytes(whole)


def test_more_progress_than_is_worth_reading_is_folded(going: Going) -> None:
    """The listing that folds it leaves less for the next one."""
    for _ in range(20):
        going.writer.append(said(0.5, message="x" * 4000))
    with pytest.raises(Doubt):
        going.seen()
    going.row = going.known()

    assert going.seen().progress[0] == 0.5


def test_a_run_whose_owner_is_gone_is_left_to_the_whole_command(going: Going) -> None:
    """Only a held lock says that somebody keeps it."""
    going.lock.release()
    with pytest.raises(Doubt):
        going.seen()
    os.unlink(going.layout.owner_lock(RUN))
    with pytest.raises(OSError, match="No such file"):
        going.seen()
    going.lock = OwnerLock.create(REAL, going.layout, RUN)

    assert going.seen().status == "running"


def test_a_heartbeat_that_says_nothing_is_no_heartbeat(going: Going) -> None:
    """One that is late, of another boot, of the future, half written, or not there."""
    now, boot = REAL.monotonic(), machine.boot_id()
    for at, of in ((now - 16, boot), (now + 5, boot), (now, "other")):
        Path(going.beats).write_bytes(beat(at, of))
        with pytest.raises(Doubt):
            going.seen()
    Path(going.beats).write_bytes(beat(now, boot)[:-1])
    with pytest.raises(Doubt):
        going.seen()
    Path(going.beats).unlink()
    with pytest.raises(OSError, match="No such file"):
        going.seen()


def beat(at: float, boot: str) -> bytes:
    """What a keeper of some boot writes at some time."""
    text = f"7 {int(at * 1e9)} {boot}".encode()
    return (b"%b %08x" % (text, crc32(text))).ljust(95) + b"\n"


def test_a_command_that_stands_still_is_left_to_the_whole_command(going: Going) -> None:
    """It says that the run is paused; one whose process is gone is running until its keeper says more."""
    child = subprocess.Popen(["sleep", "60"])
    try:
        assert going.seen(child.pid).status == "running"
        child.send_signal(signal.SIGSTOP)
        until(lambda: Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")
        with pytest.raises(Doubt):
            going.seen(child.pid)
    finally:
        child.kill()
        child.wait()
    assert going.seen(child.pid).status == "running"


def test_what_is_not_folded_to_its_end_leaves_no_row(going: Going) -> None:
    """What was appended since the look at the file may be anything."""
    row, signature = fold_journal(REAL, going.layout, RUN), signature_of(str(going.path))
    assert row is not None
    assert signature is not None

    assert live_row(row, (signature[0], signature[1] - 1, signature[2])) is None
    assert live_row(structs.replace(row, size=0), signature) is None


def test_a_run_whose_command_has_ended_leaves_no_row(going: Going) -> None:
    """While its outputs are collected nothing of what is shown grows any more."""
    going.writer.append(collecting())

    with pytest.raises(Doubt):
        going.seen()
    with pytest.raises(AssertionError):
        going.known()


def test_the_same_heartbeat_is_late_for_both() -> None:
    """The fast path may not load the module that judges."""
    assert quick_live._LATE_NS == health.STALLED_AFTER_S * 1e9
