"""A list that is kept up shows what a fresh one shows, whatever happened in between."""

import os
from pathlib import Path

import pytest

from runlore.journal.disk import RealDisk
from runlore.journal.errors import NotFound
from runlore.journal.layout import Layout
from runlore.journal.values import RunId
from runlore.projections import filters
from runlore.projections.list_views import PsView
from runlore.runtimes import kept_listing
from runlore.runtimes.kept_listing import KeptListing
from runlore.runtimes.registry import Registry
from tests.journal.packed import pack
from tests.runtimes.kept_runs import Owned, registry_at


class Counting(RealDisk):
    """A disk that counts what is read of journals."""

    def __init__(self) -> None:
        self.bytes = 0

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        data = super().pread(fd, size, offset)
        self.bytes += len(data)
        return data


@pytest.fixture
def layout(registry_root: Path) -> Layout:
    """A registry without runs."""
    return registry_at(registry_root)


@pytest.fixture
def registry(layout: Layout) -> Registry:
    """The same, as every door has it."""
    return Registry(layout)


def kept_up(registry: Registry, disk: RealDisk | None = None) -> KeptListing:
    """Return a list of its runs that is kept up."""
    return KeptListing(disk or registry.disk, registry.layout, registry.observer)


def told(view: PsView) -> list[tuple[RunId, str | None, str | None, int, bool]]:
    """Return what is compared of each run: not how long it has been going on."""
    return [(run.run_id, run.status, run.name, run.seq, run.provisional) for run in view.items]


def test_it_shows_what_a_fresh_list_shows(layout: Layout, registry: Registry) -> None:
    """After runs began, went on, were labelled, ended, were lost, and were removed."""
    kept = kept_up(registry)
    ended = Owned(layout).boot().start().succeed().die()
    live, lost = Owned(layout).boot(), Owned(layout).boot().start()

    def same() -> bool:
        return told(kept.page(filters.Filter())) == told(registry.page())

    assert same()
    live.start()
    registry.get(ended).rename("again")
    assert same()
    lost.die()
    live.succeed().die()
    assert same()
    os.unlink(layout.journal(ended))
    Owned(layout).boot().die()
    assert same()
    assert told(kept.page(None)) == told(registry.recent())


def test_a_look_reads_only_what_is_new(layout: Layout, registry: Registry) -> None:
    """A run that has ended costs no byte; a run that goes on costs what was appended."""
    for _ in range(3):
        Owned(layout).boot().start().succeed().die()
    live = Owned(layout).boot()
    os.utime(layout.journals, (0, 0))  # long settled
    disk = Counting()
    kept = kept_up(registry, disk)
    kept.page(None)
    kept.page(None)
    disk.bytes = 0
    kept.page(None)
    before, size = disk.bytes, os.path.getsize(layout.journal(live.run_id))
    live.start()
    kept.page(None)
    grown = os.path.getsize(layout.journal(live.run_id)) - size

    assert disk.bytes - before == grown + before
    assert before < 200


def test_ended_runs_are_compared_in_turn(
    layout: Layout, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many there are, one look has an end, and after a few each was compared."""
    monkeypatch.setattr(kept_listing, "_AT_ONCE", 2)
    runs = [Owned(layout).boot().start().succeed().die() for _ in range(5)]
    kept = kept_up(registry)
    kept.page(None)
    for run_id in runs:
        registry.get(run_id).rename("new")
    names = [{run.name for run in kept.page(None).items} for _ in range(6)]

    assert names[-1] == {"new"}


def test_a_run_whose_first_event_came_late_is_shown(layout: Layout, registry: Registry) -> None:
    """Its journal was there when the folder was looked at, and the folder has not changed since."""
    run_id = Owned(layout).boot().start().succeed().die()
    path = Path(layout.journal(run_id))
    whole = path.read_bytes()
    path.write_bytes(b"")
    os.utime(layout.journals, (0, 0))  # long settled
    kept = kept_up(registry)
    assert kept.page(None).items == []
    path.write_bytes(whole)

    assert [run.run_id for run in kept.page(None).items] == [run_id]
    path.unlink()
    assert kept.page(None).items == []


def test_a_damaged_journal_hides_no_other(layout: Layout, registry: Registry) -> None:
    """It is shown as far as it can be read, as in any list."""
    bad, good = Owned(layout).boot().start(), Owned(layout).boot().start()
    kept = kept_up(registry)
    kept.page(None)
    path = Path(layout.journal(bad.run_id))
    path.write_bytes(path.read_bytes() + b"nonsense\n" + path.read_bytes())
    view = kept.page(None)

    assert view.damaged == 1
    assert {run.run_id for run in view.items} == {bad.run_id, good.run_id}


def test_a_root_that_is_gone_is_no_empty_list(layout: Layout, registry: Registry) -> None:
    """What ran there cannot be told any more."""
    kept = kept_up(registry)
    kept.page(None)
    os.rename(layout.journals, f"{layout.root}/elsewhere")

    with pytest.raises(NotFound, match="is gone"):
        kept.page(None)


def test_runs_that_are_packed_meanwhile(layout: Layout, registry: Registry) -> None:
    """They stay in the list, and what is said of them later is seen, packed again or not."""
    kept = kept_up(registry)
    runs = [Owned(layout).boot().start().succeed().die() for _ in range(2)]
    live = Owned(layout).boot()
    assert len(kept.page(filters.Filter()).items) == 3
    for number in range(2):
        pack(layout)
        assert told(kept.page(filters.Filter())) == told(registry.page())
        registry.get(runs[0]).rename(f"name {number}")
        for _ in range(2):
            shown = told(kept.page(filters.Filter()))
        assert shown == told(registry.page())
    live.die()
