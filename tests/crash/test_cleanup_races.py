"""Pins, promotions, prunings, returns and readers at once: what somebody was told is kept is kept."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash.cleanup_races import HAPPENS
from tests.proof import record

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(3600)
def test_nothing_pinned_or_promoted_is_lost_to_a_removal(
    tmp_path: Path, sized: Callable[[int, int], int]
) -> None:
    """Sixteen threads; a pin or promotion wins or is refused, and nobody takes half a run for a whole."""
    rounds = str(sized(600, 160_000))
    command = [sys.executable, "-m", "tests.crash.cleanup_races", rounds, "16", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found.pop("broken") == []
    assert min(found.get(what, 0) for what in HAPPENS) > 0, found
    record(
        "cleanup against pins and readers",
        "a pin or a promotion beside removals and readers wins or is refused; nothing half gone looks whole",
        {what: found[what] for what in ("rounds", "pinned", "promoted", "removed", "restored", "looked at")},
    )
