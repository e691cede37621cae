"""Power cuts on a disk in memory: whatever a crash may leave, nothing acknowledged is gone."""

from collections.abc import Callable

import pytest

from tests.crash.enumeration import PowerCuts
from tests.crash.other_files import OTHER_FILES
from tests.crash.random_days import random_day
from tests.crash.workloads import WORKLOADS, Workload
from tests.proof import record

PROMISE = (
    "whatever a power cut leaves, acknowledged events are there, recovery is automatic and loses no byte"
)
EVERYTHING = {**WORKLOADS, **OTHER_FILES}
PARTS = 8


@pytest.mark.timeout(300)
@pytest.mark.parametrize("workload", EVERYTHING.values(), ids=EVERYTHING)
def test_the_power_fails_after_every_change(workload: Workload, request: pytest.FixtureRequest) -> None:
    """Each picture that a power cut may leave comes up again with all that was promised."""
    cuts = PowerCuts(most=2000)

    workload(cuts)

    assert cuts.broken == []
    assert cuts.states > 5
    record(f"crash states, part {request.node.callspec.id}", PROMISE, {"states": cuts.states})


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", range(PARTS))
def test_the_power_fails_on_random_days(part: int, sized: Callable[[int, int], int]) -> None:
    """Whatever owners and strangers do to a journal in whatever order, each picture comes up again."""
    states, seed = 0, part
    wanted = sized(24_000, 400_000) // PARTS

    while states < wanted:
        cuts = PowerCuts()
        random_day(cuts, seed)
        assert cuts.broken == [], f"on day {seed}"
        states, seed = states + cuts.states, seed + PARTS

    record(f"crash states, part {part}", PROMISE, {"states": states})
