"""One look at a journal that is not held open: the records, or no answer at all."""

import os
from pathlib import Path

import pytest

from runlore.journal.reader import JournalReader
from runlore.journal.scan import Record, Tail
from runlore.journal.values import Head, RunId, Seq
from runlore.watcher.cursor import START, Spot, spot_of
from runlore.watcher.glance import glance
from tests.journal.announcing import Bent
from tests.watcher.live_runs import Runs, bent, bent_runs, news, runs

__all__ = ["bent", "bent_runs", "runs"]


def read(runs: Runs, run_id: RunId) -> tuple[list[Record], Tail]:
    """All of a journal, and where it ends."""
    with JournalReader(runs.disk, runs.layout, run_id) as reader:
        return reader.read_available(), reader.tail


def test_what_is_new_comes_behind_a_tail_or_a_spot(runs: Runs) -> None:
    """It says the same as reading the journal does, wherever it was left."""
    one = runs.new()
    for _ in range(3):
        runs.append(one)
    records, tail = read(runs, one)
    places: list[Tail | Spot] = [START, *(spot_of(r.head, r.seq, r.offset + r.length) for r in records[:-1])]

    for seen, spot in enumerate(places):
        found = glance(runs.disk, runs.layout, one, spot, tail.size)
        assert found is not None
        assert found[0] == records[seen:]
        assert glance(runs.disk, runs.layout, one, found[1], tail.size) is None
        runs.append(one)
        behind = glance(runs.disk, runs.layout, one, found[1], read(runs, one)[1].size)
        assert behind is not None
        assert [record.seq for record in behind[0]] == list(range(5, 6 + seen))


def test_a_long_journal_is_read_where_it_was_left(runs: Runs) -> None:
    """The records come whole however far behind the beginning, and however many they are."""
    one = runs.new()
    for _ in range(200):
        runs.append(one)
    records, tail = read(runs, one)
    assert tail.size > 3 << 13
    for left in (0, 1, 30, 60, 100, 199):
        last = records[left]
        spot = spot_of(last.head, last.seq, last.offset + last.length)
        for until in (records[left + 1], records[-1]):
            found = glance(runs.disk, runs.layout, one, spot, until.offset + until.length)
            assert found is not None
            assert found[0] == records[left + 1 : until.seq]


@pytest.mark.parametrize(
    "change", ["gone", "shorter", "other bytes", "another head", "a spot of another", "another seq"]
)
def test_no_answer_where_it_cannot_vouch(runs: Runs, change: str) -> None:
    """A reading has to say what happened to the journal."""
    one = runs.new()
    (first,), tail = read(runs, one)
    runs.append(one)
    left: Tail | Spot = tail
    until = read(runs, one)[1].size
    path = Path(runs.layout.journal(one))
    match change:
        case "gone":
            runs.writers.pop(one).close()
            path.unlink()
        case "shorter":
            os.truncate(path, until - 1)
        case "other bytes":
            path.write_bytes(path.read_bytes().replace(b"run.noted", b"run.notes"))
        case "another head":
            data = path.read_bytes()
            path.write_bytes(data[:-4] + (b"0" if data[-4:-3] != b"0" else b"1") + data[-3:])
        case "another seq":
            left = Spot(Seq(first.seq + 1), tail.offset, first.head[:16])
        case _:
            left = spot_of(Head(first.head[::-1]), first.seq, tail.size)

    assert glance(runs.disk, runs.layout, one, left, until) is None


def test_live_journals_are_not_opened_for_longer(bent_runs: Runs, bent: Bent) -> None:
    """A record of a journal that is not held open costs one open, one read and one close."""
    runs = bent_runs
    ids = [runs.new() for _ in range(100)]
    stream = runs.follower()
    for run_id in ids:
        runs.append(run_id)
    assert len(news(stream)) == 100
    calls: list[str] = []
    for name in ("open", "pread", "close", "size_and_links"):
        call = getattr(bent, name)

        def counted(*arguments: object, call: object = call, name: str = name) -> object:
            calls.append(name)
            return call(*arguments)  # type: ignore[operator]

        bent.bend(**{name: counted})
    runs.append(ids[0])
    calls.clear()
    assert news(stream) == [(ids[0], 3)]

    assert (calls.count("open"), calls.count("close")) == (1, 1)
