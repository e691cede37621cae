"""Turn the samples of a table into its result: spreads, ratios, goals met or not. Pure."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from statistics import median

from benchmarks.declare import Case, Goal, Table
from benchmarks.model import CaseResult, Clock, GoalResult, Outcome
from benchmarks.sampling import ratios, spread


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One round of one case: seconds (or what its table's unit says) for one item."""

    value: float
    cpu: float | None = None
    details: Mapping[str, float] = field(default_factory=dict[str, float])

    def scaled(self, factor: float) -> "Sample":
        """Return the sample of one item of which this one held 1 / factor."""
        cpu = None if self.cpu is None else self.cpu * factor
        return Sample(value=self.value * factor, cpu=cpu, details=self.details)


Samples = Mapping[str, Mapping[int, Sample]]
"""Case name → number of the round → sample."""


def case_result(table: Table, case: Case, samples: Samples) -> CaseResult:
    """Return what is kept of one case that has samples."""
    mine = samples[case.name]
    scale = table.unit.scale
    cpu = [sample.cpu * scale for sample in mine.values() if sample.cpu is not None]
    to_base = ratios(_clocked(mine, table.clock), _clocked(samples.get(table.base, {}), table.clock))
    names = {name for sample in mine.values() for name in sample.details}
    return CaseResult(
        name=case.name,
        role=case.role,
        value=spread([sample.value * scale for sample in mine.values()]),
        cpu=spread(cpu) if len(cpu) == len(mine) else None,
        ratio=spread(to_base) if to_base else None,
        note=case.note,
        line=case.line,
        at=case.at,
        details={
            name: median([sample.details[name] for sample in mine.values() if name in sample.details])
            for name in sorted(names)
        },
    )


def goal_result(
    goal: Goal, samples: Samples, absent: Container[str], left_out: Container[str] = ()
) -> GoalResult:
    """Return the outcome of one goal; it is not measured if one of its cases is absent, or left out."""
    sense, bound = ("≥", goal.at_least) if goal.at_least is not None else ("≤", goal.at_most)
    if bound is None:
        raise ValueError(f"goal {goal.text!r} has no bound")
    limit = f"{sense} {bound:g} {goal.unit}"
    values = _values(goal, samples)
    if not values:
        gone = " and ".join(name for name in (goal.case, goal.against) if name in absent)
        why = f"{gone} absent, see the table" if gone else "no round has both cases"
        if goal.case in left_out or goal.against in left_out:
            why = "not at this size"
        return GoalResult(text=goal.text, limit=limit, outcome="not measured", why=why)
    found = spread(values)
    met = found.median >= bound if sense == "≥" else found.median <= bound
    outcome: Outcome = "met" if met else "not met"
    return GoalResult(
        text=goal.text,
        limit=limit,
        outcome=outcome,
        value=found,
        unit=goal.unit,
        clock=goal.clock,
        why=goal.remark,
    )


def _values(goal: Goal, samples: Samples) -> list[float]:
    mine = _clocked(samples.get(goal.case, {}), goal.clock)
    if goal.against:
        other = _clocked(samples.get(goal.against, {}), goal.clock)
        return ratios(mine, other) if goal.slower else ratios(other, mine)
    return [(1 / value if goal.rate else value) * goal.per for value in mine.values()]


def _clocked(samples: Mapping[int, Sample], clock: Clock) -> dict[int, float]:
    """Return the positive values of one clock; a clock too coarse to see anything says nothing."""
    found: dict[int, float] = {}
    for number, sample in samples.items():
        value = sample.value if clock == "wall" else sample.cpu
        if value is not None and value > 0:
            found[number] = value
    return found
