"""Streams of long runs: only what may be wanted is read, the last records are found from the end."""

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

import runlore
from runlore.journal import codec, tailing
from runlore.journal import events as e
from runlore.journal.disk import REAL
from runlore.journal.errors import BadInput
from runlore.journal.layout import Layout
from runlore.journal.reader import read
from runlore.journal.scan import Record
from runlore.live import open_stream, see_to_feed, wanted_of
from runlore.projections import filters
from runlore.projections.index import long_runs, snapshots, version
from runlore.projections.index.refresh import make
from runlore.runtimes.registry import Registry
from runlore.watcher import lately, stretches
from runlore.watcher.preparing import Preparing
from runlore.watcher.wanted import Wanted
from tests.doubles.long_runs import BEGUN, EVERY, write_journal
from tests.doubles.memory import peak_of
from tests.journal.forge import AT, RUN, Forge
from tests.journal.packed import pack
from tests.runtimes.kept_runs import registry_at

COUNT = 3000


@pytest.fixture
def layout(registry_root: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """A registry with one ended run of some thousand records, which counts as long, and an index."""
    monkeypatch.setattr(version, "LONG", 20_000)
    monkeypatch.setattr(long_runs, "SPACING", 9_000)
    monkeypatch.setattr(tailing, "PIECE", 4_000)
    found = registry_at(registry_root)
    write_journal(found, RUN, COUNT, texts=["one", "two"])
    make(REAL, found)
    return found


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Collects the seqs of all records that streams read, wanted or not."""
    seen: list[int] = []
    offer = Preparing.offer

    def counting(self: Preparing, record: Record) -> None:
        seen.append(record.seq)
        offer(self, record)

    monkeypatch.setattr(Preparing, "offer", counting)
    return seen


def _seqs(layout: Layout, wanted: Wanted, last: int | None = None) -> list[int]:
    subscription = open_stream(
        Registry(layout), wanted, runs=[RUN], history=True, last=last, follow=False, ends=True
    )
    with subscription as records:
        found = [int(record.seq) for record in records]
        assert records.rewound == 0
        return found


def _at(seq: int) -> datetime:
    return BEGUN + EVERY * seq


@pytest.mark.parametrize(
    ("since", "until"), [(2500, 2600), (1, 40), (2990, None), (None, 30), (5000, None), (1200, 1201)]
)
def test_a_time_is_found_without_reading_all(
    layout: Layout, passed: list[int], since: int | None, until: int | None
) -> None:
    """What comes out is what a reading of everything gives; what was read is little of it."""
    wanted = Wanted(since=_at(since) if since else None, until=_at(until) if until else None)
    everything = [r.seq for r in read(REAL, layout, RUN) if wanted.takes(r, None)]

    assert _seqs(layout, wanted) == everything
    assert len(passed) < COUNT / 3


def test_rare_types_are_found_without_reading_all(layout: Layout, passed: list[int]) -> None:
    """Stretches of nothing but progress are passed over."""
    assert _seqs(layout, Wanted(types=frozenset({"run.noted", "run.succeeded"}))) == [2, 3, COUNT + 1]
    assert len(passed) < COUNT / 3


def test_a_question_about_the_run_reads_all(layout: Layout, passed: list[int]) -> None:
    """What it was like at a record is folded from all in front of it."""
    wanted = wanted_of(Registry(layout), types="run.noted", status="queued")

    assert _seqs(layout, wanted) == [2, 3]
    assert passed == list(range(1, COUNT + 3))


def test_without_an_index_all_is_read(
    layout: Layout, passed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the answer is the same."""
    monkeypatch.setattr(snapshots, "is_usable", lambda *_: False)

    assert _seqs(layout, Wanted(since=_at(2999))) == [2999, 3000, 3001, 3002]
    assert len(passed) == COUNT + 2


def test_packed_runs_are_no_different(layout: Layout, passed: list[int]) -> None:
    """The history is one."""
    pack(layout)

    assert _seqs(layout, Wanted(since=_at(2990), until=_at(2992))) == [2990, 2991]
    assert len(passed) < COUNT / 3


def test_times_that_step_back_hide_nothing(layout: Layout) -> None:
    """A record of an earlier time among later ones comes, too."""
    forge = Forge().queued()
    for seq in range(2, 400):
        odd = seq in {150, 310}
        forge.add(e.RunNoted, at=AT + timedelta(seconds=-5 if odd else seq), text="x" * 200)
    Path(layout.journal(RUN)).write_bytes(forge.data)

    assert _seqs(layout, Wanted(until=AT)) == [150, 310]


def test_a_resumed_stream_skips_as_well(layout: Layout, passed: list[int]) -> None:
    """From a cursor in the middle of what was there before."""
    registry, wanted = Registry(layout), Wanted(since=_at(1000), until=_at(1010))
    see_to_feed(registry)  # only a place in one can be resumed from
    with open_stream(registry, wanted, runs=[RUN], history=True, follow=False) as records:
        first = [next(records).seq for _ in range(4)]
        cursor = records.cursor
    passed.clear()
    with open_stream(registry, wanted, runs=[RUN], after=cursor, history=True, follow=False) as records:
        rest = [record.seq for record in records]

    assert first + rest == list(range(1000, 1010))
    assert len(passed) < COUNT / 3


def test_a_journal_that_is_replaced_on_the_way_comes_again_once(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said once, and nothing of the new one is skipped."""
    found = stretches.wanted_of
    other = Forge().queued()
    for number in range(300):
        other.add(e.RunNoted, at=_at(2600), text=f"other {number} " + "x" * 200)

    def replaced(*arguments: object) -> object:
        answer = found(*arguments)  # type: ignore[arg-type]
        assert len(answer) > 1
        Path(layout.journal(RUN)).unlink()
        Path(layout.journal(RUN)).write_bytes(other.data)
        return answer

    monkeypatch.setattr(stretches, "wanted_of", replaced)
    wanted = Wanted(types=frozenset({"run.noted", "run.succeeded"}))
    with open_stream(Registry(layout), wanted, runs=[RUN], history=True, follow=False) as records:
        seqs = [record.seq for record in records]
        assert records.rewound == 1

    assert seqs[-300:] == list(range(2, 302))


@pytest.mark.parametrize("last", [0, 1, 2, 7, 500, COUNT + 1, COUNT + 2, COUNT + 50])
def test_the_last_records_are_found_from_the_end(layout: Layout, passed: list[int], last: int) -> None:
    """So many of them, or all there are."""
    everything = list(range(1, COUNT + 3))

    assert _seqs(layout, Wanted(), last) == everything[max(0, len(everything) - last) :]
    assert len(passed) == min(last, COUNT + 2)


def test_the_last_records_of_a_type(layout: Layout) -> None:
    """Those that are wanted count."""
    assert _seqs(layout, Wanted(types=frozenset({"run.noted", "run.succeeded"})), 2) == [3, COUNT + 1]


def test_the_last_records_of_a_journal_with_long_lines(layout: Layout) -> None:
    """Whatever the pieces cut."""
    forge = Forge().queued()
    for number in range(12):
        forge.add(e.RunNoted, text="x" * (codec.MAX_LINE - 400 if number % 3 else number))
    Path(layout.journal(RUN)).write_bytes(forge.data)

    for last in range(14):
        assert _seqs(layout, Wanted(), last) == list(range(1, 14))[13 - last :]


def test_a_torn_end_and_damage_near_it(layout: Layout) -> None:
    """A torn line is no record yet; what is none at all sends the reader to the beginning."""
    path = Path(layout.journal(RUN))
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"type":"run.noted","se')

    spot = lately.before_last(REAL, layout, RUN, 3, Wanted())
    assert spot.seq == COUNT - 1

    path.write_bytes(whole + b"no event\n")
    assert lately.before_last(REAL, layout, RUN, 3, Wanted()).seq == 0


def test_the_last_records_and_those_that_follow(layout: Layout) -> None:
    """A cursor taken after them goes on behind them."""
    registry = runlore.open(layout.root)
    with registry.follow(RUN, last=2) as records:
        seqs, cursor = [record.seq for record in records], records.cursor
    registry.get(RUN).note("more")
    with registry.follow(RUN, after=cursor) as records:
        more = [record.seq for record in records]

    assert seqs == [COUNT + 1, COUNT + 2]
    assert more == [COUNT + 3, COUNT + 4]


def test_the_last_records_of_what_cannot_be_told(layout: Layout) -> None:
    """Each has its own words."""
    registry = Registry(layout)
    asks = filters.parse(now=_at(1), status="failed")
    for words, last, runs, after, wanted in (
        ("name them", 1, None, None, Wanted()),
        ("from 0 on", -1, [RUN], None, Wanted()),
        ("not both", 1, [RUN], "f1.x", Wanted()),
        ("do not go with filters", 1, [RUN], None, Wanted(runs=asks)),
    ):
        with pytest.raises(BadInput, match=words):
            open_stream(registry, wanted, runs=runs, after=after, last=last)


def test_a_stream_needs_no_more_memory_for_a_longer_journal(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read to its end, or only what it has of a time."""
    monkeypatch.setattr(long_runs, "SPACING", 100_000)
    longer = runlore.open(layout.root)
    short = [peak_of(partial(_seqs_kept, longer, wanted)) for wanted in _QUESTIONS]
    write_journal(layout, RUN, 4 * COUNT)
    long = [peak_of(partial(_seqs_kept, longer, wanted)) for wanted in _QUESTIONS]

    assert max(long) < 1.2 * max(short)


_QUESTIONS = (Wanted(), Wanted(since=_at(COUNT - 5)), Wanted(until=datetime(2020, 1, 1, tzinfo=UTC)))


def _seqs_kept(registry: Registry, wanted: Wanted) -> None:
    with open_stream(registry, wanted, runs=[RUN], history=True, follow=False) as records:
        for _ in records:
            pass
