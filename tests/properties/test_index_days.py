"""The index against a fresh fold, on random days."""

from collections.abc import Iterator

import pytest

from runlore.journal import machine
from tests.proof import SIZE, record
from tests.properties.index_days import Day, compare, is_indexed, settled_behind_packs

SEEDS, STEPS, MOST = (200, 500, None) if SIZE == "full" else (25, 200, 7)


@pytest.fixture(autouse=True)
def _this_boot() -> Iterator[None]:
    """Days have reboots; the next test lives in this boot."""
    boot_id = machine.boot_id
    yield
    machine.boot_id = boot_id


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_happened_the_index_tells_what_the_journals_tell(seed: int) -> None:
    """After each step every view from the index equals a fresh fold of all journals."""
    day = Day(seed, most=MOST)
    views = answered = behind = 0
    try:
        for number in range(STEPS):
            day.step()
            views += compare(day, wholly=SIZE == "full")
            behind += settled_behind_packs(day)
            answered += number % 10 > 0 or is_indexed(day)
    finally:
        day.close()
    assert answered == STEPS, "an index can always be had again"
    assert behind, "packed runs that were labelled were rows"
    assert day.counts["ended"] >= STEPS // 40, "runs came to their ends, and their rows were settled"
    record(
        f"index days, seed {seed}",
        "after each step of a random day, views from the index equal a fresh fold",
        {"steps": STEPS, "views": views},
    )
