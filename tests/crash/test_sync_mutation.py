"""Is every sync needed, and would we notice if one were gone? Each is taken away in turn."""

from collections.abc import Callable

import pytest

from runlore.journal import writer
from runlore.journal.disk import Disk
from tests.crash.enumeration import Found, PowerCuts
from tests.crash.other_files import OTHER_FILES
from tests.crash.workloads import WORKLOADS, chatter_that_is_never_quiet
from tests.doubles.sync_sites import Site, SkippingDisk, sync_sites
from tests.proof import record

SITES = sync_sites()
EVERYTHING = {**WORKLOADS, **OTHER_FILES}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("site", SITES, ids=str)
def test_a_sync_is_left_out(site: Site) -> None:
    """Without this one sync some crash loses what was promised, and the crash states show it.

    Until it is left out, the pictures of the disk are those that `test_crash_states` looks at.
    """
    skipped = 0
    for workload in EVERYTHING.values():
        disks: list[SkippingDisk] = []
        try:
            workload(_cuts(site, disks))
        except Found:
            skipped += _skipped(disks)
            break
        skipped += _skipped(disks)
    else:
        pytest.fail(f"no crash state misses {site} (left out {skipped} times): it is untested, or not needed")

    assert skipped
    record(f"sync mutation, part {site}", "each sync taken away makes a test fail", {"syncs_missed": 1})


@pytest.mark.parametrize(("within", "call"), [("_copy", "fdatasync"), ("settle", "sync_dir")])
def test_a_sync_of_the_evidence_is_left_out(within: str, call: str) -> None:
    """Without it something is on record of which the bytes are gone, and the crash states show it."""
    disks: list[SkippingDisk] = []
    site = Site("evidence.py", 0, 1 << 20, within, call)

    with pytest.raises(Found):
        OTHER_FILES["outputs are promoted"](_cuts(site, disks))
    assert _skipped(disks)


def test_no_sync_is_out_of_sight() -> None:
    """The list of syncs is read from the code, and knows the ones that everything rests on."""
    names = {str(site) for site in SITES}

    assert {"writer.py:_put:_sync", "journal_file.py:sync:fdatasync", "disk.py:write_whole:sync_dir"} <= names
    assert len(SITES) >= 20


def test_progress_is_never_synced_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """If chatter lay unsynced for longer than 100 ms, the crash states would show it."""
    monkeypatch.setattr(writer, "UNSYNCED_S", 1e9)
    cuts = PowerCuts(stop_at_first=True)

    with pytest.raises(Found):
        chatter_that_is_never_quiet(cuts)


def _cuts(site: Site, disks: list[SkippingDisk]) -> PowerCuts:
    return PowerCuts(between=_skipping(site, disks), begun=lambda: _skipped(disks) > 0, stop_at_first=True)


def _skipped(disks: list[SkippingDisk]) -> int:
    return sum(disk.skipped for disk in disks)


def _skipping(site: Site, disks: list[SkippingDisk]) -> Callable[[Disk], Disk]:
    def between(disk: Disk) -> Disk:
        disks.append(SkippingDisk(disk, site))
        return disks[-1]  # type: ignore[return-value]  # the calls are put in at run time

    return between
