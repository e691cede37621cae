"""One stream over all journals: in the order of the feed, from a small cursor, whatever happens to it."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from runlore.journal.errors import CorruptJournal, JournalIO, NotFound
from runlore.journal.events import RunNoted
from runlore.journal.feed_lines import segment_path, segments
from runlore.journal.repair import repair
from runlore.projections import filters
from runlore.watcher import open_journals
from runlore.watcher.cursor import decode
from runlore.watcher.wanted import Wanted
from tests import proof
from tests.doubles.drafts import booting, noted, started
from tests.journal.announcing import Bent, shrink_segments
from tests.journal.forge import RUN, Forge, many
from tests.watcher.live_runs import REGISTRY, Runs, bent, bent_runs, items, news, runs, said

__all__ = ["bent", "bent_runs", "runs"]


def test_records_come_in_the_order_in_which_they_were_appended(runs: Runs) -> None:
    """There is one order over all runs, and new ones appear by themselves."""
    one = runs.new()
    stream = runs.follower()
    runs.append(one)
    two = runs.new()
    runs.append(one)
    runs.append(two)

    assert news(stream) == [(one, 2), (two, 1), (one, 3), (two, 2)]
    assert news(stream) == []


def test_a_cursor_at_every_record(runs: Runs) -> None:
    """Wherever a stream is left, the next one goes on with the very next record."""
    whole = runs.follower()
    one, two = runs.new(), runs.new()
    for _ in range(3):
        runs.append(one)
        runs.append(two)
    runs.end(two)
    runs.append(two)
    everything = news(whole)
    stream = runs.follower(whole_cursor := runs.follower().cursor)
    assert news(stream) == []

    again = runs.follower(history=True)
    taken: list[object] = []
    while len(taken) < len(everything):
        item = again.take()
        if item is None:
            again.pull()
            continue
        taken += said([item])
        again.close()
        again = runs.follower(again.cursor)
    assert sorted(map(str, taken)) == sorted(map(str, everything))
    assert decode(whole_cursor, REGISTRY).history is None


def test_a_cursor_is_small(runs: Runs) -> None:
    """However many runs live, a cursor names none of them once they were announced."""
    for _ in range(50):
        runs.append(runs.new())
    stream = runs.follower()

    assert decode(stream.cursor, REGISTRY).ahead == {}
    assert len(stream.cursor) < 160


def test_what_a_killed_writer_did_not_announce(bent_runs: Runs, bent: Bent) -> None:
    """The record comes with the next look at the journals, once, and a resumed stream knows it."""
    runs = bent_runs
    one = runs.new()
    stream = runs.follower()
    announce, runs.feed.announce = runs.feed.announce, lambda *_a, **_k: None  # type: ignore[method-assign]
    runs.append(one)
    runs.feed.announce = announce  # type: ignore[method-assign]
    assert news(stream) == []
    bent.time += 2.0
    assert news(stream) == [(one, 2)]

    resumed = runs.follower(stream.cursor)
    runs.append(one)
    bent.time += 2.0
    assert news(resumed) == [(one, 3)]


def test_a_deleted_feed(bent_runs: Runs, bent: Bent) -> None:
    """A stream that goes on skips nothing and repeats nothing; it says that the order was lost."""
    runs = bent_runs
    one, old = runs.new(), runs.new()
    runs.end(old)
    stream = runs.follower()
    runs.append(one)
    runs.append(old)
    for path in (Path(runs.layout.feed), Path(runs.layout.root) / "index"):
        shutil.rmtree(path)
    found = news(stream)
    assert found == ["lagged", (one, 2), (old, 6), (old, 7)] or sorted(map(str, found)) == sorted(
        map(str, ["lagged", (one, 2), (old, 7), (old, 8)])
    )
    bent.time += 2.0
    runs.append(one)
    two = runs.new()
    assert [item for item in news(stream) if item != "lagged"] == [(one, 3), (two, 1)]


def test_a_cursor_of_a_feed_that_is_gone(runs: Runs) -> None:
    """The stream says `rewound` before anything else, and gives everything again."""
    one = runs.new()
    cursor = runs.follower().cursor
    shutil.rmtree(runs.layout.feed)
    found = news(runs.follower(cursor))

    assert found == ["rewound", (one, 1)]


def test_what_was_not_said_yet_is_said_by_the_next(runs: Runs) -> None:
    """Leaving a stream before it could say `rewound` does not make it unsaid."""
    runs.new()
    cursor = runs.follower().cursor
    shutil.rmtree(runs.layout.feed)
    left = runs.follower(cursor)
    left.pull()

    assert news(runs.follower(left.cursor))[0] == "rewound"


def test_a_cursor_that_the_feed_outran(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments are dropped after a while: an old cursor is rewound, and its stream does not skip."""
    shrink_segments(monkeypatch)
    one = runs.new()
    cursor = runs.follower().cursor
    for _ in range(2000):
        runs.append(one)
    found = news(runs.follower(cursor))

    assert min(segments(runs.disk, runs.layout.feed)) > 1
    assert found[0] == "rewound"
    assert found[1:] == [(one, seq) for seq in range(1, 2002)]


def test_a_cursor_from_the_future(runs: Runs) -> None:
    """Behind the end of the feed, as after going back to an older copy of it: rewound, and all is there."""
    one = runs.new()
    older = {path: path.read_bytes() for path in Path(runs.layout.feed).iterdir()}
    journal = Path(runs.layout.journal(one))
    shorter = journal.read_bytes()
    runs.append(one)
    runs.append(one)
    cursor = runs.follower().cursor
    journal.write_bytes(shorter)
    for path, data in older.items():
        path.write_bytes(data)

    assert news(runs.follower(cursor)) == ["rewound", (one, 1)]


def test_a_repaired_journal(bent_runs: Runs, bent: Bent) -> None:
    """What takes the place of records that were seen is said to be other than them."""
    runs = bent_runs
    one = runs.new()
    for _ in range(4):
        runs.append(one)
    stream = runs.follower(history=True)
    assert len(news(stream)) == 5
    path = Path(runs.layout.journal(one))
    third = sum(map(len, path.read_bytes().splitlines(keepends=True)[:3]))
    with path.open("r+b") as file:
        file.seek(third + 2)
        file.write(b"\0")
    repair(runs.disk, runs.layout, one)
    bent.time += 2.0

    found = news(stream)
    assert found[0] == "rewound"
    assert found[1:] == [(one, seq) for seq in range(1, 5)]


@pytest.mark.parametrize("kept", [True, False], ids=["the same records", "other records"])
@pytest.mark.parametrize("most", [1, 2], ids=["closed", "held open"])
def test_a_journal_in_whose_place_another_of_its_size_is_put(
    bent_runs: Runs, bent: Bent, monkeypatch: pytest.MonkeyPatch, *, kept: bool, most: int
) -> None:
    """Nobody announces it, and no byte more is there; records that differ come, and that is said first."""
    monkeypatch.setattr(open_journals, "MOST_OPEN", most)
    runs = bent_runs
    path = Path(runs.layout.journal(RUN))
    path.write_bytes(many(4).data)
    stream = runs.follower(history=True)
    assert len(news(stream)) == 4
    runs.append(runs.new())
    assert len(news(stream)) == 2
    bent.time += 2.0
    assert news(stream) == []
    other = Forge().queued().add(RunNoted, text="note 1").add(RunNoted, text="note 2")
    beside = path.with_suffix(".new")
    beside.write_bytes(other.add(RunNoted, text="note 3" if kept else "note x").data)
    assert beside.stat().st_size == path.stat().st_size
    beside.rename(path)
    bent.time += 2.0

    assert news(stream) == ([] if kept else ["rewound", *((RUN, seq) for seq in range(1, 5))])


def test_a_settled_journal_that_is_repaired_right_after_a_note(bent_runs: Runs, bent: Bent) -> None:
    """The feed announces less than was read before: that is said, and what took its place comes."""
    runs = bent_runs
    one = runs.new()
    runs.end(one)
    stream = runs.follower(history=True)
    last = len(news(stream))
    bent.time += 2.0
    assert news(stream) == []
    runs.append(one)
    assert news(stream) == [(one, last + 1), (one, last + 2)]
    path = Path(runs.layout.journal(one))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], b"junk\n", *lines[3:]]))
    repair(runs.disk, runs.layout, one)
    runs.append(one)
    bent.time += 2.0

    assert news(stream) == ["rewound", *((one, seq) for seq in range(1, 5))]


def test_damage_in_one_journal(runs: Runs) -> None:
    """Of all runs it is said and the others go on; a run that was named ends the stream."""
    one, two = runs.new(), runs.new()
    for _ in range(4):
        runs.append(one)
    path = Path(runs.layout.journal(one))
    second = len(path.read_bytes().splitlines(keepends=True)[0])
    with path.open("r+b") as file:
        file.seek(second + 2)
        file.write(b"\0")

    assert news(runs.follower(history=True)) == [(one, 1), "lagged", (two, 1)]
    with pytest.raises(CorruptJournal):
        news(runs.follower(history=True, only=[one]))


def test_named_runs(runs: Runs) -> None:
    """Nothing of others comes; one without a journal is not found."""
    one, two = runs.new(), runs.new()
    stream = runs.follower(history=True, only=[two])
    runs.append(one)
    runs.append(two)

    assert news(stream) == [(two, 1), (two, 2)]
    with pytest.raises(NotFound):
        runs.follower(only=[one[:-1] + "0"])  # type: ignore[list-item]  # an id all the same


def test_a_journal_that_is_removed(runs: Runs) -> None:
    """The others go on; for whoever named it the stream is over."""
    one, two = runs.new(), runs.new()
    all_of_them, named = runs.follower(), runs.follower(only=[one])
    runs.append(one)
    runs.writers.pop(one).close()
    Path(runs.layout.journal(one)).unlink()
    runs.append(two)

    assert news(all_of_them) == [(two, 2)]
    with pytest.raises(NotFound):
        news(named)


def test_filters_about_the_run(runs: Runs) -> None:
    """A run is judged as it was then: `running` lasts from its start to its end."""
    one = runs.new()
    runs.append(one, booting())
    runs.append(one, started())
    runs.append(one)

    now = runs.disk.now()
    running = Wanted(runs=filters.parse(now=now, status="running"))
    other = Wanted(runs=filters.parse(now=now, name="other"))

    assert news(runs.follower(history=True, wanted=running)) == [(one, 3), (one, 4)]
    assert news(runs.follower(history=True, wanted=other)) == []


def test_a_feed_that_comes_and_goes(bent_runs: Runs, bent: Bent) -> None:
    """Nobody has read in it what was new, and it comes all the same, once."""
    runs = bent_runs
    shutil.rmtree(runs.layout.feed)
    os.mkdir(runs.layout.feed)
    stream = runs.follower()
    runs.feed.close()
    one = runs.new()
    shutil.rmtree(runs.layout.feed)
    bent.time += 2.0
    assert news(stream) == [(one, 1)]
    runs.append(one)
    bent.time += 2.0

    assert [item for item in news(stream) if item != "lagged"] == [(one, 2)]


@pytest.mark.timeout(600)
def test_many_journals_change_while_a_subscriber_is_stopped(
    runs: Runs, sized: Callable[[int, int], int]
) -> None:
    """It opens few of them at a time, and misses nothing."""
    count = sized(300, 30_000)
    before = len(os.listdir("/proc/self/fd"))
    stream = runs.follower()
    for _ in range(count):
        run_id = runs.new()
        runs.append(run_id)
        runs.writers.pop(run_id).close()
        runs.writers[run_id] = None  # type: ignore[assignment]  # only its number matters
    found = news(stream)
    runs.writers.clear()

    assert len(found) == len(set(found)) == 2 * count
    assert len(os.listdir("/proc/self/fd")) < before + 80
    promised = "a subscriber that was stopped meanwhile misses nothing"
    proof.record("streams: many journals change", promised, {"journals": count, "records": len(found)})


def test_a_disk_that_refuses(bent_runs: Runs, bent: Bent) -> None:
    """The stream ends, and its cursor stands where everything before it came out."""
    runs = bent_runs
    one = runs.new()
    stream = runs.follower()
    runs.append(one)
    pread = bent.pread  # type: ignore[attr-defined]  # put in at run time

    def refuse(fd: int, length: int, offset: int) -> bytes:
        if "journals" in os.readlink(f"/proc/self/fd/{fd}"):
            raise OSError(5, "no")
        return pread(fd, length, offset)  # type: ignore[no-any-return]  # see above

    bent.bend(pread=refuse)
    with pytest.raises(JournalIO):
        items(stream)
    bent.bend(pread=pread)
    with pytest.raises(JournalIO, match="resume"):
        items(stream)

    assert news(runs.follower(stream.cursor)) == [(one, 2)]


def test_a_torn_line_in_the_feed(runs: Runs) -> None:
    """Whoever finds it goes on by the journals themselves."""
    one = runs.new()
    stream = runs.follower()
    with Path(segment_path(runs.layout.feed, 1)).open("ab") as file:
        file.write(b"half a line\n")
    runs.append(one, noted("more"))

    assert news(stream) == ["lagged", (one, 2)]


def test_a_stream_that_is_begun_without_a_feed(runs: Runs) -> None:
    """It picks the feed up when there is one."""
    one = runs.new()
    shutil.rmtree(runs.layout.feed)
    os.mkdir(runs.layout.feed)
    stream = runs.follower()
    runs.feed.close()
    runs.append(one)

    assert [item for item in news(stream) if item != "lagged"] == [(one, 2)]


@pytest.mark.timeout(600)
def test_ten_thousand_reconnects(runs: Runs, sized: Callable[[int, int], int]) -> None:
    """Every record once, over as many streams."""
    count = sized(100, 10_000)
    one = runs.new()
    cursor = runs.follower().cursor
    found: list[object] = []
    for number in range(count):
        runs.append(one if number % 50 else runs.new())
        stream = runs.follower(cursor)
        item = stream.take()
        while item is None:
            stream.pull()
            item = stream.take()
        found += said([item])
        cursor = stream.cursor
        stream.close()
    stream = runs.follower(cursor)
    found += news(stream)

    assert len(found) == len(set(map(str, found))) == count + len(runs.writers) - 1
    assert "rewound" not in found
    promised = "every record once, over as many streams"
    proof.record("streams: reconnects", promised, {"reconnects": count, "records": len(found)})


def test_a_feed_deleted_under_a_stream_that_began_at_the_beginning(runs: Runs) -> None:
    """What it went through it knows, so nothing comes twice."""
    one, old = runs.new(), runs.new()
    runs.end(old)
    stream = runs.follower(history=True)
    assert len(news(stream)) == 1 + 6
    shutil.rmtree(runs.layout.feed)
    os.mkdir(runs.layout.feed)
    runs.append(old)
    runs.append(one)

    assert news(stream) == ["lagged", (one, 2), (old, 7), (old, 8)]
