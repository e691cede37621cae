"""What was printed can be read by stream, by time, by line, from the end, and while it is still growing."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlore.journal.disk import REAL, RealDisk
from runlore.journal.errors import NotFound
from runlore.journal.layout import Layout
from runlore.journal.values import RunId, Stream
from runlore.runtimes.transcript import Transcript
from runlore.runtimes.transcript_index import RECORD
from runlore.runtimes.transcript_lines import PIECE, Line, TranscriptLines
from runlore.runtimes.transcript_reader import Chunk, TranscriptReader

RUN = RunId("20261120-201400-k3f9x2ab")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Clocked(RealDisk):
    """A disk whose clock is set by the test."""

    def __init__(self) -> None:
        self.time = NOON

    def now(self) -> datetime:
        return self.time


class Printed:
    """A transcript that the test prints to, a second between chunks."""

    def __init__(self, root: Path) -> None:
        self.layout, self.clock = Layout(str(root)), Clocked()
        Path(self.layout.run_dir(RUN)).mkdir(parents=True)
        self.index = Path(self.layout.in_run(RUN, "transcript.index"))
        self.data = Path(self.layout.in_run(RUN, "transcript"))
        self.transcript = Transcript.create(self.clock, str(self.data), str(self.index))

    def print(self, *chunks: bytes, stream: Stream = "stdout") -> "Printed":
        for chunk in chunks:
            self.transcript.store(stream, chunk)
            self.clock.time += timedelta(seconds=1)
        return self

    def reader(self, stream: Stream | None = None, until: datetime | None = None) -> TranscriptReader:
        return TranscriptReader(self.clock, self.layout, RUN, stream=stream, until=until)

    def lines(self, stream: Stream | None = None) -> list[Line]:
        with self.reader(stream) as reader:
            lines = TranscriptLines(reader)
            return [*lines.read_available(), *lines.flush()]

    def last(self, count: int, stream: Stream | None = None) -> list[bytes]:
        with self.reader(stream) as reader:
            return [line.data for line in TranscriptLines(reader).last(count)]


@pytest.fixture
def printed(tmp_path: Path) -> Iterator[Printed]:
    """An empty transcript."""
    found = Printed(tmp_path)
    yield found
    found.transcript.close()


def test_everything_in_the_order_it_was_read(printed: Printed) -> None:
    """Chunks come with their stream and the time they were read."""
    printed.print(b"a").print(b"b", stream="stderr").print(b"c")
    with printed.reader() as reader:
        chunks = list(reader.read_available())

    assert chunks == [
        Chunk("stdout", NOON, b"a"),
        Chunk("stderr", NOON + timedelta(seconds=1), b"b"),
        Chunk("stdout", NOON + timedelta(seconds=2), b"c"),
    ]


def test_one_stream(printed: Printed) -> None:
    """The other one is left out."""
    printed.print(b"a").print(b"b", stream="stderr").print(b"c")
    with printed.reader("stderr") as reader:
        assert [chunk.data for chunk in reader.read_available()] == [b"b"]


def test_reading_on(printed: Printed) -> None:
    """Each chunk is returned once, however often one looks."""
    with printed.reader() as reader:
        printed.print(b"a", b"b")
        assert [chunk.data for chunk in reader.read_available()] == [b"a", b"b"]
        assert list(reader.read_available()) == []
        printed.print(b"c")
        assert [chunk.data for chunk in reader.read_available()] == [b"c"]


@pytest.mark.parametrize(
    ("seconds", "first"), [(-5, 0), (0, 0), (0.5, 1), (1, 1), (9, 9), (9.5, 10), (99, 10)]
)
def test_since_a_time(printed: Printed, seconds: float, first: int) -> None:
    """Reading begins at the first chunk that was read then or later."""
    printed.print(*(b"%d" % place for place in range(10)))
    with printed.reader() as reader:
        reader.seek_since(NOON + timedelta(seconds=seconds))
        assert [chunk.data for chunk in reader.read_available()] == [
            b"%d" % place for place in range(first, 10)
        ]


def test_a_clock_that_steps_back(printed: Printed) -> None:
    """Times in the index never decrease, so that a search by time finds its place."""
    printed.print(b"a")
    printed.clock.time = NOON - timedelta(hours=1)
    printed.print(b"b")
    with printed.reader() as reader:
        assert [chunk.at for chunk in reader.read_available()] == [NOON, NOON]


def test_a_run_without_a_transcript(tmp_path: Path) -> None:
    """That is said, with the run and where it was looked for."""
    with pytest.raises(NotFound, match="k3f9x2ab has no transcript"):
        TranscriptReader(REAL, Layout(str(tmp_path)), RUN)


def test_a_gap(printed: Printed) -> None:
    """What was dropped shows where it is missing, with its size and its stream."""
    printed.print(b"before")
    printed.transcript.drop("stderr", 500)
    printed.print(b"after")
    with printed.reader() as reader:
        found = [(chunk.stream, chunk.data, chunk.lost) for chunk in reader.read_available()]

    assert found == [("stdout", b"before", 0), ("stderr", b"", 500), ("stdout", b"after", 0)]


def test_a_record_that_is_still_being_written(printed: Printed) -> None:
    """It is "not yet": nothing is returned for it, and nothing is skipped."""
    printed.print(b"a", b"b")
    whole = printed.index.read_bytes()
    with printed.reader() as reader:
        for cut in (RECORD + 1, 2 * RECORD - 1):
            printed.index.write_bytes(whole[:cut])
            assert [chunk.data for chunk in reader.read_available()] in ([b"a"], [])
        printed.index.write_bytes(whole[: 2 * RECORD - 4] + bytes(4))
        assert list(reader.read_available()) == []
        printed.index.write_bytes(whole)
        assert [chunk.data for chunk in reader.read_available()] == [b"b"]


def test_a_damaged_record_before_a_whole_one(printed: Printed) -> None:
    """Its bytes are named as lost, and what follows is shown."""
    printed.print(b"first", b"second", b"third")
    whole = bytearray(printed.index.read_bytes())
    whole[RECORD + 3] ^= 0xFF
    printed.index.write_bytes(whole)
    with printed.reader() as reader:
        found = [(chunk.data, chunk.lost) for chunk in reader.read_available()]

    assert found == [(b"first", 0), (b"", len(b"second")), (b"third", 0)]


def test_a_transcript_that_a_power_cut_shortened(printed: Printed) -> None:
    """What the index names and the transcript lacks is counted as lost."""
    printed.print(b"first", b"second")
    printed.data.write_bytes(b"firstsec")
    with printed.reader() as reader:
        found = [(chunk.data, chunk.lost) for chunk in reader.read_available()]

    assert found == [(b"first", 0), (b"sec", 3)]


def test_lines_are_put_together(printed: Printed) -> None:
    """A line in pieces is one line, dated by its first byte; the streams do not mix."""
    printed.print(b"on").print(b"err", stream="stderr").print(b"e\ntwo\nthr").print(b"or\n", stream="stderr")

    assert [(line.stream, line.data, line.at) for line in printed.lines()] == [
        ("stdout", b"one\n", NOON),
        ("stdout", b"two\n", NOON + timedelta(seconds=2)),
        ("stderr", b"error\n", NOON + timedelta(seconds=1)),
        ("stdout", b"thr", NOON + timedelta(seconds=2)),
    ]


def test_a_progress_bar(printed: Printed) -> None:
    """A carriage return does not end a line."""
    printed.print(b"10%\r", b"20%\r", b"done\n")

    assert [line.data for line in printed.lines()] == [b"10%\r20%\rdone\n"]


def test_a_line_of_a_megabyte(printed: Printed) -> None:
    """It comes in pieces of bounded size that say where the line begins and ends."""
    printed.print(b"x" * 700_000, b"x" * 300_000 + b"\nnext\n")
    lines = printed.lines()

    assert b"".join(line.data for line in lines) == b"x" * 1_000_000 + b"\nnext\n"
    assert max(len(line.data) for line in lines) <= PIECE
    assert [line.begins for line in lines] == [True] + [False] * (len(lines) - 2) + [True]
    assert [line.ends for line in lines] == [False] * (len(lines) - 2) + [True, True]


CHUNKS = st.lists(
    st.tuples(st.sampled_from(["stdout", "stderr"]), st.text("ab\n\r", max_size=8).map(str.encode)),
    max_size=40,
)


@given(CHUNKS, st.integers(0, 12))
def test_the_last_lines(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[tuple[Stream, bytes]], count: int
) -> None:
    """They are the end of all lines, for every stream and every number."""
    printed = Printed(tmp_path_factory.mktemp("last"))
    for stream, chunk in chunks:
        printed.print(chunk, stream=stream)
    choices: tuple[Stream | None, ...] = (None, "stdout", "stderr")
    for choice in choices:
        every = [line.data for line in printed.lines(choice)]
        assert printed.last(count, choice) == (every[-count:] if count else [])
    printed.transcript.close()


def test_the_last_lines_of_much_output(printed: Printed) -> None:
    """Only the end of the transcript is read for them."""
    for block in range(60):
        printed.print(b"".join(b"%d\n" % line for line in range(block * 1000, block * 1000 + 1000)))
    printed.data.write_bytes(b"\0" * 200_000 + printed.data.read_bytes()[200_000:])

    assert printed.last(3) == [b"59997\n", b"59998\n", b"59999\n"]


def test_the_last_lines_when_one_is_huge(printed: Printed) -> None:
    """A huge line counts as one, and comes whole."""
    printed.print(b"first\n", b"x" * 300_000 + b"\n", b"last\n")

    assert b"".join(printed.last(2)) == b"x" * 300_000 + b"\nlast\n"


def test_reading_on_after_the_last_lines(printed: Printed) -> None:
    """Following continues where the last lines ended, in the middle of one if need be."""
    printed.print(b"one\ntwo\nthr")
    with printed.reader() as reader:
        lines = TranscriptLines(reader)
        assert [(line.data, line.ends) for line in lines.last(2)] == [(b"two\n", True), (b"thr", False)]
        printed.print(b"ee\nfour\n")
        rest = [(line.data, line.begins) for line in lines.read_available()]

    assert rest == [(b"ee\n", False), (b"four\n", True)]


def test_following_a_run_to_its_end(printed: Printed) -> None:
    """Lines come as they are printed, half ones too; the tail is not lost when the run ends."""
    steps: Iterator[Callable[[], object]] = iter(
        [
            lambda: printed.print(b"one\nquestion? "),
            lambda: None,
            lambda: printed.print(b"answer\n"),
            lambda: printed.print(b"the tail"),
        ]
    )
    ended = False

    def sleep(_: float) -> None:
        nonlocal ended
        step = next(steps, None)
        if step is None:
            ended = True
        else:
            step()

    with printed.reader() as reader:
        followed = TranscriptLines(reader).follow(lambda: ended, sleep)
        lines = [(line.data, line.begins, line.ends) for line in followed]

    assert lines == [
        (b"one\n", True, True),
        (b"question? ", True, False),
        (b"answer\n", False, True),
        (b"the tail", True, False),
        (b"", False, True),
    ]


def test_output_between_the_last_look_and_the_end(printed: Printed) -> None:
    """Whether the run has ended is asked before each look, so nothing falls in between."""

    def has_ended() -> bool:
        printed.print(b"printed while the question was asked\n")
        return True

    with printed.reader() as reader:
        lines = list(TranscriptLines(reader).follow(has_ended, lambda _: None))

    assert [line.data for line in lines] == [b"printed while the question was asked\n"]


# -- where it ends


def test_what_came_at_a_time_or_later_is_left_out(printed: Printed) -> None:
    """Wherever the time lies, and from whichever end one counts."""
    printed.print(b"0\n", b"1\n", b"2\n", b"3\n")
    for count in range(5):
        with printed.reader(until=NOON + timedelta(seconds=count)) as reader:
            assert reader.count() == min(count, 4)
            lines = TranscriptLines(reader)
            assert [line.data for line in lines.last(2)] == [b"%d\n" % n for n in range(4)][:count][-2:]
        with printed.reader(until=NOON + timedelta(seconds=count)) as reader:
            assert b"".join(chunk.data for chunk in reader.read_available()) == b"0\n1\n2\n3\n"[: 2 * count]


def test_following_until_a_time_that_has_come(printed: Printed) -> None:
    """It ends though the run goes on and nothing is written."""
    printed.print(b"0\n", b"1\n")
    with printed.reader(until=NOON + timedelta(seconds=1)) as reader:
        assert [chunk.data for chunk in reader.follow(lambda: False) if chunk] == [b"0\n"]


def test_reading_up_to_a_place_leaves_the_rest_for_later(printed: Printed) -> None:
    """However fast more comes, one look has an end."""
    printed.print(b"a", b"b", b"c")
    with printed.reader() as reader:
        assert [chunk.data for chunk in reader.read_available(2)] == [b"a", b"b"]
        printed.print(b"d")
        assert [chunk.data for chunk in reader.read_available(reader.now())] == [b"c", b"d"]
        assert reader.place == 4


def test_an_index_that_somebody_cut_is_noticed(printed: Printed) -> None:
    """What comes behind the cut is read; what was read before does not come again."""
    printed.print(b"a", b"b", b"c")
    with printed.reader() as reader:
        assert len(list(reader.read_available(reader.now()))) == 3
        os.truncate(printed.index, RECORD)
        assert reader.now() == 1
        assert reader.shrunk
        assert list(reader.read_available()) == []
