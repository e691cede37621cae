"""Finish, stop, time limit, reconcile, in every order: a run ends once, and everybody is told the truth."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.proof import record

ROOT = Path(__file__).resolve().parents[2]
ORDERS: Final = 24
WAYS: Final = {
    "live": "the first that the keeper acts on decides, and nothing that comes later changes it",
    "paused": "a keeper that was stopped meanwhile decides by what was durable first",
    "ownerless": "whoever wins the lock first ends the run, and the others are told that it is too late",
    "crowded": "of all that try to end a run at the same moment exactly one does",
}


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("how", WAYS)
def test_every_order_of_what_ends_a_run(how: str, tmp_path: Path, sized: Callable[[int, int], int]) -> None:
    """Exactly one final event, the one of whoever came first; typed answers for the others."""
    rounds = sized(10, 200) if how == "crowded" else sized(1, 20)
    command = [sys.executable, "-m", "tests.crash.final_races", how, str(rounds), str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["broken"] == []
    assert found["orders"] == ORDERS * rounds
    record(
        f"races for the end of a run, {how}",
        WAYS[how],
        {"orders": ORDERS, "races": found["orders"], "with one final event": found["orders"]},
    )
