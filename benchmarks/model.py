"""What a measurement leaves behind: the JSON file from which the page is written. Pure.

Values of a case stand in its table's unit; `cpu` is processor time where that was measured as well.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from benchmarks.sampling import Spread

SCHEMA: Final = 1

Size = Literal["quick", "full"]
Role = Literal["ours", "reference", "peer"]
Clock = Literal["wall", "cpu"]
Outcome = Literal["met", "not met", "not measured"]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Where and when a table was measured. Every table carries its own."""

    commit: str
    dirty: bool
    """The working tree differed from the commit."""
    kernel: str
    file_system: str
    python: str
    cpu: str
    cores: int
    date: str
    load_before: float
    """Processes that wanted to run, averaged over the minute before."""
    load_after: float


@dataclass(frozen=True, kw_only=True)
class CaseResult:
    """One measured case."""

    name: str
    role: Role
    value: Spread
    cpu: Spread | None = None
    ratio: Spread | None = None
    """Value over that of the table's base case, round by round."""
    note: str = ""
    details: Mapping[str, float] = field(default_factory=dict[str, float])
    """Further figures, e.g. a high quantile, as medians over the rounds."""
    line: str = ""
    at: float | None = None
    """Its place in the table's plot: which line, and where from left to right."""


@dataclass(frozen=True, kw_only=True)
class Absence:
    """A case that could not be measured, and why."""

    name: str
    role: Role
    reason: str


@dataclass(frozen=True, kw_only=True)
class GoalResult:
    """A goal and what was measured for it; the outcome goes by the median alone."""

    text: str
    limit: str
    outcome: Outcome
    value: Spread | None = None
    unit: str = ""
    clock: Clock = "wall"
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class TableResult:
    """One table: cases measured in turn, within one run."""

    name: str
    title: str
    about: str
    unit: str
    base: str
    """The case that the ratios are taken to."""
    clock: Clock
    """What the ratios compare."""
    size: Size
    rounds: int
    facts: Facts
    cases: tuple[CaseResult, ...]
    absent: tuple[Absence, ...]
    goals: tuple[GoalResult, ...]
    across: str = ""
    """What the table's plot counts from left to right; empty: it has none."""


def encode(tables: Mapping[str, TableResult]) -> str:
    """Return the result file's text; tables in the order given."""
    document = {"schema": SCHEMA, "tables": [asdict(table) for table in tables.values()]}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def decode(text: str) -> dict[str, TableResult]:
    """Return the tables of a result file by name.

    Raises:
        ValueError: it is not a result file, or one of another schema.
    """
    document = json.loads(text)
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise ValueError(f"not a result file of schema {SCHEMA}")
    try:
        return {raw["name"]: _table(raw) for raw in document["tables"]}
    except (KeyError, TypeError) as error:
        raise ValueError(f"a result file with a field missing or unknown: {error}") from error


def _table(raw: dict[str, Any]) -> TableResult:
    return TableResult(
        **{
            **raw,
            "facts": Facts(**raw["facts"]),
            "cases": tuple(_case(case) for case in raw["cases"]),
            "absent": tuple(Absence(**absence) for absence in raw["absent"]),
            "goals": tuple(GoalResult(**{**goal, "value": _spread(goal["value"])}) for goal in raw["goals"]),
        }
    )


def _case(raw: dict[str, Any]) -> CaseResult:
    spreads = {name: _spread(raw[name]) for name in ("value", "cpu", "ratio")}
    return CaseResult(**{**raw, **spreads})


def _spread(raw: dict[str, Any] | None) -> Spread | None:
    return Spread(**raw) if raw is not None else None
