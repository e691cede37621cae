"""A disk that fills up, for real: a small tmpfs and a greedy neighbour."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from tests.proof import record

ROOT = Path(__file__).resolve().parents[2]
STAGES: Final = 8


@pytest.mark.needs("unshare")
@pytest.mark.timeout(1800)
def test_runs_that_end_on_a_full_disk(tmp_path: Path, sized: Callable[[int, int], int]) -> None:
    """Whatever was refused before, the end of every run and its seal fit, and no half record stays."""
    cycles = sized(200, 5_000)
    found = _with_small_disks("tests.crash.full_disk", str(cycles), "1", str(tmp_path))

    assert found["broken"] == []
    assert found["runs"] == cycles
    assert found["refused"] > cycles
    record(
        "full disk",
        "on a full disk the end of a run and its seal fit, and no half record stays",
        {"runs": found["runs"], "acknowledged": found["acknowledged"], "refused": found["refused"]},
    )


@pytest.mark.needs("unshare")
@pytest.mark.timeout(1800)
def test_a_disk_that_is_full_at_a_stage_of_a_run(tmp_path: Path, sized: Callable[[int, int], int]) -> None:
    """The run ends with its true result, its keeper killed or not; what was dropped is told."""
    rounds = sized(1, 20)
    found = _with_small_disks("tests.crash.full_stages", str(rounds), str(tmp_path))

    assert found["broken"] == []
    assert found["keepers killed"] == found["keepers that went on"] == rounds * STAGES
    record(
        "full disk at every stage",
        "a run whose disk is full from any stage on ends with its true result, its keeper killed or not",
        {name: count for name, count in found.items() if name != "broken"},
    )


@pytest.mark.needs("unshare")
@pytest.mark.timeout(300)
def test_pruning_without_a_free_byte(tmp_path: Path) -> None:
    """The rules are applied whole: the trash or the index makes room for the first decision."""
    found = _with_small_disks("tests.crash.full_prune", str(tmp_path))

    assert found["scenes"] == {"room in the journals": [], "something in the trash": [], "an index": []}
    record(
        "pruning on a full disk",
        "`prune --apply --now` removes what the rules remove although no byte is free",
        {"scenes": len(found["scenes"])},
    )


@pytest.mark.needs("unshare")
@pytest.mark.timeout(600)
def test_moving_runs_while_the_disk_fills_up(tmp_path: Path, sized: Callable[[int, int], int]) -> None:
    """However little room there is: no half of a bundle, no half of a run, and with room it goes on."""
    found = _with_small_disks("tests.crash.full_move", str(sized(17, 1)), str(tmp_path))

    assert found["broken"] == []
    assert min(found["refused exports"], found["refused imports"]) >= 2
    record(
        "moving runs on a full disk",
        "an export or import that a full disk refuses leaves nothing half done",
        {name: count for name, count in found.items() if name != "broken"},
    )


def _with_small_disks(module: str, *words: str) -> dict[str, Any]:
    """Return what a program reports that mounts small disks where nobody else sees them."""
    namespace = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-Urm"]
    if subprocess.run([*namespace, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no mount namespaces for this user")
    command = [*namespace, sys.executable, "-m", module, *words]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
