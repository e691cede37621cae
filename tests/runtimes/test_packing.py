"""`Packing`: which journals go into which packs, who holds what meanwhile, and what redaction does there."""

import errno
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from runlore.journal import ids, packing
from runlore.journal.disk import REAL, RealDisk
from runlore.journal.errors import BadInput, JournalIO, NotFound
from runlore.journal.events import TextRedacted
from runlore.journal.history import open_history
from runlore.journal.journal_ids import loose_ids
from runlore.journal.layout import Layout
from runlore.journal.reader import read
from runlore.journal.values import Actor, RunId
from runlore.journal.verify import verify
from runlore.journal.writer import Writer
from runlore.projections.registry import fold_registry
from runlore.runtimes import packing as choosing
from runlore.runtimes.owner_lock import OwnerLock
from runlore.runtimes.packing import Packing
from runlore.runtimes.redact import Redaction
from runlore.runtimes.registry import Registry
from runlore.runtimes.secret_scan import SecretScan
from runlore.runtimes.stored_lines import StoredLine, stored_lines
from tests.doubles.drafts import ANY_TIME, failed, new_run_id, noted, queued, tagged
from tests.journal.journals import RUN, ended_run, new_run, raw, registry
from tests.journal.packed import append, by_the_second_reader, journal, pack, packs

SECRET = "correct-horse-battery"
OTHER = new_run_id(2)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A registry with two runs that ended."""
    layout = registry(tmp_path / "registry")
    for run_id in (RUN, OTHER):
        OwnerLock.create(REAL, layout, run_id).release()
        ended_run(layout, run_id)
    return layout


def contents(layout: Layout) -> dict[str, bytes]:
    """Every file of a registry but its feed."""
    return {
        str(path): path.read_bytes()
        for path in Path(layout.root).rglob("*")
        if path.is_file() and "/feed/" not in str(path)
    }


def test_young_runs_stay(layout: Layout) -> None:
    """A run is packed a day after its last event, unless told otherwise."""
    view = Packing(REAL, layout).apply()

    assert (view.runs, view.packs, view.kept) == (0, [], {"young": 2})


def test_a_dry_run_changes_nothing_and_tells_the_same(layout: Layout) -> None:
    """What it says is what packing then does."""
    before = contents(layout)
    planned = Packing(REAL, layout, older_than_s=0).plan()
    assert contents(layout) == before
    done = Packing(REAL, layout, older_than_s=0).apply()

    assert (planned.packs, planned.runs, planned.bytes) == (done.packs, done.runs, done.bytes)
    assert (planned.freed_inodes, planned.freed_bytes) == (done.freed_inodes, done.freed_bytes)
    assert planned.dry_run
    assert not done.dry_run


def test_a_run_that_was_packed_elsewhere_is_one_run(layout: Layout) -> None:
    """Its journal came whole, with the lines in it that began its later parts: it is packed as several."""
    pack(layout)
    append(layout, RUN, tagged())
    with open_history(REAL, layout, RUN) as history:
        whole = history.pread(1 << 20, 0)
    for path in packs(layout):
        path.unlink()
    journal(layout, RUN).write_bytes(whole)
    planned = Packing(REAL, layout, older_than_s=0).plan()
    view = pack(layout)

    assert (view.packs, view.runs) == (planned.packs, planned.runs)
    assert [each.runs for each in view.packs] == [1]
    assert verify(REAL, layout, RUN).integrity == "sealed"


def test_a_pack_is_of_one_day_and_no_larger_than_it_may_be(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs go into packs of the day on which they began; what is larger than a pack stays a journal."""
    size = len(raw(layout))
    tomorrow = ids.mint(ANY_TIME + timedelta(days=1), b"12345")
    big = ids.mint(ANY_TIME + timedelta(days=1), b"54321")
    for run_id in (tomorrow, new_run_id(3)):
        ended_run(layout, run_id)
    writer = new_run(layout, big)
    writer.append(noted("x" * 3 * size))
    writer.append(failed())
    writer.close()
    monkeypatch.setattr(choosing, "PACK_BYTES", 2 * size + 10)
    view = pack(layout)

    assert [(each.path, each.runs) for each in view.packs] == [
        ("packs/2026-11-20-1.jsonl", 2),
        ("packs/2026-11-20-2.jsonl", 1),
        ("packs/2026-11-21-1.jsonl", 1),
    ]
    assert view.kept == {"too_big": 1}
    assert loose_ids(REAL, layout) == [big]


def test_an_owned_run_stays(layout: Layout) -> None:
    """Whoever holds the owner lock is not done with the run."""
    with OwnerLock.take(REAL, layout, RUN):
        view = pack(layout)
        assert view.kept == {"owned": 1}
        assert journal(layout, RUN).exists()
        assert verify(REAL, layout, RUN).integrity == "sealed"
    assert pack(layout).runs == 1


def test_a_run_without_a_lock_file_is_packed(layout: Layout) -> None:
    """It ended, so nobody can own it any more."""
    os.unlink(layout.owner_lock(RUN))

    assert pack(layout).runs == 2


def test_packing_that_was_cut_short_goes_on(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between pack and unlink there are two copies, which are one history; nothing is copied twice."""
    with monkeypatch.context() as patched:
        patched.setattr(packing, "let_go", lambda *_: False)
        assert pack(layout).runs == 0
    assert len(packs(layout)) == 1
    assert verify(REAL, layout, RUN).integrity == "sealed"
    view = pack(layout)

    assert (view.runs, view.packs) == (2, [])
    assert len(packs(layout)) == 1


def test_an_event_between_copy_and_unlink_keeps_the_journal(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal has more than the pack by then: it stays, it counts, and is packed the next time."""
    let_go = packing.let_go

    def late(disk: object, layout: Layout, run_id: RunId, known: object) -> bool:
        if packs(layout) and run_id == RUN:
            monkeypatch.setattr(packing, "let_go", let_go)
            append(layout, RUN, noted("just now"))
        return let_go(disk, layout, run_id, known)  # type: ignore[arg-type]

    monkeypatch.setattr(packing, "let_go", late)
    view = pack(layout)

    assert view.kept == {"changed": 1}
    assert [record.event for record in read(REAL, layout, RUN)][-2].text == "just now"  # type: ignore[union-attr]
    pack(layout)
    assert [record.event for record in read(REAL, layout, RUN)][-2].text == "just now"  # type: ignore[union-attr]
    assert by_the_second_reader(layout, RUN).sealed


class Small(RealDisk):
    """A disk that takes so many bytes more."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def write(self, fd: int, data: Any) -> int:  # noqa: ANN401 - any bytes
        """Write what fits."""
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = super().write(fd, data[: self.room])
        self.room -= written
        return written


@pytest.mark.parametrize("runs", [0, 1])
def test_a_full_disk(layout: Layout, runs: int) -> None:
    """The error says where every run is; no half is left, and the next packing goes on."""
    before = {run_id: list(read(REAL, layout, run_id)) for run_id in (RUN, OTHER)}
    with pytest.raises(JournalIO, match=r"packs: No space left on device; every run is where it was"):
        pack(layout, Small(runs * len(raw(layout)) + 10))

    assert os.listdir(layout.packs) == [".lock"]
    assert loose_ids(REAL, layout) == [RUN, OTHER]
    assert pack(layout).runs == 2
    assert {run_id: list(read(REAL, layout, run_id)) for run_id in (RUN, OTHER)} == before


def test_a_disk_too_full_for_the_index(layout: Layout) -> None:
    """Packing frees room, so it goes on without one; the next packing makes it."""
    assert pack(layout, Small(2 * len(raw(layout)) + 10)).runs == 2
    assert loose_ids(REAL, layout) == []
    assert sorted(os.listdir(layout.packs)) == [".lock", packs(layout)[0].name]
    assert verify(REAL, layout, OTHER).integrity == "sealed"
    pack(layout)
    assert packs(layout)[0].with_suffix(".idx").exists()


def test_every_door_finds_a_packed_run(layout: Layout) -> None:
    """By name, short id, latest and full id; its status, tags and heads are what they were."""
    before = Registry(layout, writable=False).page().items
    rows = fold_registry(REAL, layout)
    pack(layout)
    packed = Registry(layout)

    assert Registry(layout, writable=False).page().items == before
    assert fold_registry(REAL, layout) == rows
    assert [packed.resolve(each) for each in (RUN, ids.short(RUN), "latest")] == [RUN, RUN, OTHER]
    assert packed.resolve("nightly") == OTHER
    packed.get(RUN).tag(env="prod")
    assert packed.get(RUN).view().tags == {"env": "prod"}
    assert packed.reconcile() == []
    with pytest.raises(NotFound):
        packed.resolve(new_run_id(77))


# -- secrets


@pytest.fixture
def told(tmp_path: Path) -> Layout:
    """A registry with a packed run that told its secret, and one beside it in the same pack."""
    layout = registry(tmp_path / "told")
    OwnerLock.create(REAL, layout, RUN).release()
    writer = Writer.create(REAL, layout, RUN, queued(RUN, name=SECRET))
    writer.append(noted(f"{SECRET}, twice: {SECRET}"))
    writer.append(failed())
    writer.close()
    ended_run(layout, OTHER)
    pack(layout)
    return layout


def redaction(layout: Layout, value: str = SECRET) -> Redaction:
    """The redaction of the run that told its secret."""
    return Redaction(REAL, layout, RUN, [value], by=Actor(user="ada"))


def holding(layout: Layout) -> list[str]:
    """Files with the secret in them."""
    return [path for path, data in contents(layout).items() if SECRET.encode() in data]


def test_a_packed_run_is_redacted(told: Layout) -> None:
    """The pack keeps its length and its other runs; what changed is named behind it, and verify says so."""
    path = packs(told)[0]
    before, planned = path.read_bytes(), redaction(told).plan()
    assert holding(told) == [str(path)]
    view = redaction(told).apply()
    after = path.read_bytes()

    assert holding(told) == []
    assert view.seqs == planned.seqs == [1, 2]
    assert [(each.kind, each.path) for each in view.places] == [("pack", f"packs/{path.name}")]
    assert len(after) == len(before)
    assert after[-100:] == before[-100:]
    assert [verify(REAL, told, each).integrity for each in (RUN, OTHER)] == ["redacted", "sealed"]
    events = [record.event for record in read(REAL, told, RUN, check_chain=True)]
    assert [event.seqs for event in events if isinstance(event, TextRedacted)] == [(1, 2)]
    assert by_the_second_reader(told, RUN).redacted == {1, 2}
    assert by_the_second_reader(told, RUN).verdict == "clean"


def test_half_a_journal_of_before_the_packing_goes(told: Layout) -> None:
    """A killed repair left it, with every line that the journal had, and then the run was packed."""
    half = Path(told.journals, f".{RUN}.0123456789ab.tmp")
    half.write_bytes(packs(told)[0].read_bytes())
    redaction(told).apply()

    assert holding(told) == []
    assert not half.exists()


def test_a_redacted_run_can_be_packed_again_and_go_on(told: Layout) -> None:
    """`text.redacted` lies in another part than the lines it names, and still accounts for them."""
    redaction(told).apply()
    pack(told)
    assert not journal(told, RUN).exists()
    append(told, RUN, tagged())

    assert verify(REAL, told, RUN).integrity == "redacted"
    assert not redaction(told).apply().applied
    assert by_the_second_reader(told, RUN).verdict == "clean"


def test_a_secret_in_pack_and_continuation_is_taken_out_of_both(told: Layout) -> None:
    """One event names the lines of both."""
    append(told, RUN, noted(f"again {SECRET}"))
    view = redaction(told).apply()

    assert holding(told) == []
    assert view.seqs == [1, 2, 6]
    assert verify(REAL, told, RUN).integrity == "redacted"


def test_superseded_copies_are_redacted_too(told: Layout) -> None:
    """Nobody reads them, but their bytes are there."""
    first = packs(told)[0]
    whole = b"".join(each.line for each in _lines(told))
    journal(told, RUN).write_bytes(whole)
    append(told, RUN, tagged())
    pack(told)
    assert len(holding(told)) == 2
    redaction(told).apply()

    assert holding(told) == []
    assert len(first.read_bytes()) > len(whole)
    assert verify(REAL, told, RUN).integrity == "redacted"


def _lines(layout: Layout) -> list[StoredLine]:
    return list(stored_lines(REAL, layout, RUN))


def test_what_cannot_be_overwritten_changes_no_pack(told: Layout) -> None:
    """It is refused before anything is told or written."""
    before = contents(told)
    with pytest.raises(BadInput):
        redaction(told, RUN).apply()

    assert {path: data for path, data in contents(told).items() if not path.endswith(".lock")} == {
        path: data for path, data in before.items() if not path.endswith(".lock")
    }


def test_a_scan_looks_into_packs(told: Layout) -> None:
    """It names the pack in which the secret lies."""
    found = list(SecretScan(REAL, told, {"DB_PASSWORD": SECRET}).scan(RUN))

    assert {each.path for each in found} == {f"packs/{packs(told)[0].name}"}
    assert {each.seq for each in found} == {1, 2}
