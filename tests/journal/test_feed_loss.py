"""The feed when it cannot keep its promise: deleted, of another boot, torn, on a full disk."""

import errno
import os
from pathlib import Path

import pytest

from runlore.journal import machine
from runlore.journal.disk import REAL
from runlore.journal.feed import Feed
from runlore.journal.feed_lines import segment_path, segments
from runlore.journal.feed_reader import FeedReader
from runlore.journal.layout import Layout
from runlore.journal.reader import read
from runlore.journal.root import open_for_writing
from runlore.journal.writer import Writer
from tests.doubles.drafts import noted, queued
from tests.doubles.failer import failing
from tests.journal.announcing import (
    ONE,
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
def bent() -> Bent:
    """A disk that obeys the test."""
    return Bent()


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments that are full after some eighty lines."""
    shrink_segments(monkeypatch)


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


def cut(layout: Layout, lines: int, *, segment: int | None = None) -> None:
    """Take whole lines from the end of a segment, as a hand might."""
    path = Path(segment_path(layout.feed, segment)) if segment else newest(layout)
    kept = path.read_bytes().splitlines(keepends=True)[:-lines]
    with path.open("r+b") as file:
        file.truncate(len(b"".join(kept)))


@pytest.mark.parametrize("again", [0, 1, 2, 3, 4])
def test_a_segment_cut_below_a_position_and_written_on(layout: Layout, again: int) -> None:
    """Whether it is shorter now, as long, or longer: the reader is told, and skips nothing that is there."""
    feed = Feed(REAL, layout)
    for seq in range(1, 5):
        announce(feed, seq)
    feed.close()
    before = position(layout)
    cut(layout, 3)
    feed = Feed(REAL, layout)  # another writer, who cannot know how long it was
    for seq in range(6, 6 + again):
        announce(feed, seq)
    feed.close()
    news = FeedReader(REAL, layout).read(before)

    assert (news.state, [line.seq for line in news.announcements]) == ("renewed", [1, *range(6, 6 + again)])
    assert news.position == position(layout)
    assert FeedReader(REAL, layout).read(news.position).state == "continued"


@pytest.mark.parametrize("lines", [1, 2])
def test_a_segment_cut_under_its_writer(layout: Layout, lines: int) -> None:
    """The writer notices at its next line, and a new feed begins: readers behind the cut are told as well."""
    feed = Feed(REAL, layout)
    announce(feed, 1)
    early = position(layout)
    for seq in range(2, 5):
        announce(feed, seq)
    cut(layout, lines)
    announce(feed, 5)
    feed.close()

    news = FeedReader(REAL, layout).read(early)
    assert (news.state, [line.seq for line in news.announcements]) == ("renewed", [5])
    assert news.position is not None
    assert news.position.feed_id != early.feed_id


@pytest.mark.usefixtures("small_segments")
def test_a_full_segment_cut_between_a_position_and_the_next_segment(layout: Layout) -> None:
    """Writers leave a segment only when it is full, so a shorter one that has a successor lacks lines."""
    feed = Feed(REAL, layout)
    announce(feed, 1)
    early = position(layout)
    while len(segments(REAL, layout.feed)) < 2:
        announce(feed, 2)
    feed.close()
    assert FeedReader(REAL, layout).read(early).state == "continued"
    cut(layout, 3, segment=1)

    assert FeedReader(REAL, layout).read(early).state == "renewed"


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


def test_a_feed_that_can_neither_go_on_nor_be_removed(layout: Layout, bent: Bent) -> None:
    """The writer who could not announce ends the feed as soon as the disk lets it."""
    feed = Feed(as_disk(bent), layout)
    announce(feed, 1)
    before = position(layout)

    def refuse(*_: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    bent.bend(write=refuse, unlink=refuse)
    announce(feed, 2)
    bent.bend(write=REAL.write, unlink=REAL.unlink)
    announce(feed, 3)
    feed.close()

    news = FeedReader(REAL, layout).read(before)
    assert (news.state, [line.seq for line in news.announcements]) == ("renewed", [3])
