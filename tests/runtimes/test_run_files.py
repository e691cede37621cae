"""The small files of a run: the heartbeat, the exit record, the wrapper's word; whole or not at all."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from runlore.journal import exit_record
from runlore.journal.disk import REAL
from runlore.journal.exit_record import ExitRecord
from runlore.journal.values import Reason
from runlore.runtimes import exit_file, heartbeat, wrapper
from runlore.runtimes.heartbeat import Beat, Heartbeat
from runlore.runtimes.identity import identify

AT = datetime(2026, 11, 20, tzinfo=UTC)


def test_a_heartbeat(tmp_path: Path) -> None:
    """It counts, tells the time of a clock that never steps, and stays the same size."""
    path = str(tmp_path / "heartbeat")
    beating = Heartbeat(REAL, path)
    beating.beat()
    size = os.stat(path).st_size
    beating.beat()
    beat = heartbeat.read(REAL, path)
    beating.close()

    assert beat is not None
    assert beat.counter == 2
    assert os.stat(path).st_size == size
    age = heartbeat.age_s(beat, REAL.monotonic())
    assert age is not None
    assert 0 <= age < 60


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 96, b"1 2 3 4\n", b"x" * 96, b"1 2 3 00000000".ljust(95) + b"\n"]
)
def test_a_heartbeat_that_is_not_whole(tmp_path: Path, content: bytes) -> None:
    """It counts as none."""
    (tmp_path / "heartbeat").write_bytes(content)

    assert heartbeat.read(REAL, str(tmp_path / "heartbeat")) is None


def test_a_heartbeat_that_tells_nothing(tmp_path: Path) -> None:
    """None, another boot's, and one of the future have no age: none of them keeps a run fresh."""
    now = REAL.monotonic()
    path = str(tmp_path / "heartbeat")
    Heartbeat(REAL, path).beat()
    beat = heartbeat.read(REAL, path)
    assert beat is not None

    assert heartbeat.read(REAL, str(tmp_path / "none")) is None
    assert heartbeat.age_s(None, now) is None
    assert heartbeat.age_s(Beat(1, beat.monotonic_ns, "another boot"), now) is None
    assert heartbeat.age_s(Beat(1, int((now + 3600) * 1e9), beat.boot_id), now) is None


def test_a_heartbeat_on_a_disk_that_refuses(tmp_path: Path) -> None:
    """The beat is lost and the run goes on."""
    beating = Heartbeat(REAL, str(tmp_path / "heartbeat"))
    beating.close()

    beating.beat()
    assert heartbeat.read(REAL, str(tmp_path / "heartbeat")) is None


def test_an_exit_record(tmp_path: Path) -> None:
    """It is written in place into its block, and read back as it was."""
    path = str(tmp_path / "exit")
    fd = exit_file.preallocate(REAL, path)
    before = exit_file.read(REAL, path)
    record = ExitRecord(at=AT, signal=9, reason=Reason(code="cancelled", text="enough"))
    exit_file.write(REAL, fd, record)
    os.close(fd)

    assert before is None
    assert os.stat(path).st_size == exit_record.BLOCK
    assert exit_file.read(REAL, path) == record


def test_an_exit_block_that_a_crash_cut(tmp_path: Path) -> None:
    """Any byte that is not as written makes it no record."""
    path = tmp_path / "exit"
    whole = exit_record.encode(ExitRecord(at=AT, exit_code=0))
    for place in range(0, exit_record.BLOCK - 1, 7):
        damaged = bytearray(whole)
        damaged[place] ^= 0x01
        path.write_bytes(damaged)
        assert exit_file.read(REAL, str(path)) is None
    path.write_bytes(whole)
    assert exit_file.read(REAL, str(path)) is not None


def test_no_exit_file(tmp_path: Path) -> None:
    """There is no record; a file that cannot be read is another matter."""
    assert exit_file.read(REAL, str(tmp_path / "exit")) is None
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="directory"):
        exit_file.read(REAL, str(tmp_path / "folder"))


def test_the_wrappers_word(tmp_path: Path) -> None:
    """It names the process that wrote it; anything else is nobody."""
    path = str(tmp_path / "wrapper")
    nobody = wrapper.recorded_identity(path)
    wrapper.record_identity(path)

    assert nobody is None
    assert wrapper.recorded_identity(path) == identify(os.getpid())
    Path(path).write_bytes(b'{"pid": ')
    assert wrapper.recorded_identity(path) is None
