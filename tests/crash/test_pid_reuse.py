"""Pids are given out again: nobody takes a stranger for a process of a run."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.proof import record

ROOT = Path(__file__).resolve().parents[2]
REUSES_A_CYCLE = 6


@pytest.mark.needs("root", "unshare")
@pytest.mark.timeout(1800)
def test_strangers_get_the_pids_of_a_run(tmp_path: Path, sized: Callable[[int, int], int]) -> None:
    """Keeper's, wrapper's and command's: none is signalled by whoever acts, and none counts as alive."""
    cycles = sized(5, 170)
    alone = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    command = [*alone, sys.executable, "-m", "tests.crash.pid_reuse", str(cycles), str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["broken"] == []
    assert found["reuses"] == cycles * REUSES_A_CYCLE
    record(
        "pids given to strangers",
        "stop, reconcile, keepers and adopters signal no stranger, and nobody takes one for alive",
        {"reuses": found["reuses"], "wrong signals": 0, "shown alive": 0},
    )
