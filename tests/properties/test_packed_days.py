"""Whatever is packed, lost and restored in between, every door tells what the journals tell."""

from collections.abc import Iterator

import pytest

from runlore.journal import machine
from tests.proof import SIZE, record
from tests.properties.packed_days import PackedDay

SEEDS, STEPS, MOST = (200, 500, None) if SIZE == "full" else (10, 50, 7)


@pytest.fixture(autouse=True)
def _this_boot() -> Iterator[None]:
    """Days have reboots; the next test lives in this boot."""
    boot_id = machine.boot_id
    yield
    machine.boot_id = boot_id


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_lists_and_sql_tell_what_journals_and_packs_tell(seed: int) -> None:
    """After each step what users are told equals a fresh fold, and packing itself changes nothing."""
    day = PackedDay(seed + 5_000, most=MOST)
    answers = steps = 0
    try:
        while steps < STEPS or not day.counts["packed runs"]:  # some days pack late
            day.step()
            steps, answers = steps + 1, answers + day.compare()
        day.verified()
    finally:
        day.close()
    record(
        f"packed days, seed {seed}",
        "after each step of a random day with packs, lists and SQL equal a fresh fold",
        {"steps": steps, "answers": answers, "packed": day.counts["packed runs"]},
    )
