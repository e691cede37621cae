"""Repair a damaged journal: say what would go, keep what goes, and say it in the journal."""

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from runlore.journal import repair as repair_module
from runlore.journal.disk import REAL
from runlore.journal.errors import JournalIO, NewerFormat, NotFound
from runlore.journal.events import JournalRepaired, RunQueued
from runlore.journal.feed_reader import FeedReader
from runlore.journal.layout import Layout
from runlore.journal.repair import plan, repair
from runlore.journal.verify import verify
from runlore.journal.writer import Writer
from tests.doubles.drafts import booting, failed, noted, queued, tagged
from tests.journal.journals import RUN, ended_run, events, new_run, overwrite, raw, registry


@pytest.fixture
def layout(registry_root: Path) -> Layout:
    return registry(registry_root)


@pytest.fixture
def damaged(layout: Layout) -> bytes:
    """Damage the third of five records, and return the journal's bytes."""
    writer = new_run(layout)
    for draft in (booting(), noted("n" * 40), tagged(), failed()):
        writer.append(draft)
    writer.close()
    overwrite(layout, raw(layout).replace(b"nnn", b"mmm"))
    return raw(layout)


def test_a_plan(layout: Layout, damaged: bytes) -> None:
    """It says what would be cut, and changes nothing."""
    planned = plan(REAL, layout, RUN)

    assert planned.damage is not None
    assert planned.damage.kind == "chain"
    assert (planned.kept_records, planned.is_crash_tail) == (2, False)
    assert planned.cut_bytes == len(damaged) - damaged.index(b'{"type":"run.noted"')
    assert raw(layout) == damaged
    assert os.listdir(layout.quarantine) == []


def test_a_repair(layout: Layout, damaged: bytes) -> None:
    """What was whole stays byte for byte, what went is in quarantine, and the journal names it."""
    done = repair(REAL, layout, RUN)

    kept = Path(layout.quarantine, done.quarantine).read_bytes()
    place = damaged.index(b'{"type":"run.noted"')
    assert kept == damaged[place:]
    assert raw(layout).startswith(damaged[:place])
    *_, told = events(layout)
    assert isinstance(told, JournalRepaired)
    assert (told.cause, told.offset, told.bytes) == ("corruption", place, len(kept))
    assert (told.sha256, told.quarantine) == (sha256(kept).hexdigest(), done.quarantine)
    assert verify(REAL, layout, RUN).findings == []


def test_appending_after_a_repair(layout: Layout, damaged: bytes) -> None:
    """Appends that were refused are welcome again."""
    assert damaged
    repair(REAL, layout, RUN)

    assert Writer(REAL, layout, RUN, owner=True).append(failed()).seq == 4


def test_a_healthy_journal(layout: Layout) -> None:
    """There is nothing to do, and nothing is done."""
    ended_run(layout)
    before, inode = raw(layout), os.stat(layout.journal(RUN)).st_ino

    assert plan(REAL, layout, RUN).cut_bytes == 0
    assert repair(REAL, layout, RUN).quarantine == ""

    assert (raw(layout), os.stat(layout.journal(RUN)).st_ino) == (before, inode)


def test_a_repair_done_twice(layout: Layout, damaged: bytes) -> None:
    """The second one finds nothing."""
    assert damaged
    repair(REAL, layout, RUN)
    before = raw(layout)

    assert repair(REAL, layout, RUN).damage is None
    assert raw(layout) == before


def test_a_finished_run(layout: Layout) -> None:
    """Its repair is sealed like everything behind the end."""
    ended_run(layout)
    Writer(REAL, layout, RUN).append(noted("n" * 40))
    overwrite(layout, raw(layout).replace(b"nnn", b"mmm"))

    repair(REAL, layout, RUN)

    assert verify(REAL, layout, RUN).integrity == "sealed"
    assert [type(event).__name__ for event in events(layout)][-3:] == [
        "RunSealed",
        "JournalRepaired",
        "RunSealed",
    ]


def test_a_crash_tail(layout: Layout) -> None:
    """Repair calls it what it is: the next appender would have done the same."""
    ended_run(layout)
    overwrite(layout, raw(layout) + b"torn")

    assert plan(REAL, layout, RUN).is_crash_tail
    repair(REAL, layout, RUN)

    told = next(event for event in events(layout) if isinstance(event, JournalRepaired))
    assert told.cause == "crash_tail"


def test_damage_in_mode_process(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """What no appender would mend is corruption, also in the plan."""
    Writer.create(REAL, layout, RUN, queued(RUN, durability="process", boot_id="this")).close()
    overwrite(layout, raw(layout) + bytes(30) + b"\n")

    monkeypatch.setattr(repair_module, "boot_id", lambda: "this")
    assert not plan(REAL, layout, RUN).is_crash_tail


def test_a_repair_is_announced(layout: Layout, damaged: bytes) -> None:
    """Who watches the feed learns that the journal has moved, and was told before it did."""
    assert damaged
    reader = FeedReader(REAL, layout)
    before = reader.end()

    repair(REAL, layout, RUN)

    announced = reader.read(before).announcements
    assert [(line.run_id, line.seq, line.intent) for line in announced] == [(RUN, 2, True), (RUN, 3, False)]


@pytest.mark.parametrize("attempt", [plan, repair])
def test_nothing_whole_is_left(layout: Layout, attempt: Callable[..., object]) -> None:
    """A journal without a first event is not repaired into an empty one."""
    new_run(layout).close()
    overwrite(layout, raw(layout).replace(b"nightly", b"nightlY") * 2)
    before = raw(layout)

    with pytest.raises(NotFound, match="first event"):
        attempt(REAL, layout, RUN)

    assert raw(layout) == before


@pytest.mark.parametrize("attempt", [plan, repair])
def test_a_newer_format(layout: Layout, attempt: Callable[..., object]) -> None:
    """What this release takes for damage may be none, so it keeps its hands off."""

    def newer(seq: object, at: object) -> RunQueued:
        event = queued(RUN)(seq, at)  # type: ignore[arg-type]
        assert isinstance(event, RunQueued)
        return type(event)(**{name: getattr(event, name) for name in event.__struct_fields__} | {"format": 2})

    Writer.create(REAL, layout, RUN, newer).close()
    overwrite(layout, raw(layout) + b'["a line of the future"]\n')
    before = raw(layout)

    with pytest.raises(NewerFormat):
        attempt(REAL, layout, RUN)

    assert raw(layout) == before


@pytest.mark.parametrize("attempt", [plan, repair])
def test_no_journal(layout: Layout, attempt: Callable[..., object]) -> None:
    """It is not found."""
    with pytest.raises(NotFound):
        attempt(REAL, layout, RUN)


@pytest.mark.parametrize("attempt", [plan, repair])
def test_a_journal_that_cannot_be_opened(layout: Layout, attempt: Callable[..., object]) -> None:
    """The error is one of ours, with what the kernel said."""
    os.mkdir(layout.journal(RUN))

    with pytest.raises(JournalIO, match="directory"):
        attempt(REAL, layout, RUN)
