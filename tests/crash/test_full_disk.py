"""A disk that fills up, for real: a small tmpfs and a greedy neighbour."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.proof import record

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.needs("unshare")
@pytest.mark.timeout(1800)
def test_runs_that_end_on_a_full_disk(tmp_path: Path, sized: Callable[[int, int], int]) -> None:
    """Whatever was refused before, the end of every run and its seal fit, and no half record stays."""
    namespace = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-Urm"]
    if subprocess.run([*namespace, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no mount namespaces for this user")
    cycles = sized(200, 5_000)
    command = [*namespace, sys.executable, "-m", "tests.crash.full_disk", str(cycles), "1", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["broken"] == []
    assert found["runs"] == cycles
    assert found["refused"] > cycles
    record(
        "full disk",
        "on a full disk the end of a run and its seal fit, and no half record stays",
        {"runs": found["runs"], "acknowledged": found["acknowledged"], "refused": found["refused"]},
    )
