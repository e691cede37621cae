"""Every byte a command prints is in its FIFO, in the hand-over memory, or committed; never twice."""

import errno
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlore.journal.disk import REAL, Disk
from runlore.journal.values import Stream
from runlore.runtimes import transcript_index as index
from runlore.runtimes.capture import HEADER, StreamCapture, keep_all, new_memfd
from runlore.runtimes.transcript import Transcript
from runlore.runtimes.transcript_index import RECORD, IndexRecord
from tests import proof
from tests.doubles.failer import Failer

CAPTURING = """
import os, sys
sys.path[:0] = {path!r}
from runlore.journal.disk import REAL
from runlore.runtimes.capture import keep_all, open_captures
from runlore.runtimes.transcript import Transcript

folder, out, err, memory_out, memory_err = sys.argv[1], *map(int, sys.argv[2:])
transcript = Transcript.resume(REAL, folder + "/transcript", folder + "/transcript.index")
fifos, memfds = {{"stdout": out, "stderr": err}}, {{"stdout": memory_out, "stderr": memory_err}}
captures = open_captures(transcript, fifos, memfds, keep_all)
print("capturing", flush=True)
while not all(capture.ended for capture in captures):
    for capture in captures:
        if not capture.ended:
            capture.take()
"""
WRITING = """
import os, sys
out, err, count = map(int, sys.argv[1:])
for place in range(count):
    os.write(out, b"out %d\\n" % place)
    if place % 3 == 0:
        os.write(err, b"err %d\\n" % place)
"""


class Captured:
    """One stream captured in this process, for tests that look closely."""

    def __init__(
        self, folder: Path, disk: Disk = REAL, redact: Callable[..., tuple[bytes, int]] = keep_all
    ) -> None:
        self.folder, self.disk, self.redact = folder, disk, redact
        self.pipe, self.input = os.pipe()
        os.set_blocking(self.pipe, False)
        self.memfd = new_memfd("stdout")
        self.paths = str(folder / "transcript"), str(folder / "transcript.index")
        self.transcript = Transcript.create(disk, *self.paths)
        self.capture = StreamCapture(self.transcript, "stdout", os.dup(self.pipe), self.memfd, redact)

    def successor(self) -> StreamCapture:
        """What the next keeper makes of the files and the memory as they are now."""
        self.transcript.close()
        os.close(self.capture.fifo)
        self.transcript = Transcript.resume(REAL, *self.paths)
        self.capture = StreamCapture(self.transcript, "stdout", os.dup(self.pipe), self.memfd, self.redact)
        self.capture.recover()
        return self.capture

    def hang_up(self) -> None:
        """Let nobody hold the writing end any more."""
        os.close(self.input)
        self.input = os.open("/dev/null", os.O_WRONLY)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for fd in (self.pipe, self.input, self.memfd):
            os.close(fd)
        self.transcript.close()
        os.close(self.capture.fifo)

    def stored(self) -> bytes:
        return (self.folder / "transcript").read_bytes()

    def records(self) -> list[IndexRecord]:
        data = (self.folder / "transcript.index").read_bytes()
        found = [index.decode(data[at : at + RECORD]) for at in range(0, len(data), RECORD)]
        assert None not in found
        return [record for record in found if record is not None]


@pytest.fixture
def captured(tmp_path: Path) -> Iterator[Captured]:
    """A stream on a disk that works."""
    with Captured(tmp_path) as found:
        yield found


@pytest.mark.timeout(3600)
def test_a_keeper_that_is_killed_at_any_moment(tmp_path: Path, sized: Callable[[int, int], int]) -> None:
    """Its successors store exactly what was printed, in order, however often keepers are killed."""
    folder, kills = tmp_path, 0
    dice = random.Random(7)
    while kills < sized(60, 2000):
        Transcript.create(REAL, str(folder / "transcript"), str(folder / "transcript.index")).close()
        kills += _killed_now_and_then(folder, dice, 30_000)
        expected = {
            "stdout": b"".join(b"out %d\n" % place for place in range(30_000)),
            "stderr": b"".join(b"err %d\n" % place for place in range(0, 30_000, 3)),
        }
        assert _by_stream(folder) == expected
        for name in ("transcript", "transcript.index"):
            (folder / name).unlink()
    proof.record("keeper killed while it captures", "0 bytes lost or doubled", {"kills": kills})


def _killed_now_and_then(folder: Path, dice: random.Random, lines: int) -> int:
    """Capture what a writer prints, under keepers that are killed again and again; return how many were."""
    out, err = os.pipe(), os.pipe()
    memory = (new_memfd("stdout"), new_memfd("stderr"))
    kept = (out[0], err[0], *memory)
    argv = [sys.executable, "-I", "-S", "-c", WRITING, str(out[1]), str(err[1]), str(lines)]
    kills = 0
    with subprocess.Popen(argv, pass_fds=(out[1], err[1])):
        os.close(out[1])
        os.close(err[1])
        for fd in (out[0], err[0]):
            os.set_blocking(fd, False)
        while not _captured_for(dice.uniform(0, 0.05), folder, kept):
            kills += 1
    for fd in kept:
        os.close(fd)
    return kills


def _captured_for(seconds: float, folder: Path, kept: tuple[int, ...]) -> bool:
    """Let a keeper capture for a while, then kill it; say whether it had finished."""
    script = CAPTURING.format(path=sys.path)
    argv = [sys.executable, "-c", script, str(folder), *map(str, kept)]
    with subprocess.Popen(argv, pass_fds=kept, stdout=subprocess.PIPE) as keeper:
        assert keeper.stdout is not None
        keeper.stdout.readline()
        try:
            assert keeper.wait(seconds) == 0
        except subprocess.TimeoutExpired:
            keeper.kill()
            return keeper.wait() == 0
    return True


def _by_stream(folder: Path) -> dict[Stream, bytes]:
    """What the transcript holds of each stream, after checking that every record is in its place."""
    transcript, records = (folder / "transcript").read_bytes(), (folder / "transcript.index").read_bytes()
    found: dict[Stream, list[bytes]] = {"stdout": [], "stderr": []}
    end = 0
    for place in range(len(records) // RECORD):
        record = index.decode(records[place * RECORD : (place + 1) * RECORD])
        assert record is not None
        assert (record.chunk, record.offset, record.kind) == (place + 1, end, "data")
        found[record.stream].append(transcript[record.offset : record.end])
        end = record.end
    assert end == len(transcript)
    return {stream: b"".join(pieces) for stream, pieces in found.items()}


class Stopped(BaseException):
    """The keeper is killed here."""


STEPS_OF_A_CHUNK = 5
"""Header, splice, transcript, index, truncation."""


@pytest.mark.parametrize("step", range(2 * STEPS_OF_A_CHUNK))
@pytest.mark.parametrize("after", [False, True])
def test_a_kill_at_every_step_of_a_chunk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, after: bool
) -> None:
    """Before or after any system call of a capture, the successor stores each byte once."""
    killer = Killer(step, after=after)
    with Captured(tmp_path, disk=killer.disk()) as captured:
        os.write(captured.input, b"first")
        with monkeypatch.context() as patch, suppress(Stopped):
            killer.arm(patch)
            captured.capture.take()
            os.write(captured.input, b"second")
            captured.capture.take()
        assert killer.killed
        if step < STEPS_OF_A_CHUNK:
            os.write(captured.input, b"second")
        successor = captured.successor()
        while successor.take():
            pass

        assert captured.stored() == b"firstsecond"
        pieces = [captured.stored()[record.offset : record.end] for record in captured.records()]
        assert b"".join(pieces) == b"firstsecond"


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", range(6))
def test_a_kill_at_every_step_of_the_last_chunk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, after: bool
) -> None:
    """What was held back until the stream ended is stored once, whoever stores it."""
    killer = Killer(step, after=after)
    with Captured(tmp_path, disk=killer.disk(), redact=holding_back) as captured:
        os.write(captured.input, b"secretsec")
        captured.capture.take()
        captured.hang_up()
        with monkeypatch.context() as patch, suppress(Stopped):
            killer.arm(patch)
            captured.capture.take()
        successor = captured.successor()
        while not successor.ended:
            successor.take()

        assert killer.killed
        assert captured.stored() == b"[...]sec"


class Killer:
    """Kills the keeper right before or after its n-th system call."""

    def __init__(self, step: int, *, after: bool) -> None:
        self._left, self._after, self._armed = step, after, False
        self.killed = False

    def disk(self) -> Disk:
        """A disk whose writes count as steps."""
        disk = type(REAL)()
        disk.pwrite = self._killing(REAL.pwrite)  # type: ignore[assignment]
        return disk

    def arm(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Count from here on."""
        for name in ("pwrite", "splice", "ftruncate"):
            monkeypatch.setattr(os, name, self._killing(getattr(os, name)))
        self._armed = True

    def _killing(self, call: Callable[..., object]) -> Callable[..., object]:
        def killing(*arguments: object) -> object:
            if not self._armed:
                return call(*arguments)
            self._left -= 1
            self.killed = self._left == -1
            if self.killed and not self._after:
                raise Stopped
            result = call(*arguments)
            if self.killed:
                raise Stopped
            return result

        return killing


def holding_back(raw: bytes, final: bool) -> tuple[bytes, int]:
    """A redactor that hides `secret` and keeps back whatever could become one."""
    held = 0 if final else next((n for n in range(5, 0, -1) if raw.endswith(b"secret"[:n])), 0)
    used = len(raw) - held
    return raw[:used].replace(b"secret", b"[...]"), used


@given(
    st.lists(st.sampled_from([b"s", b"e", b"secret", b"ret", b"sec", b"x" * 7, b" "]), max_size=30), st.data()
)
def test_a_redactor_that_holds_back(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], data: st.DataObject
) -> None:
    """However the output is cut, and whenever a keeper is replaced, the result is as if it came whole."""
    with Captured(tmp_path_factory.mktemp("held"), redact=holding_back) as captured:
        for piece in pieces:
            os.write(captured.input, piece)
            if data.draw(st.booleans()):
                captured.capture.take()
            if data.draw(st.booleans()):
                captured.successor()
        while captured.capture.take():
            pass
        captured.capture.finish()
        stored = captured.stored()

    assert stored == holding_back(b"".join(pieces), True)[0]
    assert b"secret" not in stored


def test_a_rest_that_stays_small(captured: Captured) -> None:
    """Memory does not grow with what flowed through, even if something is always held back."""
    captured.capture._redact = lambda raw, final: (raw[:-1], len(raw) - 1) if not final else (raw, len(raw))
    for _ in range(300):
        os.write(captured.input, b"y" * 60_000)
        captured.capture.take()

    assert os.fstat(captured.memfd).st_size < HEADER + (3 << 20)
    captured.capture.finish()
    assert captured.stored() == b"y" * 60_000 * 300


def test_an_empty_memory(captured: Captured) -> None:
    """What is committed leaves the hand-over memory at once."""
    os.write(captured.input, b"z" * 50_000)
    captured.capture.take()

    assert os.fstat(captured.memfd).st_size == HEADER


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG, errno.EIO, errno.EDQUOT])
def test_a_disk_that_refuses_for_a_while(tmp_path: Path, number: int) -> None:
    """What came meanwhile is counted, and told by a gap where it is missing once there is room again."""
    failer = Failer(REAL, None, number, "for ever", only=frozenset({"pwrite"}))
    with Captured(tmp_path, disk=failer) as captured:  # type: ignore[arg-type]
        _print(captured, b"before")
        failer._at = failer.count + 1
        _print(captured, b"lost")
        _print(captured, b"this too")
        failer.repair()
        _print(captured, b"after")

        assert captured.stored() == b"beforeafter"
        told = [(record.kind, record.offset, record.length) for record in captured.records()]
        assert told == [("data", 0, 6), ("gap", 6, 12), ("data", 6, 5)]
        assert captured.transcript.dropped["stdout"] == 12


def test_what_was_dropped_is_known_to_the_next_keeper(tmp_path: Path) -> None:
    """A keeper killed while the disk was full leaves its count in the memory."""
    failer = Failer(REAL, None, errno.ENOSPC, "for ever", only=frozenset({"pwrite"}))
    with Captured(tmp_path, disk=failer) as captured:  # type: ignore[arg-type]
        failer._at = failer.count + 1
        _print(captured, b"lost")
        failer.repair()
        captured.successor()
        _print(captured, b"after")

        told = [(record.kind, record.length) for record in captured.records()]
        assert told == [("gap", 4), ("data", 5)]
        assert captured.transcript.dropped["stdout"] == 4


def test_a_disk_with_room_for_a_part(captured: Captured) -> None:
    """The part that fits is stored, the rest is a gap."""
    disk = type(REAL)()
    room = iter([3])
    real = REAL.pwrite

    def small(fd: int, data: bytes, offset: int) -> int:
        taken = next(room, None)
        if fd != captured.transcript._data_fd:
            return real(fd, data, offset)
        if taken is None:
            raise OSError(errno.ENOSPC, "full")
        return real(fd, data[:taken], offset)

    disk.pwrite = small  # type: ignore[assignment]  # only what this test calls
    captured.transcript._disk = disk
    _print(captured, b"abcdef")
    captured.transcript._disk = REAL
    captured.transcript.note_gaps()

    assert captured.stored() == b"abc"
    assert [(r.kind, r.length) for r in captured.records()] == [("data", 3), ("gap", 3)]


def test_an_index_that_a_crash_cut(captured: Captured) -> None:
    """What stands behind the last whole record does not count, in the index nor in the transcript."""
    _print(captured, b"kept")
    with (captured.folder / "transcript.index").open("ab") as file:
        file.write(b"\0" * 40)
    with (captured.folder / "transcript").open("ab") as file:
        file.write(b"not committed")
    captured.successor()
    _print(captured, b" and more")

    assert captured.stored() == b"kept and more"
    assert [record.chunk for record in captured.records()] == [1, 2]


def test_a_busy_pipe_grows(captured: Captured) -> None:
    """A command that fills its pipe gets a larger one; a quiet one leaves the user's pipe memory alone."""
    import fcntl

    before = fcntl.fcntl(captured.pipe, fcntl.F_GETPIPE_SZ)
    _print(captured, b"quiet")
    quiet = fcntl.fcntl(captured.pipe, fcntl.F_GETPIPE_SZ)
    _print(captured, b"b" * before)

    assert quiet == before
    assert fcntl.fcntl(captured.pipe, fcntl.F_GETPIPE_SZ) > before


def test_no_memory_for_a_chunk(captured: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the hand-over memory cannot grow, the command is still not held up: its bytes are counted."""

    def refuse(*_: object) -> int:
        raise OSError(errno.ENOMEM, "no memory")

    os.write(captured.input, b"lost")
    with monkeypatch.context() as patch:
        patch.setattr(os, "splice", refuse)
        assert captured.capture.take() == 4
    _print(captured, b"kept")

    assert captured.stored() == b"kept"
    assert captured.transcript.dropped["stdout"] == 4


RECORDS = st.builds(
    IndexRecord,
    st.integers(1, 2**64 - 1),
    st.integers(0, 2**63),
    st.integers(0, 2**63),
    st.integers(0, index.MAX_LENGTH),
    st.sampled_from(["stdout", "stderr"]),
    st.sampled_from(["data", "gap"]),
)


@given(RECORDS)
def test_a_record_comes_back(record: IndexRecord) -> None:
    """Every record has 32 bytes and says the same when read."""
    assert len(index.encode(record)) == RECORD
    assert index.decode(index.encode(record)) == record


@given(st.binary(min_size=RECORD, max_size=RECORD), st.integers(0, RECORD * 8 - 1))
def test_a_damaged_record_is_none(noise: bytes, bit: int) -> None:
    """One flipped bit is found, and so are NULs."""
    good = bytearray(index.encode(IndexRecord(3, 10, 20, 30, "stderr")))
    good[bit // 8] ^= 1 << bit % 8

    assert index.decode(bytes(good)) is None
    assert index.decode(bytes(RECORD)) is None
    assert index.decode(noise[:-1]) is None


def _print(captured: Captured, data: bytes) -> None:
    os.write(captured.input, data)
    captured.capture.take()
