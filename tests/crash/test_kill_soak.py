"""SIGKILL at random moments, thousands of times."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.proof import record

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(2))
@pytest.mark.parametrize("appenders", [1, 3], ids=["alone", "together"])
def test_appenders_are_killed(
    appenders: int, part: int, tmp_path: Path, sized: Callable[[int, int], int]
) -> None:
    """No acknowledged event is lost and no journal becomes unreadable, however often appenders are killed."""
    kills, seconds = sized(500, 5_000), sized(6, 60)
    seed = 1 + 2 * part + 10 * appenders
    command = [sys.executable, "-m", "tests.crash.kill_soak"]
    command += [str(word) for word in (appenders, kills, seconds, seed, tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["lost"] == 0
    assert found["unreadable"] == 0
    assert found["kills"] >= kills
    assert found["acknowledged"] > kills
    record(
        f"random kills, part {appenders} appenders {part}",
        "no acknowledged event is lost, no journal becomes unreadable",
        {"kills": found["kills"], "acknowledged": found["acknowledged"], "torn_tails_healed": found["torn"]},
    )
