"""Pins, prunings, returns and readers at once: what somebody was told is kept is kept."""

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
def test_nothing_pinned_is_lost_to_a_removal(tmp_path: Path, sized: Callable[[int, int], int]) -> None:
    """Sixteen threads; each pin wins or is refused, and no reader takes half a run for a whole one."""
    rounds = str(sized(600, 160_000))
    command = [sys.executable, "-m", "tests.crash.cleanup_races", rounds, "16", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found.pop("broken") == []
    assert min(found[what] for what in ("pinned", "removed", "restored", "looked at", "Removed")) > 0
    record(
        "cleanup against pins and readers",
        "of pin, prune, restore and read at once, a pin wins or is refused; nothing half gone looks whole",
        {what: found[what] for what in ("rounds", "pinned", "removed", "restored", "looked at")},
    )
