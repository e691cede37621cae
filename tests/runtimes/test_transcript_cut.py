"""A limit of output keeps the beginning and the end, says what is missing, and shows no other byte."""

import errno
import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlore.journal.disk import REAL, Disk, RealDisk
from runlore.journal.layout import Layout
from runlore.journal.values import RunId, Stream
from runlore.runtimes.transcript import Transcript
from runlore.runtimes.transcript_index import RECORD
from runlore.runtimes.transcript_lines import TranscriptLines
from runlore.runtimes.transcript_reader import Chunk, TranscriptReader
from tests.doubles.failer import Failer, Killed

RUN = RunId("20261120-201400-k3f9x2ab")
STREAMS = st.sampled_from(["stdout", "stderr"])
PIECES = st.lists(st.tuples(STREAMS, st.integers(1, 60)), max_size=25)
Pieces = list[tuple[Stream, int]]


class Limited:
    """A transcript with a limit, and everything that was ever printed to it."""

    def __init__(self, root: Path, limit: int, disk: Disk = REAL) -> None:
        self.layout, self.limit = Layout(str(root)), limit
        folder = Path(self.layout.run_dir(RUN))
        folder.mkdir(parents=True)
        self.paths = str(folder / "transcript"), str(folder / "transcript.index")
        self.printed: dict[Stream, bytes] = {"stdout": b"", "stderr": b""}
        self.order: list[tuple[Stream, int]] = []
        self.transcript = Transcript.create(disk, *self.paths, limit=limit)
        self._bytes = count()

    def print(self, stream: Stream, length: int) -> None:
        data = bytes(next(self._bytes) % 256 for _ in range(length))  # NULs among them
        self.printed[stream] += data
        self.order += [(stream, byte) for byte in data]
        self.transcript.store(stream, data)

    def resume(self) -> None:
        """Go on as the next keeper would."""
        self.transcript.close()
        self.transcript = Transcript.resume(REAL, *self.paths, limit=self.limit)

    def reader(self) -> TranscriptReader:
        return TranscriptReader(REAL, self.layout, RUN)

    def read(self) -> list[Chunk]:
        with self.reader() as reader:
            return list(reader.read_available())


@pytest.fixture(autouse=True)
def little_slack() -> Iterator[None]:
    """Let things be given up often."""
    with mock.patch("runlore.runtimes.transcript.SLACK", 16):
        yield


def check_told(seen: list[Chunk], printed: dict[Stream, bytes]) -> None:
    """Every byte that is shown stands where it was printed, and the others are said to be missing."""
    at: dict[Stream, int] = {"stdout": 0, "stderr": 0}
    for chunk in seen:
        begin = at[chunk.stream]
        assert printed[chunk.stream][begin : begin + len(chunk.data)] == chunk.data
        at[chunk.stream] += len(chunk.data) + chunk.lost
    assert at == {stream: len(data) for stream, data in printed.items()}


@given(PIECES, st.integers(1, 200), st.sets(st.integers(0, 24)))
def test_head_and_tail_are_kept_exactly(
    tmp_path_factory: pytest.TempPathFactory, pieces: Pieces, limit: int, resumed: set[int]
) -> None:
    """To the byte, whatever comes in whatever pieces, and whoever writes on in between."""
    run = Limited(tmp_path_factory.mktemp("cut"), limit)
    for place, (stream, length) in enumerate(pieces):
        run.print(stream, length)
        if place in resumed:
            run.resume()
    run.transcript.note_gaps()
    seen = run.read()
    shown = [(chunk.stream, byte) for chunk in seen for byte in chunk.data]
    head, tail = limit // 2, limit - limit // 2
    whole = len(run.order) <= limit

    run.transcript.close()

    check_told(seen, run.printed)
    assert shown == (run.order if whole else run.order[:head] + run.order[-tail:])
    assert run.transcript.size == len(shown)
    assert run.transcript.size + run.transcript.given_up == len(run.order)


@given(PIECES, st.integers(1, 200), st.lists(st.integers(0, 40), max_size=12), st.integers(0, 60))
def test_who_reads_while_it_is_cut(
    tmp_path_factory: pytest.TempPathFactory, pieces: Pieces, limit: int, looks: list[int], pause: int
) -> None:
    """A follower sees bytes where they were printed, or is told how many it missed; never a hole."""
    run = Limited(tmp_path_factory.mktemp("cut"), limit)
    waiting = iter(pieces)
    seen: list[Chunk] = []

    class Meddling(RealDisk):
        """Lets the writer go on between any two reads."""

        calls = 0

        def pread(self, fd: int, length: int, offset: int) -> bytes:
            self.calls += 1
            data = os.pread(fd, length, offset)
            if self.calls in {*looks, pause} and (piece := next(waiting, None)):
                run.print(*piece)
            return data

    with TranscriptReader(Meddling(), run.layout, RUN) as reader:
        for piece in waiting:
            run.print(*piece)
            seen += reader.read_available()
        run.transcript.note_gaps()
        seen += reader.read_available()
        seen += reader.read_available()
    run.transcript.close()

    total = sum(len(data) for data in run.printed.values())
    assert sum(len(chunk.data) + chunk.lost for chunk in seen) == total
    shown = [byte for chunk in seen for byte in chunk.data]
    everything = iter([byte for _, byte in run.order])
    assert all(byte in everything for byte in shown), "in the order in which they were printed"


@given(PIECES, st.integers(1, 120), st.integers(1, 120))
def test_a_kill_at_any_call(
    tmp_path_factory: pytest.TempPathFactory, pieces: Pieces, limit: int, at: int
) -> None:
    """What was committed and not given up can be read right then, and after the next keeper wrote on."""
    failer = Failer(REAL, at, errno.EIO, "kill")
    root = tmp_path_factory.mktemp("cut")
    try:
        run = Limited(root, limit, failer)  # type: ignore[arg-type]  # it has every call
    except Killed:
        return
    committed: dict[Stream, int] = {"stdout": 0, "stderr": 0}
    try:
        for stream, length in pieces:
            run.print(stream, length)
            committed[stream] += length
    except Killed:
        pass
    before = run.read()
    failer.repair()
    run.resume()
    for stream, printed in run.printed.items():
        stored = sum(len(chunk.data) + chunk.lost for chunk in before if chunk.stream == stream)
        assert committed[stream] <= stored <= len(printed)
        run.printed[stream] = printed[:stored]
    check_told(before, run.printed)
    for stream, length in (*pieces, ("stdout", limit)):
        run.print(stream, length)
    run.transcript.note_gaps()
    run.transcript.close()

    check_told(run.read(), run.printed)
    assert run.transcript.size <= limit


def test_gaps_that_are_given_up(tmp_path: Path) -> None:
    """What the disk had refused is still told of, though the record of it was cleared."""
    run = Limited(tmp_path, 100)
    run.print("stdout", 60)
    run.transcript.drop("stdout", 7)
    for _ in range(20):
        run.print("stdout", 30)
    run.transcript.note_gaps()

    assert sum(chunk.lost for chunk in run.read()) == run.transcript.given_up + 7


def test_more_than_one_record_can_tell(tmp_path: Path) -> None:
    """A length of 32 bits is not the end of it."""
    run = Limited(tmp_path, 100)
    with mock.patch("runlore.runtimes.transcript_index.MAX_LENGTH", 50):
        for _ in range(20):
            run.print("stdout", 30)
            run.print("stderr", 10)
        run.resume()
        run.print("stderr", 30)
        run.transcript.note_gaps()
        assert sum(len(chunk.data) for chunk in run.read()) == 100
        assert sum(chunk.lost for chunk in run.read()) == 800 + 30 - 100


def test_a_file_system_that_cannot_make_holes(tmp_path: Path) -> None:
    """The limit is kept all the same: nothing is stored any more, and that is told."""

    class Solid(RealDisk):
        def punch(self, fd: int, offset: int, length: int) -> bool:
            del fd, offset, length
            return False

    run = Limited(tmp_path, 100, Solid())
    for _ in range(50):
        run.print("stdout", 30)
    run.transcript.note_gaps()
    lost = run.transcript.given_up + run.transcript.dropped["stdout"]

    assert Path(run.paths[0]).stat().st_size <= 100 + 16 + 30
    assert sum(chunk.lost for chunk in run.read()) == lost
    assert sum(len(chunk.data) for chunk in run.read()) == 1500 - lost


def test_the_last_lines_and_a_time_behind_a_long_hole(tmp_path: Path) -> None:
    """Looking from the end, or from a time on, jumps over what was given up, however much it was."""
    run = Limited(tmp_path, 2000)
    for number in range(6000):
        line = b"line %d\n" % number
        run.printed["stdout"] += line
        run.transcript.store("stdout", line)
    run.transcript.note_gaps()
    index = Path(run.paths[1])
    assert index.stat().st_size > 5000 * RECORD
    with run.reader() as reader:
        last = [line.data for line in TranscriptLines(reader).last(2)]
    with run.reader() as reader:
        chunks = list(reader.read_available())
        when = chunks[-3].at
    with run.reader() as reader:
        reader.seek_since(when)
        since = list(reader.read_available())

    assert last == [b"line 5998\n", b"line 5999\n"]
    assert since[-3:] == chunks[-3:]
    assert not any(chunk.lost for chunk in since)
