"""Real system calls that fail: the matrix of test_errno.py, a part of it, with the kernel's own calls."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash.victims import LONG_LIVES, VICTIMS
from tests.proof import record

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.needs("strace")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("how", ["once", "lasting"])
@pytest.mark.parametrize("victim", [name for name in VICTIMS if name not in {"write whole", "list"}])
def test_a_system_call_fails(victim: str, how: str, tmp_path: Path, sized: Callable[[int, int], int]) -> None:
    """The caller gets an error of ours or none; nothing acknowledged is lost, and no half record stays."""
    every = str(sized(3 * LONG_LIVES.get(victim, 1), 1))
    command = [sys.executable, "-m", "tests.crash.errno_points", victim, how, every, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert done.stderr == ""
    assert found["broken"] == []
    assert found["refused"] > 0
    record(
        f"failing system calls, part {victim} {how}",
        "a system call that fails, once or for ever, gives a typed error and costs nothing acknowledged",
        {"runs": found["runs"]},
    )
