"""A named subscription on a disk: what is acked stays acked, what is not comes again."""

import errno
import os
import shutil
from pathlib import Path

import pytest
from msgspec import structs

from runlore.journal import positions
from runlore.journal.disk import REAL
from runlore.journal.errors import BadInput, BrokenPosition, Busy, Conflict, JournalIO, NotFound
from runlore.journal.feed_lines import segments
from runlore.journal.feed_position import WINDOW
from runlore.journal.position import Choice
from runlore.journal.reader import read
from runlore.journal.values import RunId
from runlore.journal.writer import Writer
from runlore.watcher.cursor import Cursor, encode
from runlore.watcher.steps import Told
from runlore.watcher.syncing import Syncing
from runlore.watcher.window import Window
from tests.doubles.drafts import ANY_TIME, noted
from tests.doubles.failer import failing
from tests.doubles.recorder import recording
from tests.journal.announcing import keep_little, shrink_segments
from tests.watcher.consumers import NAME, Heard, create, drained, known, subscription
from tests.watcher.live_runs import Runs, runs

__all__ = ["runs"]


OTHERS = encode(Cursor(registry="76543210", at=ANY_TIME, position=None))
"""A cursor of another registry."""


def grow(runs: Runs, run_id: RunId) -> None:
    """Let the feed grow beyond what it keeps."""
    while min(segments(REAL, runs.layout.feed)) < 4:
        runs.append(run_id)


def seqs_of(runs: Runs, run_id: RunId) -> list[int]:
    """Every seq of a run."""
    return [record.seq for record in read(REAL, runs.layout, run_id)]


def test_what_is_not_acked_comes_again(runs: Runs) -> None:
    """To whoever consumes next, from the first of them on; what is acked never does."""
    one = runs.new()
    create(REAL, runs.layout)
    for _ in range(4):
        runs.append(one)
    with subscription(REAL, runs.layout) as records:
        first, second, third = next(records), next(records), next(records)
        records.ack(second)
        records.ack(first)
        records.ack(second)
        assert (records.unacked, records.position.count) == (1, 2)
    again = drained(REAL, runs.layout).records

    assert [seq for _, seq, _ in again] == [3, 4, 5]
    assert again[0] == known(third)
    assert drained(REAL, runs.layout).records == []


def test_it_begins_now(runs: Runs) -> None:
    """What was there before is passed over, and nothing of what comes."""
    one = runs.new()
    runs.append(one)
    create(REAL, runs.layout, at="now")
    runs.append(one)
    two = runs.new()

    assert [(run_id, seq) for run_id, seq, _ in drained(REAL, runs.layout).records] == [(one, 3), (two, 1)]


def test_a_window_that_is_full(runs: Runs) -> None:
    """Nothing more goes out before something is acked; that is told, not waited for."""
    one = runs.new()
    create(REAL, runs.layout)
    runs.append(one)
    runs.append(one)
    with subscription(REAL, runs.layout, most=2) as records:
        assert [next(records).seq, next(records).seq] == [1, 2]
        assert records.is_full
        assert records.next_now() is None
        with pytest.raises(Conflict, match="not one of them is acked"):
            next(records)
        records.ack()
        assert next(records).seq == 3
    with pytest.raises(BadInput, match="at least 1"), subscription(REAL, runs.layout, most=0):
        pass


def test_one_consumer_at_a_time(runs: Runs) -> None:
    """The second is told, and the first is not harmed."""
    one = runs.new()
    create(REAL, runs.layout)
    with subscription(REAL, runs.layout) as records:
        with pytest.raises(Busy, match="in use by test"), subscription(REAL, runs.layout):
            pass
        assert next(records).run_id == one
        records.ack()
    assert drained(REAL, runs.layout).records == []


def test_a_lock_that_was_removed_under_a_consumer(runs: Runs) -> None:
    """He writes nothing any more: somebody else may be consuming by now."""
    runs.new()
    create(REAL, runs.layout)
    with subscription(REAL, runs.layout) as records:
        next(records)
        os.unlink(runs.layout.position_lock(NAME))
        with pytest.raises(Conflict, match="was removed"):
            records.ack()
    assert len(drained(REAL, runs.layout).records) == 1


def test_a_subscription_that_is_not_there(runs: Runs) -> None:
    """It is not made by being consumed, and leaves no lock."""
    with pytest.raises(NotFound), subscription(REAL, runs.layout):
        pass
    assert os.listdir(runs.layout.positions) == []


def test_a_journal_is_synced_before_its_records_go_out(runs: Runs) -> None:
    """And so is its name: a consumer remembers what power loss would take."""
    one = runs.new()
    create(REAL, runs.layout)
    runs.append(one)
    disk, calls = recording(REAL)
    with subscription(disk, runs.layout) as records:
        assert calls.named("fdatasync") == []
        next(records)
        synced = len(calls.named("fdatasync"))
        assert synced == 1
        assert [call.arguments for call in calls.named("sync_dir")] == [(runs.layout.journals,)]
        next(records)
        assert len(calls.named("fdatasync")) == synced


def test_a_journal_is_synced_again_once_it_has_changed(runs: Runs) -> None:
    """However long it is: a torn tail may have been synced that was cut off and written over since."""
    one = runs.new()
    path = Path(runs.layout.journal(one))
    whole = path.read_bytes()
    disk, calls = recording(REAL)
    syncing, (record,) = Syncing(disk, runs.layout), read(REAL, runs.layout, one)

    def syncs() -> int:
        syncing([record])
        return len(calls.named("fdatasync"))

    assert (syncs(), syncs()) == (1, 1)
    path.write_bytes(whole + b"?" * 1000)
    assert (syncs(), syncs()) == (2, 2)
    path.write_bytes(whole + b"!" * 900)
    assert syncs() == 3
    path.unlink()
    path.write_bytes(whole)
    assert syncs() == 4
    assert len(calls.named("sync_dir")) == 2


def test_a_disk_that_syncs_no_more(runs: Runs) -> None:
    """Nothing is handed over that is not on the disk; it comes once the disk is well."""
    runs.new()
    create(REAL, runs.layout)
    faulty, failer = failing(REAL, 1, errno.EIO, "for ever", only=frozenset({"fdatasync"}))
    with subscription(faulty, runs.layout) as records, pytest.raises(JournalIO, match="not handed over"):
        next(records)
    assert failer.failed
    assert len(drained(REAL, runs.layout).records) == 1


@pytest.mark.parametrize("call", ["open", "write", "fdatasync", "rename"])
def test_a_full_disk(runs: Runs, call: str) -> None:
    """An ack that cannot be stored is refused, with its exit code, and counts as soon as it can."""
    one = runs.new()
    position = create(REAL, runs.layout)
    runs.append(one)
    faulty, failer = failing(REAL, None, errno.ENOSPC, "for ever", only=frozenset({call}))
    with subscription(faulty, runs.layout) as records:
        first, second = next(records), next(records)
        failer.fail_from_now_on()
        with pytest.raises(JournalIO, match=r"No space left on device.*stays where it was") as told:
            records.ack(first)
        assert told.value.exit_code == 74
        assert positions.load(REAL, runs.layout, NAME) == position
        assert records.unacked == 2
        failer.repair()
        records.ack(second)
    assert drained(REAL, runs.layout).records == []
    assert sorted(os.listdir(runs.layout.positions)) == [f"{NAME}.json", f"{NAME}.lock"]


def test_a_reader_interrupted_in_the_middle_of_a_record(monkeypatch: pytest.MonkeyPatch, runs: Runs) -> None:
    """Between the stream and the window: it goes no further, does not move, and the record comes again."""
    runs.new()
    position = create(REAL, runs.layout)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with subscription(REAL, runs.layout) as records:
        monkeypatch.setattr(Window, "add", interrupt)
        with pytest.raises(KeyboardInterrupt):
            next(records)
        monkeypatch.undo()
        for ask in (records.next_item, records.next_now):
            with pytest.raises(Conflict, match="in the middle of a record"):
                ask()
    assert positions.load(REAL, runs.layout, NAME) == position
    assert len(drained(REAL, runs.layout).records) == 1


@pytest.mark.parametrize("cursor", ["f1.junk", "f2.later", OTHERS])
def test_a_place_that_is_none(runs: Runs, cursor: str) -> None:
    """It is told as damage of the position, with what to do about it."""
    runs.new()
    position = create(REAL, runs.layout)
    positions.store(REAL, runs.layout, structs.replace(position, cursor=cursor))

    with (
        pytest.raises(BrokenPosition, match=r"cursor.*subscriptions reset mail"),
        subscription(REAL, runs.layout),
    ):
        pass


def test_a_subscription_that_fell_behind_the_cap(monkeypatch: pytest.MonkeyPatch, runs: Runs) -> None:
    """It is told to be rewound, and gives every record again; nothing is skipped in silence."""
    keep_little(monkeypatch)
    one = runs.new()
    create(REAL, runs.layout)
    runs.append(one)
    drained(REAL, runs.layout)
    grow(runs, one)
    again = drained(REAL, runs.layout)

    assert again.told == ["rewound"]
    assert [seq for _, seq, _ in again.records] == seqs_of(runs, one)
    assert drained(REAL, runs.layout) == Heard()


def test_a_consumer_that_stands_still_while_the_feed_goes_on(
    monkeypatch: pytest.MonkeyPatch, runs: Runs
) -> None:
    """Past the cap it is told that it lagged, and it is still given every record, once."""
    keep_little(monkeypatch)
    one = runs.new()
    create(REAL, runs.layout, at="now")
    runs.append(one)
    with subscription(REAL, runs.layout, most=10**6) as records:
        seqs = [next(records).seq]
        grow(runs, one)
        told = []
        while item := records.next_item():
            if isinstance(item, Told):
                told.append(item.type)
            else:
                seqs.append(item.seq)
        records.ack()
    assert told == ["lagged"]
    assert seqs == seqs_of(runs, one)[1:]
    assert drained(REAL, runs.layout) == Heard()


@pytest.mark.parametrize("lost", ["feed", "index"])
def test_the_position_survives_what_is_derived(runs: Runs, lost: str) -> None:
    """Without the feed everything comes again, and that is said; nothing is skipped."""
    one = runs.new()
    create(REAL, runs.layout)
    runs.append(one)
    drained(REAL, runs.layout)
    shutil.rmtree(f"{runs.layout.root}/{lost}")
    runs.append(one)
    again = drained(REAL, runs.layout)

    assert [seq for _, seq, _ in again.records] == ([1, 2, 3] if lost == "feed" else [3])
    assert again.told == (["rewound"] if lost == "feed" else [])
    assert drained(REAL, runs.layout).records == []


@pytest.mark.parametrize("sealed", [False, True])
def test_a_record_that_was_acked_and_is_gone(runs: Runs, *, sealed: bool) -> None:
    """Where another lies in its place, the run comes again from its beginning, and nothing else does."""
    one, two = runs.new(), runs.new()
    create(REAL, runs.layout)
    runs.append(two)
    drained(REAL, runs.layout)
    path = Path(runs.layout.journal(one))
    before = path.read_bytes()
    runs.append(one, noted("lost"))
    if sealed:
        runs.end(one)
    assert drained(REAL, runs.layout).records[-1][0] == one
    runs.writers.pop(one).close()
    path.write_bytes(before)
    runs.writers[one] = Writer(REAL, runs.layout, one, owner=True, feed=None)
    runs.append(one, noted("kept"))
    if sealed:
        runs.end(one)
    again = drained(REAL, runs.layout)

    assert again.told == ["rewound"]
    assert [(run_id, seq) for run_id, seq, _ in again.records] == [
        (one, seq) for seq in range(1, 8 if sealed else 3)
    ]


def test_quiet_times_let_the_feed_go(monkeypatch: pytest.MonkeyPatch, runs: Runs) -> None:
    """A subscription that nothing is for moves on all the same, so that the feed need not be kept for it."""
    shrink_segments(monkeypatch)
    one = runs.new()
    create(REAL, runs.layout, choice=Choice(types=("run.failed",)))
    while max(segments(REAL, runs.layout.feed)) < WINDOW + 2:
        runs.append(one)
    assert drained(REAL, runs.layout).records == []
    feed = positions.load(REAL, runs.layout, NAME).feed

    assert feed is not None
    assert feed.segment >= WINDOW + 2


def test_a_position_does_not_move_over_what_is_not_acked(runs: Runs) -> None:
    """However much was handed out, and whatever a consumer does then."""
    one = runs.new()
    position = create(REAL, runs.layout)
    runs.append(one)
    Heard().consume(REAL, runs.layout, every=10)

    assert positions.load(REAL, runs.layout, NAME) == position


def test_a_forked_child(runs: Runs) -> None:
    """It acks nothing and takes nothing away."""
    one = runs.new()
    create(REAL, runs.layout)
    runs.append(one)
    with subscription(REAL, runs.layout) as records:
        next(records)
        pid = os.fork()
        if pid == 0:
            try:
                records.ack()
            except RuntimeError:
                os._exit(0)
            os._exit(1)
        assert os.waitpid(pid, 0)[1] == 0
        records.ack()
        assert next(records).seq == 2
    assert len(drained(REAL, runs.layout).records) == 1
