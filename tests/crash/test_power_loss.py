"""Power cuts and broken disks under real file systems; needs root, a loop device and /dev/fuse."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.proof import record

ROOT = Path(__file__).resolve().parents[2]
KINDS = pytest.mark.parametrize("kind", ["ext4", "xfs"])
pytestmark = [
    pytest.mark.needs("root", "unshare", "mkfs.ext4", "mkfs.xfs", "losetup"),
    pytest.mark.timeout(3600),
]


@KINDS
def test_the_power_of_a_real_file_system_is_cut(
    kind: str, tmp_path: Path, sized: Callable[[int, int], int]
) -> None:
    """What was acknowledged before the cut is there after it, and the next appender needs no help."""
    trials = sized(40, 1_000)

    found = _proved("power_loss", kind, trials, 1, tmp_path)

    assert found["broken"] == []
    assert found["trials"] == trials
    assert found["acknowledged"] > trials
    record(
        f"power cuts, part {kind}",
        "power cuts under real file systems: no acknowledged event lost, no manual step",
        {"power_cuts": trials, "acknowledged": found["acknowledged"], "torn_tails_healed": found["torn"]},
    )


@KINDS
def test_the_disk_fails_one_write(kind: str, tmp_path: Path, sized: Callable[[int, int], int]) -> None:
    """The kernel reports it once and then lies; what we acknowledged is on the disk all the same."""
    trials = sized(20, 300)

    found = _proved("fsyncgate", kind, trials, tmp_path)

    assert found["broken"] == []
    record(
        f"failed syncs, part {kind}",
        "after a sync that failed for real, nothing acknowledged rests on what the kernel says afterwards",
        {"failed_syncs": trials},
    )


def _proved(module: str, *arguments: object) -> dict[str, Any]:
    """Return what a proof in a mount namespace of its own has found."""
    if not (os.path.exists("/dev/fuse") and os.path.exists("/dev/loop-control")):
        pytest.skip("no /dev/fuse or no loop devices here")
    command = ["unshare", "-m", sys.executable, "-m", f"tests.crash.{module}", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
