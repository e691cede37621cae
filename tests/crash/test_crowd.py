"""Many processes at one journal, or at one registry."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash.crowd import REDACTIONS
from tests.proof import record

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.timeout(3600)


def _gathered(what: str, number: int, folder: Path) -> dict[str, int]:
    command = [sys.executable, "-m", "tests.crash.crowd", what, str(number), str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: dict[str, int] = json.loads(done.stdout)
    return found


def test_readers_beside_writers(tmp_path: Path, sized: Callable[[int, int], int]) -> None:
    """Eight readers see every record once, whole and in order, although the file is replaced under them."""
    found = _gathered("readers", sized(2_000, 50_000), tmp_path)

    assert found["replacements"] >= 20
    record("readers beside writers", "no bad read while others append and replace", found)


def test_a_race_of_compare_and_set(tmp_path: Path, sized: Callable[[int, int], int]) -> None:
    """Of all who saw the same position one wins; nobody wins twice, and no win is lost."""
    found = _gathered("cas", sized(200, 1_000), tmp_path)

    assert found["won"] == found["expected"]
    record("compare and set", "32 processes race, and the count is exact", {"appends": found["won"]})


def test_two_creators_of_one_run(tmp_path: Path, sized: Callable[[int, int], int]) -> None:
    """One creates it, the other is told, and the journal is the winner's."""
    rounds = sized(200, 5_000)

    found = _gathered("creators", rounds, tmp_path)

    assert found == {"won": rounds, "journals": rounds}
    record("creators", "of two creators of one run exactly one wins", {"rounds": rounds})


def test_labels_while_a_run_is_redacted(tmp_path: Path, sized: Callable[[int, int], int]) -> None:
    """Whoever appends while the journal is replaced again and again loses nothing, nor does a follower."""
    number = sized(300, 10_000)

    found = _gathered("redactors", number, tmp_path)

    assert found["acknowledged"] >= 4 * number
    assert found["redactions"] >= REDACTIONS
    record("labels beside redactions", "0 acknowledged events lost while a run is redacted", found)


def test_listers_beside_everybody(tmp_path: Path, sized: Callable[[int, int], int]) -> None:
    """Eight list while four let runs live and one makes the index anew: what was acknowledged is listed."""
    found = _gathered("listers", sized(50, 2_000), tmp_path)

    record("listers", "every listing has every run whose label was acknowledged before it", found)


def test_everybody_at_once(tmp_path: Path, sized: Callable[[int, int], int]) -> None:
    """Many list while eight append, one packs and one makes the index anew: no wrong row, nothing lost."""
    seconds, listers = sized(1, 60), sized(8, 32)
    command = [sys.executable, "-m", "tests.crash.everybody", str(seconds), str(listers), str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    found: dict[str, int] = json.loads(done.stdout)
    assert found["looks"] >= listers
    assert found["packed"] > 0
    record(
        "everybody at once",
        "32 that list, 8 that append, one that packs and one that makes the index anew: 0 wrong rows, 0 lost",
        {**found, "seconds": seconds, "listers": listers, "wrong": 0},
    )
