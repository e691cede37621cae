"""The feed: one order over all runs, and what it does when it cannot keep its promise."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runlore.journal import feed as feed_module
from runlore.journal import feed_lines, feed_reader, machine
from runlore.journal.disk import REAL, Disk
from runlore.journal.feed import KEPT_SEGMENTS, Feed
from runlore.journal.feed_lines import Announcement, segment_path, segments
from runlore.journal.feed_reader import FeedPosition, FeedReader
from runlore.journal.layout import Layout
from runlore.journal.reader import read
from runlore.journal.root import open_for_writing
from runlore.journal.values import RunId
from runlore.journal.writer import Writer
from tests.doubles.drafts import LIFE, new_run_id, noted, progressed, queued, tagged
from tests.doubles.failer import failing
from tests.doubles.recorder import CALLS

ONE, TWO = new_run_id(1), new_run_id(2)
SMALL = 4096
"""Bytes of a segment where a test wants many."""


class Bent:
    """The real disk with some calls of a test's own, and a clock that a test sets."""

    def __init__(self) -> None:
        self.time = 1000.0
        for name in CALLS:
            setattr(self, name, getattr(REAL, name))
        self.bend(monotonic=lambda: self.time)

    def bend(self, **calls: Callable[..., Any]) -> None:
        """Put calls of the test's in the place of the kernel's."""
        for name, call in calls.items():
            setattr(self, name, call)


@pytest.fixture
def layout(registry_root: Path) -> Layout:
    """A registry without runs."""
    return open_for_writing(REAL, str(registry_root))


@pytest.fixture
def bent() -> Bent:
    """A disk that obeys the test."""
    return Bent()


@pytest.fixture
def feed(layout: Layout) -> Iterator[Feed]:
    """The writing end."""
    feed = Feed(REAL, layout)
    yield feed
    feed.close()


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments that are full after some sixty lines."""
    for module in (feed_lines, feed_module, feed_reader):
        monkeypatch.setattr(module, "SEGMENT_BYTES", SMALL)


def as_disk(bent: Bent) -> Disk:
    """The same, as the journal sees it."""
    return bent  # type: ignore[return-value]  # the calls are put in at run time


def said(lines: list[Announcement]) -> list[tuple[RunId, int, str]]:
    """What was announced, in short."""
    return [(line.run_id, line.seq, "?" if line.intent else "+") for line in lines]


def announce(feed: Feed, seq: int, *, run_id: RunId = ONE, surely: bool = False) -> None:
    """Announce that a journal has reached `seq`."""
    feed.announce(run_id, seq, 100 * seq, bytes(32), surely=surely)


def seqs_from(layout: Layout, after: FeedPosition | None = None) -> list[int]:
    """Every seq in the feed."""
    return [line.seq for line in FeedReader(REAL, layout).read(after).announcements]


def position(layout: Layout) -> FeedPosition:
    """The end of the feed, which must be there."""
    end = FeedReader(REAL, layout).end()
    assert end is not None
    return end


def newest(layout: Layout) -> Path:
    """The newest segment."""
    return Path(segment_path(layout.feed, max(segments(REAL, layout.feed))))


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


# -- a feed that is lost


@pytest.mark.parametrize("folder_too", [False, True], ids=["segments", "folder"])
def test_a_feed_deleted_while_a_writer_is_open(layout: Layout, bent: Bent, *, folder_too: bool) -> None:
    """Within a second of announcements a new feed begins, and readers of the old one are told."""
    feed = Feed(as_disk(bent), layout)
    announce(feed, 1)
    before = position(layout)
    for path in Path(layout.feed).iterdir():
        path.unlink()
    if folder_too:
        Path(layout.feed).rmdir()
    announce(feed, 2)
    lost = FeedReader(REAL, layout).read(before).state
    bent.time += 1.0
    announce(feed, 3)
    feed.close()

    news = FeedReader(REAL, layout).read(before)
    assert lost == "absent"
    assert (news.state, [line.seq for line in news.announcements]) == ("renewed", [3])
    assert news.position is not None
    assert news.position.feed_id != before.feed_id


def test_a_deleted_feed_and_a_run_nobody_looks_at(layout: Layout, bent: Bent) -> None:
    """What must be announced surely does not wait for the next look at the links."""
    feed = Feed(as_disk(bent), layout)
    announce(feed, 1)
    newest(layout).unlink()
    announce(feed, 2, surely=True)
    feed.close()

    assert seqs_from(layout) == [2]


def test_another_boot(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unsynced announcements may be gone, so the old feed does not count and a new one begins."""
    feed = Feed(REAL, layout)
    announce(feed, 1)
    feed.close()
    before = position(layout)
    monkeypatch.setattr(machine, "boot_id", lambda: "another-boot")
    reader = FeedReader(REAL, layout)
    unwritten = reader.read(before).state, reader.end()
    feed = Feed(REAL, layout)
    announce(feed, 2)
    feed.close()

    news = reader.read(before)
    assert unwritten == ("absent", None)
    assert (news.state, [line.seq for line in news.announcements]) == ("renewed", [2])
    assert news.position is not None
    assert news.position.feed_id != before.feed_id
    assert reader.read(news.position).state == "continued"


def test_a_torn_last_line(layout: Layout) -> None:
    """The next writer does not write behind it: a new feed begins."""
    feed = Feed(REAL, layout)
    announce(feed, 1)
    feed.close()
    before = position(layout)
    with newest(layout).open("ab") as file:
        file.write(f"{ONE} 2 20".encode())
    feed = Feed(REAL, layout)
    announce(feed, 3)
    feed.close()

    news = FeedReader(REAL, layout).read(before)
    assert (news.state, [line.seq for line in news.announcements]) == ("renewed", [3])
    assert news.position is not None
    assert news.position.feed_id != before.feed_id


@pytest.mark.parametrize("header", [b"", b"{}\n", b"\xff\xfe\n", b"[" * 400 + b"\n"], ids=repr)
def test_a_segment_without_its_header(layout: Layout, header: bytes) -> None:
    """It is nobody's feed; readers see none, and the next writer begins one."""
    newest_path = Path(segment_path(layout.feed, 7))
    newest_path.write_bytes(header)
    unwritten = FeedReader(REAL, layout).read(None).state
    feed = Feed(REAL, layout)
    announce(feed, 1)
    feed.close()

    assert unwritten == "absent"
    assert seqs_from(layout) == [1]


# -- a full disk


def test_no_room_for_a_feed(layout: Layout) -> None:
    """Every append succeeds, and there is no feed, which tells readers to look for themselves."""
    disk, failer = failing(REAL, 1, errno.ENOSPC, "for ever", only=frozenset({"write", "link"}))
    feed = Feed(disk, layout)
    writer = Writer.create(REAL, layout, ONE, queued(ONE), feed=feed)
    writer.append(noted())
    absent = FeedReader(REAL, layout).read(None).state, os.listdir(layout.feed)
    failer.repair()
    writer.append(noted())
    writer.close()
    feed.close()

    assert absent == ("absent", [])
    assert len(list(read(REAL, layout, ONE))) == 3
    assert said(FeedReader(REAL, layout).read(None).announcements) == [(ONE, 3, "+")]


@pytest.mark.parametrize("short", [True, False], ids=["short", "full"])
def test_a_disk_that_is_full_in_the_middle(layout: Layout, bent: Bent, *, short: bool) -> None:
    """No append fails, and what is left behind never lacks an announcement of an append it seems to cover."""
    feed = Feed(as_disk(bent), layout)
    writer = Writer.create(REAL, layout, ONE, queued(ONE), feed=feed)
    before = position(layout)

    def write(fd: int, data: bytes) -> int:
        if short:
            return os.write(fd, data[:10])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    bent.bend(write=write)
    writer.append(noted())
    full = FeedReader(REAL, layout).read(before)
    bent.bend(write=REAL.write)
    writer.append(noted())
    after = FeedReader(REAL, layout).read(before)
    writer.close()
    feed.close()

    assert full.state != "continued"
    assert (after.state, said(after.announcements)[-1:]) == ("renewed", [(ONE, 3, "+")])
    assert len(list(read(REAL, layout, ONE))) == 3


@pytest.mark.usefixtures("small_segments")
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EMFILE, errno.EIO, errno.EACCES], ids=os.strerror)
def test_each_call_of_the_feed_fails_once(layout: Layout, number: int) -> None:
    """Whichever call it is, no announcement raises; a reader either sees every line or is told."""
    calls = 0
    while True:
        calls += 1
        for path in Path(layout.feed).iterdir():
            path.unlink()
        early = Feed(REAL, layout)
        for seq in range(1, 71):
            announce(early, seq)
        early.close()
        before = position(layout)
        disk, failer = failing(REAL, calls, number, "once")
        feed = Feed(disk, layout)
        for seq in range(71, 86):
            announce(feed, seq, surely=True)
        feed.close()
        news = FeedReader(REAL, layout).read(before)
        found = [line.seq for line in news.announcements]
        if news.state == "continued":
            assert found == list(range(71, 86)), f"call {calls}: {failer.failed}"
        assert news.state == "absent" or found[-1:] == [85]
        if not failer.failed:
            break
    assert calls > 40
    assert segments(REAL, layout.feed) == [1, 2]


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
