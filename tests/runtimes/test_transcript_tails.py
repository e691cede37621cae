"""Several transcripts in one stream: by time, fair to each, and to the end of each."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from runlore.journal.disk import RealDisk
from runlore.journal.layout import Layout
from runlore.journal.values import RunId, Stream
from runlore.runtimes.registry import Registry
from runlore.runtimes.transcript import Transcript
from runlore.runtimes.transcript_lines import PIECE
from runlore.runtimes.transcript_tails import Tails, Window
from tests.runtimes.kept_runs import Owned, registry_at

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Clocked(RealDisk):
    """A disk whose clock is set by the test."""

    def __init__(self) -> None:
        self.time = NOON

    def now(self) -> datetime:
        return self.time


def begun(layout: Layout, run_id: RunId, clock: Clocked) -> Transcript:
    """Return a run's new transcript."""
    data, index = (layout.in_run(run_id, name) for name in ("transcript", "transcript.index"))
    return Transcript.create(clock, data, index)


class Printing:
    """A live run with a transcript that the test prints to."""

    def __init__(self, layout: Layout, clock: Clocked) -> None:
        self.owned, self._clock = Owned(layout).boot().start(), clock
        self.run_id = self.owned.run_id
        folder = Path(layout.run_dir(self.run_id))
        self.transcript = Transcript.create(
            clock, str(folder / "transcript"), str(folder / "transcript.index")
        )

    def print(self, at: int, data: bytes, stream: Stream = "stdout") -> None:
        """Print so many seconds after noon."""
        self._clock.time = NOON + timedelta(seconds=at)
        self.transcript.store(stream, data)


@pytest.fixture
def clock() -> Clocked:
    """A clock that stands still."""
    return Clocked()


@pytest.fixture
def layout(registry_root: Path) -> Layout:
    """A registry without runs."""
    return registry_at(registry_root)


@pytest.fixture
def runs(layout: Layout, clock: Clocked) -> tuple[Printing, Printing]:
    """Two live runs."""
    return Printing(layout, clock), Printing(layout, clock)


def tails(layout: Layout, runs: tuple[Printing, ...], window: Window, *, whole: bool = False) -> Tails:
    """Return what reads the output of these runs."""
    return Tails(Registry(layout), [run.run_id for run in runs], window, whole=whole)


def test_lines_are_in_the_order_of_time(layout: Layout, runs: tuple[Printing, Printing]) -> None:
    """Whichever run they are of, and whenever they are read."""
    first, second = runs
    first.print(0, b"a0\n")
    second.print(1, b"b1\nb1\n")
    first.print(2, b"a2\n", "stderr")
    second.print(3, b"b3")

    shown = [item[1].data for item in tails(layout, runs, Window()).read() if item]
    assert shown == [b"a0\n", b"b1\n", b"b1\n", b"a2\n", b"b3"]


def test_one_look_has_an_end_however_much_comes(layout: Layout, runs: tuple[Printing, Printing]) -> None:
    """A run that writes while it is read does not keep the others waiting."""
    first, second = runs
    first.print(0, b"a\n")
    seen: list[RunId] = []
    for item in tails(layout, runs, Window(follow=True)).read():
        if item is None:
            break
        seen.append(item[0])
        assert len(seen) < 10
        first.print(0, b"a\n")
        second.print(0, b"b\n")

    assert seen == [first.run_id]


def test_following_ends_with_the_last_of_them(layout: Layout, runs: tuple[Printing, Printing]) -> None:
    """What a run wrote before its end comes, newline or not; then the others go on."""
    first, second = runs
    first.print(0, b"half")
    stream = tails(layout, runs, Window(follow=True), whole=True)
    reading = stream.read()
    assert next(reading) is None
    first.owned.succeed().die()
    ended = next(item for item in reading if item)
    second.print(1, b"more\n")
    second.owned.succeed().die()

    assert (ended[0], ended[1].data) == (first.run_id, b"half")
    assert [(item[0], item[1].data) for item in reading if item] == [(second.run_id, b"more\n")]
    assert stream.ended == {first.run_id, second.run_id}


def test_what_waits_for_its_newline_comes_once_nothing_else_does(
    layout: Layout, runs: tuple[Printing, Printing]
) -> None:
    """For people: a question is seen before it is answered."""
    first, _ = runs
    first.print(0, b"sure? ")
    item = next(item for item in tails(layout, runs, Window(follow=True)).read() if item)

    assert (item[1].data, item[1].ends) == (b"sure? ", False)


def test_a_line_without_an_end_comes_in_pieces(layout: Layout, runs: tuple[Printing, Printing]) -> None:
    """Even where lines are to be whole: memory is bounded."""
    first, _ = runs
    for _ in range(5):
        first.print(0, b"x" * PIECE)
    reading = tails(layout, runs, Window(follow=True), whole=True).read()
    pieces = [next(reading) for _ in range(4)]

    assert all(item is not None and len(item[1].data) == PIECE for item in pieces)


def test_a_run_that_has_not_begun_is_waited_for(layout: Layout, clock: Clocked) -> None:
    """Its transcript comes with its keeper; a run without one, and with no hope of one, is said to be so."""
    booting, ended = Owned(layout).boot(), Owned(layout).boot().start().succeed()
    ended.die()
    stream = Tails(Registry(layout), [booting.run_id, ended.run_id], Window(follow=True))
    reading = stream.read()
    assert next(reading) is None
    assert set(stream.missing) == {ended.run_id}
    begun(layout, booting.run_id, clock).store("stdout", b"up\n")
    item = next(item for item in reading if item)

    assert (item[0], item[1].data) == (booting.run_id, b"up\n")
