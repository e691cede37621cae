"""The feed: one order over all runs, in segments; and what readers are told."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runlore.journal import feed_lines
from runlore.journal.disk import REAL
from runlore.journal.feed import Feed
from runlore.journal.feed_lines import KEPT_SEGMENTS, Announcement, segment_path, segments
from runlore.journal.feed_position import FeedPosition
from runlore.journal.feed_reader import FeedReader
from runlore.journal.layout import Layout
from runlore.journal.reader import read
from runlore.journal.root import open_for_writing
from runlore.journal.writer import Writer
from tests.doubles.drafts import LIFE, new_run_id, noted, progressed, queued, tagged
from tests.journal.announcing import (
    ONE,
    SMALL,
    TWO,
    Bent,
    announce,
    as_disk,
    newest,
    position,
    said,
    seqs_from,
    shrink_segments,
)


@pytest.fixture
def layout(registry_root: Path) -> Layout:
    """A registry without runs."""
    return open_for_writing(REAL, str(registry_root))


@pytest.fixture
def feed(layout: Layout) -> Iterator[Feed]:
    """The writing end."""
    feed = Feed(REAL, layout)
    yield feed
    feed.close()


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments that are full after some eighty lines."""
    shrink_segments(monkeypatch)


# -- what writers announce


def test_two_journals_taking_turns(layout: Layout, feed: Feed) -> None:
    """Announcements come in the order of the appends; a creation is announced before it happens, too."""
    one = Writer.create(REAL, layout, ONE, queued(ONE), feed=feed)
    two = Writer.create(REAL, layout, TWO, queued(TWO), feed=feed)
    one.append(noted())
    two.append(tagged())
    one.append(progressed())
    after = FeedReader(REAL, layout).read(None)
    one.close()
    two.close()

    assert said(after.announcements) == [
        (ONE, 0, "?"),
        (ONE, 1, "+"),
        (TWO, 0, "?"),
        (TWO, 1, "+"),
        (ONE, 2, "+"),
        (TWO, 2, "+"),
        (ONE, 3, "+"),
    ]


def test_a_life_and_what_comes_after(layout: Layout, feed: Feed) -> None:
    """While a run is live one line is enough; behind its end every append is announced beforehand."""
    writer = Writer.create(REAL, layout, ONE, queued(ONE), feed=feed)
    born = position(layout)
    for draft in LIFE:
        writer.append(draft())
    ended = position(layout)
    writer.append(noted())
    sealed = writer.tail.seq
    writer.close()
    reader = FeedReader(REAL, layout)

    alive = said(reader.read(born).announcements)[: len(LIFE)]
    assert alive == [(ONE, seq, "+") for seq in (2, 3, 4, 6)], "the seal came with the final event"
    assert said(reader.read(ended).announcements) == [(ONE, 6, "?"), (ONE, sealed, "+")]


def test_where_an_announcement_leads(layout: Layout, feed: Feed) -> None:
    """Seq, offset and mark are those of the journal's end at that moment."""
    writer = Writer.create(REAL, layout, ONE, queued(ONE), feed=feed)
    writer.append(noted())
    writer.close()

    last = FeedReader(REAL, layout).read(None).announcements[-1]
    record = list(read(REAL, layout, ONE))[-1]
    assert (last.seq, last.offset) == (2, record.offset + record.length)
    assert record.head.removeprefix("sha256:").startswith(last.mark)


@pytest.mark.parametrize("before_the_end", [False, True], ids=["new", "ended"])
def test_an_append_that_never_happened(layout: Layout, *, before_the_end: bool) -> None:
    """A new or ended run is named before its journal changes, so a crash in between loses nothing."""
    bent = Bent()
    feed = Feed(as_disk(bent), layout)
    if before_the_end:
        writer = Writer.create(REAL, layout, ONE, queued(ONE))
        for draft in LIFE:
            writer.append(draft())
        writer.close()
    sizes: list[int] = []
    journal = layout.journal(ONE)

    def write(fd: int, data: bytes) -> int:
        if data.endswith(b"?\n"):
            sizes.append(os.path.getsize(journal))
        return os.write(fd, data)

    before = os.path.getsize(journal) if before_the_end else 0
    bent.bend(write=write)
    if before_the_end:
        writer = Writer(REAL, layout, ONE, feed=feed)
        writer.append(noted())
    else:
        writer = Writer.create(REAL, layout, ONE, queued(ONE), feed=feed)
    writer.close()
    feed.close()

    assert sizes == [before]


# -- segments

CROWD = """
import sys
from runlore.journal import feed, feed_lines, ids
from runlore.journal.disk import REAL
from runlore.journal.layout import Layout
feed.SEGMENT_BYTES = feed_lines.SEGMENT_BYTES = int(sys.argv[1])
one = feed.Feed(REAL, Layout(sys.argv[2]))
sys.stdin.read()
for seq in range(1, int(sys.argv[4]) + 1):
    one.announce(sys.argv[3], seq, seq, bytes(32))
"""


@pytest.mark.usefixtures("small_segments")
def test_several_processes_fill_segments_at_once(layout: Layout) -> None:
    """Every announcement of every process is there, each process's in its own order, none counted twice."""
    lines, crowd = 150, [new_run_id(number) for number in range(1, 5)]
    assert 60 * lines * len(crowd) < KEPT_SEGMENTS * SMALL, "none of the segments is removed meanwhile"
    words = [str(SMALL), layout.root]
    program = [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{CROWD}", *words]
    processes = [subprocess.Popen([*program, run_id, str(lines)], stdin=subprocess.PIPE) for run_id in crowd]
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()  # now all of them begin
    reader = FeedReader(REAL, layout)
    found: list[Announcement] = []
    after: FeedPosition | None = None
    going = True
    while going:
        going = any(process.poll() is None for process in processes)
        news = reader.read(after)
        assert news.state == ("continued" if after else "renewed" if news.position else "absent")
        found += news.announcements
        after = news.position
    assert [process.returncode for process in processes] == [0] * len(processes)

    assert len(segments(REAL, layout.feed)) > 3
    for run_id in crowd:
        assert [line.seq for line in found if line.run_id == run_id] == list(range(1, lines + 1))
    assert said(reader.read(None).announcements) == said(found)


@pytest.mark.usefixtures("small_segments")
def test_a_reader_that_leaves_a_full_segment(layout: Layout, feed: Feed) -> None:
    """It goes on in the next one and misses nothing, wherever in the full one it stood."""
    places = []
    for seq in range(1, 101):
        announce(feed, seq)
        places.append((seq, position(layout)))

    assert segments(REAL, layout.feed) == [1, 2]
    for seq, place in places:
        news = FeedReader(REAL, layout).read(place)
        assert news.state == "continued"
        assert [line.seq for line in news.announcements] == list(range(seq + 1, 101))


@pytest.mark.usefixtures("small_segments")
def test_a_line_behind_the_end_of_a_full_segment(layout: Layout, feed: Feed) -> None:
    """It does not count there, because readers may have left."""
    while len(segments(REAL, layout.feed)) < 2:
        announce(feed, 1)

    full = Path(segment_path(layout.feed, 1)).read_bytes()
    starts = [place + 1 for place, byte in enumerate(full[:-1]) if byte == ord("\n")]
    assert [start for start in starts if start >= SMALL] == starts[-1:]
    assert len(seqs_from(layout)) == len(starts)


@pytest.mark.usefixtures("small_segments")
def test_more_segments_than_are_kept(layout: Layout, feed: Feed) -> None:
    """The oldest are removed; whoever stood in one of them is told that lines are missing."""
    announce(feed, 1)
    early = position(layout)
    while max(segments(REAL, layout.feed)) < KEPT_SEGMENTS + 3:
        announce(feed, 2)

    assert segments(REAL, layout.feed) == list(range(4, KEPT_SEGMENTS + 4))
    assert FeedReader(REAL, layout).read(early).state == "renewed"


# -- what readers are told


def test_a_position_nobody_knows(layout: Layout, feed: Feed) -> None:
    """A segment that is not there, or another feed's id: everything there is, and that it is renewed."""
    announce(feed, 1)
    end = position(layout)
    reader = FeedReader(REAL, layout)

    for unknown in (
        FeedPosition(end.feed_id, 9, 0),
        FeedPosition("another", 1, end.offset),
        None,
    ):
        news = reader.read(unknown)
        assert (news.state, len(news.announcements), news.position) == ("renewed", 1, end)


def test_no_folder(layout: Layout) -> None:
    """There is no feed to read, whatever was known of one."""
    Path(layout.feed).rmdir()
    reader = FeedReader(REAL, layout)

    assert reader.end() is None
    for after in (None, FeedPosition("some", 1, 100)):
        news = reader.read(after)
        assert (news.state, news.announcements, news.position) == ("absent", [], None)


def test_a_line_still_being_written(layout: Layout, feed: Feed) -> None:
    """It is left for later, and read once it is whole."""
    announce(feed, 1)
    end = position(layout)
    line = feed_lines.format_line(ONE, 2, 200, bytes(32), intent=False)
    reader = FeedReader(REAL, layout)
    with newest(layout).open("ab", buffering=0) as file:
        file.write(line[:-7])
        half = reader.read(end)
        half_end = reader.end()
        file.write(line[-7:])

    assert (half.state, half.announcements, half.position, half_end) == ("continued", [], end, end)
    whole = reader.read(half.position)
    assert (whole.state, [line.seq for line in whole.announcements]) == ("continued", [2])


def test_a_damaged_line(layout: Layout, feed: Feed) -> None:
    """What it said is not known, so the reader is told to look at every journal."""
    announce(feed, 1)
    end = position(layout)
    with newest(layout).open("ab") as file:
        file.write(b"rubbish\n")
    announce(feed, 2)

    news = FeedReader(REAL, layout).read(end)
    assert (news.state, [line.seq for line in news.announcements]) == ("renewed", [2])
    assert news.position is not None
    assert FeedReader(REAL, layout).read(news.position).state == "continued"
