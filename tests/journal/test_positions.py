"""Where named subscriptions stand: on record, locked, and reckoned with by the feed."""

import json
import os
from pathlib import Path

import pytest

from runlore.journal import position_lock, positions
from runlore.journal.disk import REAL
from runlore.journal.errors import BadInput, BrokenPosition, Busy, JournalIO, NewerFormat, NotFound
from runlore.journal.feed import Feed
from runlore.journal.feed_lines import KEPT_SEGMENTS, MOST_SEGMENTS, segments
from runlore.journal.feed_position import WINDOW, FeedPosition
from runlore.journal.layout import Layout
from runlore.journal.machine import actor
from runlore.journal.position import Choice, Position, check_name
from runlore.journal.position_lock import PositionLock
from runlore.journal.root import open_for_writing
from tests.doubles.drafts import ANY_TIME
from tests.journal.announcing import announce, position, shrink_segments

BY = actor("test")


@pytest.fixture
def layout(registry_root: Path) -> Layout:
    """A registry without runs."""
    return open_for_writing(REAL, str(registry_root))


def standing(name: str = "mail", feed: FeedPosition | None = None) -> Position:
    """A position somewhere."""
    return Position(
        name=name, created_at=ANY_TIME, at=ANY_TIME, cursor="f1.x", feed=feed, choice=Choice(types=("run.*",))
    )


def test_a_position_comes_back_as_it_was_stored(layout: Layout) -> None:
    """It is a file of its own, for nobody else to read, replaced whole."""
    positions.store(REAL, layout, standing())
    positions.store(REAL, layout, standing("audit"))

    assert positions.load(REAL, layout, "mail") == standing()
    assert positions.names(REAL, layout) == ["audit", "mail"]
    assert Path(layout.position("mail")).stat().st_mode & 0o077 == 0
    positions.remove(REAL, layout, "mail")
    positions.remove(REAL, layout, "mail")
    assert positions.names(REAL, layout) == ["audit"]
    with pytest.raises(NotFound, match="subscriptions create mail"):
        positions.load(REAL, layout, "mail")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "-rf", "a b", "ä", "x" * 65, "a\n", "a\0", ".hidden"])
def test_a_name_that_is_no_file_name(layout: Layout, name: str) -> None:
    """It is refused before anything is looked for on the disk."""
    with pytest.raises(BadInput, match="cannot name a subscription"):
        check_name(name)
    with pytest.raises(BadInput):
        positions.load(REAL, layout, name)


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b"\0" * 40, b"\xff\xfe", b"[" * 100_000, b'{"format":1,"name":"mail"}'],
)
def test_a_file_that_is_no_position(layout: Layout, content: bytes) -> None:
    """It is told with what to do, and never guessed; the feed keeps all it can for it."""
    Path(layout.position("mail")).write_bytes(content)

    with pytest.raises(BrokenPosition, match="subscriptions reset mail"):
        positions.load(REAL, layout, "mail")
    assert None in list(positions.all_readable(REAL, layout))


@pytest.mark.parametrize(
    ("part", "odd", "why"),
    [
        (b'"name":"mail"', b'"name":"other"', "the position of 'other'"),
        (b'"f1.x"', b'"../x"', "is no cursor"),
        (b'"acked":null', b'"acked":{"run_id":"../x","seq":1,"end":1,"h":""}', "is no run"),
        (b'"feed":null', b'"feed":["x",0]', "no position"),
    ],
)
def test_a_position_with_a_part_that_is_none(layout: Layout, part: bytes, odd: bytes, why: str) -> None:
    """The same, whichever part that is; no path comes out of it."""
    positions.store(REAL, layout, standing())
    path = Path(layout.position("mail"))
    data = path.read_bytes()
    assert part in data
    path.write_bytes(data.replace(part, odd))

    with pytest.raises(BrokenPosition, match=why):
        positions.load(REAL, layout, "mail")


def test_a_position_of_a_later_release(layout: Layout) -> None:
    """It is left to that release, whatever it looks like, and grows no damage from fields we do not know."""
    positions.store(REAL, layout, standing())
    path = Path(layout.position("mail"))
    path.write_bytes(json.dumps({"format": 2, "where": "elsewhere"}).encode())
    with pytest.raises(NewerFormat):
        positions.load(REAL, layout, "mail")

    positions.store(REAL, layout, standing())
    path.write_bytes(path.read_bytes().replace(b'"count":0', b'"count":0,"more":[1]'))
    assert positions.load(REAL, layout, "mail") == standing()


def test_a_folder_that_cannot_be_listed(layout: Layout) -> None:
    """No folder is no subscription; another error of the disk is told."""
    Path(layout.positions).rmdir()
    assert positions.names(REAL, layout) == []
    with pytest.raises(JournalIO, match="mkdir"):
        PositionLock.take(REAL, layout, "mail", BY)
    Path(layout.positions).write_text("no folder")
    with pytest.raises(JournalIO):
        positions.names(REAL, layout)
    with pytest.raises(JournalIO, match="stays where it was"):
        positions.store(REAL, layout, standing())


def test_one_at_a_time(layout: Layout) -> None:
    """The second is told who holds it; when that one lets go, or dies, the next may."""
    with PositionLock.take(REAL, layout, "mail", BY) as held:
        assert held.is_in_place()
        with pytest.raises(Busy, match=f"in use by test, pid {os.getpid()} on"):
            PositionLock.take(REAL, layout, "mail", BY)
        PositionLock.take(REAL, layout, "audit", BY).release()
        assert position_lock.is_held(REAL, layout, "mail")
    assert not position_lock.is_held(REAL, layout, "mail")
    PositionLock.take(REAL, layout, "mail", BY).release()


def test_a_lock_that_was_removed(layout: Layout) -> None:
    """Who holds it knows; who takes it meanwhile holds another one."""
    held = PositionLock.take(REAL, layout, "mail", BY)
    os.unlink(layout.position_lock("mail"))
    assert not held.is_in_place()
    other = PositionLock.take(REAL, layout, "mail", BY)
    assert other.is_in_place()
    held.remove()
    assert other.is_in_place()
    other.remove()
    assert not os.path.exists(layout.position_lock("mail"))


def test_a_forked_child_holds_nothing(layout: Layout) -> None:
    """When the parent lets go, the lock is free, whatever the child does."""
    held = PositionLock.take(REAL, layout, "mail", BY)
    (read_end, write_end), (told_end, tell_end) = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(write_end)
        os.write(tell_end, b".")
        os.read(read_end, 1)
        os._exit(0)
    os.read(told_end, 1)
    held.release()
    PositionLock.take(REAL, layout, "mail", BY).release()
    for fd in (read_end, write_end, told_end, tell_end):
        os.close(fd)
    os.waitpid(pid, 0)


# -- the feed


def grow(feed: Feed, layout: Layout, to: int) -> list[int]:
    """Let the feed grow up to a segment; return the segments there are then."""
    while max(segments(REAL, layout.feed)) < to:
        announce(feed, 1)
    return segments(REAL, layout.feed)


def test_what_a_subscription_has_not_passed_is_kept(monkeypatch: pytest.MonkeyPatch, layout: Layout) -> None:
    """With what stands in front of it, up to the cap; once it has gone on, what is behind it goes."""
    shrink_segments(monkeypatch)
    feed = Feed(REAL, layout)
    announce(feed, 1)
    grow(feed, layout, 10)
    positions.store(REAL, layout, standing(feed=position(layout)))
    positions.store(REAL, layout, standing("nowhere"))
    early = 10 - WINDOW + 1

    assert grow(feed, layout, 10 + KEPT_SEGMENTS + 5) == list(range(early, 10 + KEPT_SEGMENTS + 6))
    positions.store(REAL, layout, standing(feed=position(layout)))
    newest = 10 + KEPT_SEGMENTS + 6
    assert grow(feed, layout, newest) == list(range(newest - KEPT_SEGMENTS + 1, newest + 1))
    feed.close()


@pytest.mark.parametrize("broken", [False, True])
def test_an_abandoned_subscription_has_a_cap(
    monkeypatch: pytest.MonkeyPatch, layout: Layout, *, broken: bool
) -> None:
    """One that never goes on, or cannot be read, costs no more than so many segments."""
    shrink_segments(monkeypatch)
    feed = Feed(REAL, layout)
    announce(feed, 1)
    positions.store(REAL, layout, standing(feed=position(layout)))
    if broken:
        Path(layout.position("mail")).write_bytes(b"?")

    assert grow(feed, layout, MOST_SEGMENTS) == list(range(1, MOST_SEGMENTS + 1))
    assert grow(feed, layout, MOST_SEGMENTS + 2) == list(range(3, MOST_SEGMENTS + 3))
    feed.close()
