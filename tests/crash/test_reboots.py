"""The machine is restarted: whatever ran is over at once, and no pid of the last boot means anything."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.proof import record

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.needs("root", "unshare", "mount")
@pytest.mark.timeout(900)
def test_runs_of_another_boot(tmp_path: Path, sized: Callable[[int, int], int]) -> None:
    """The dead are told as such, results are kept, the queue waits, and a recycled pid gets no signal."""
    rounds = sized(5, 100)
    alone = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    command = [*alone, sys.executable, "-m", "tests.crash.reboots", str(rounds), str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["broken"] == []
    assert found["reboots"] == rounds
    record(
        "restarts of the machine",
        "runs are lost at once, a result on disk is kept, queued runs wait, no recycled pid is signalled",
        {"restarts": rounds, "runs": 4 * rounds, "wrong signals": 0},
    )
