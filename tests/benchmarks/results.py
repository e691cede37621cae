"""Results as a measurement would leave them, without measuring."""

from dataclasses import replace
from typing import Final

from benchmarks.declare import Case, Goal, Table, Unit
from benchmarks.judging import Sample
from benchmarks.model import Absence, CaseResult, Facts, GoalResult, TableResult
from benchmarks.sampling import spread

FACTS: Final = Facts(
    commit="0123456789ab",
    dirty=False,
    kernel="6.1.0",
    file_system="ext4",
    python="3.11.7",
    cpu="a processor",
    cores=2,
    date="2026-01-01 12:00 UTC",
    load_before=0.25,
    load_after=0.5,
)

TABLE: Final = Table(
    name="walk",
    title="Walking",
    about="How long a walk takes.",
    unit=Unit(label="ms", scale=1e3),
    base="bare feet",
    cases=(
        Case(name="ours", code="start:python", role="ours"),
        Case(name="bare feet", code="start:python", role="reference"),
        Case(name="a rival", code="start:python", role="peer", needs=("pm2",)),
    ),
    goals=(),
    rounds={"quick": 2, "full": 4},
)

SLOWER: Final = Goal(text="time of bare feet", case="ours", against="bare feet", slower=True, at_most=3)
FASTER: Final = Goal(text="as fast as a rival", case="ours", against="a rival", at_least=2)


def samples(*seconds: float) -> dict[int, Sample]:
    """Return wall samples, one for each round from 0 on."""
    return {number: Sample(value=value) for number, value in enumerate(seconds)}


def result(*goals: GoalResult, dirty: bool = False) -> TableResult:
    """Return a table with one case of ours, one reference and an absent peer."""
    return TableResult(
        name="walk",
        title="Walking",
        about="How long a walk takes.",
        unit="ms",
        base="bare feet",
        clock="wall",
        size="quick",
        rounds=2,
        facts=replace(FACTS, dirty=dirty),
        cases=(
            CaseResult(name="ours", role="ours", value=spread([2.0, 2.2]), details={"p99 µs": 4.5}),
            CaseResult(
                name="bare feet",
                role="reference",
                value=spread([1.0, 1.1]),
                cpu=spread([0.9]),
                ratio=spread([1.0]),
                note="on grass",
            ),
        ),
        absent=(Absence(name="a rival", role="peer", reason="it is not on PATH"),),
        goals=goals,
    )
