"""Snapshots change what is read of a long run, never what is said, whatever happens to either."""

from pathlib import Path

import pytest

from tests import proof
from tests.properties.long_days import Day, small
from tests.runtimes.kept_runs import registry_at

SEEDS, STEPS = (400, 100) if proof.SIZE == "full" else (6, 40)


@pytest.mark.timeout(7200 if proof.SIZE == "full" else 120)
def test_long_days(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Grown, replaced, cut, torn, packed, overwritten; the index damaged, removed, brought back."""
    small(monkeypatch)
    used = 0
    for seed in range(SEEDS):
        day = Day(registry_at(tmp_path / f"{seed}"), seed)
        for _ in range(STEPS):
            print(f"seed {seed}: {day.step()}")
            day.compare()
        day.compare_with_records()
        used += day.used
    assert used > SEEDS * STEPS / 4, "snapshots were hardly ever used"
    proof.record(
        "long runs",
        "With snapshots and without, readers of long journals say the same, whatever happens to either.",
        {"days": SEEDS, "steps": SEEDS * STEPS, "from snapshots": used},
    )
