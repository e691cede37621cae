"""Write docs/benchmarks.md from the result file. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from benchmarks import plot
from benchmarks.model import CaseResult, Facts, GoalResult, TableResult
from benchmarks.sampling import Spread

_HEAD: Final = """\
# Benchmarks

This page is written by `python -m benchmarks` from `benchmarks/results/latest.json`; do not edit it.
Every table is one run: its cases were measured in turn, each in a process of its own.
The order of the cases is drawn anew for every round.
Trust the ratios inside a table; figures of different tables, or of different machines, do not divide.
A value is the median over the rounds, with the middle half of them in brackets.
A ratio is taken within each round before the median is; a goal is met or not by that median.
How to run it, and what each case does: `benchmarks/README.md`.
"""


def render(tables: Mapping[str, TableResult]) -> str:
    """Return the page's text."""
    parts = [_HEAD, "\n## Goals\n\n", goals(list(tables.values()))]
    parts += [section(table) for table in tables.values()]
    return "".join(parts)


def plots(tables: Mapping[str, TableResult]) -> dict[str, str]:
    """Return the plots that the page shows: name of the file beside it → SVG."""
    return {plot_name(table.name): plot.svg(table) for table in tables.values() if plot.is_drawn(table)}


def plot_name(table: str) -> str:
    """Return the file name of a table's plot."""
    return f"benchmarks-{table}.svg"


def goals(tables: Sequence[TableResult]) -> str:
    """Return how many goals are met, and each of them with its outcome."""
    rows = [
        [f"[{table.name}](#{table.name})", *_goal_cells(goal)] for table in tables for goal in table.goals
    ]
    count = sum(len(table.goals) for table in tables)
    met = sum(goal.outcome == "met" for table in tables for goal in table.goals)
    heads = ["table", "what", "goal", "measured", "outcome"]
    return f"{met} of {count} goals are met.\n\n{grid(heads, rows)}"


def _goal_cells(goal: GoalResult) -> list[str]:
    clock = ", CPU time" if goal.clock == "cpu" else ""
    measured = f"{spread_text(goal.value)} {goal.unit}{clock}" if goal.value else "-"
    outcome = goal.outcome if goal.outcome == "met" else f"**{goal.outcome}**"
    return [goal.text, goal.limit, measured, f"{outcome}{': ' + goal.why if goal.why else ''}"]


def section(table: TableResult) -> str:
    """Return the page's part on one table."""
    clock = ", CPU time" if table.clock == "cpu" else ""
    heads = ["case", "", f"{table.unit}", "best", "CPU time", f"x of {table.base}{clock}", "further"]
    rows = [_case_cells(case) for case in table.cases]
    rows += [
        [absence.name, absence.role, f"absent: {absence.reason}", "", "", "", ""] for absence in table.absent
    ]
    heads, *rows = _without_empty_columns([heads, *rows])
    drawn = f"![{table.title}]({plot_name(table.name)})\n\n" if plot.is_drawn(table) else ""
    return (
        f"\n## {table.name}\n\n**{table.title}.** {table.about}\n\n{drawn}{grid(heads, rows)}\n"
        f"{table.size} size, {table.rounds} rounds. {facts_text(table.facts)}\n"
    )


def _without_empty_columns(lines: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return the lines without the columns in which no line but the heading says anything."""
    said = [any(cell not in {"", "-"} for cell in column) for column in zip(*lines[1:], strict=True)]
    return [[cell for cell, keep in zip(line, said, strict=True) if keep] for line in lines]


def _case_cells(case: CaseResult) -> list[str]:
    further = [f"{name} {number(value)}" for name, value in case.details.items()]
    further += [case.note] if case.note else []
    noisy = " (noisy)" if case.value.noisy else ""
    return [
        case.name,
        case.role,
        spread_text(case.value) + noisy,
        number(case.value.best),
        number(case.cpu.median) if case.cpu else "-",
        spread_text(case.ratio) if case.ratio else "-",
        "; ".join(further),
    ]


def facts_text(facts: Facts) -> str:
    """Return where and when a table was measured, as one line."""
    tree = "with uncommitted changes" if facts.dirty else "clean tree"
    return (
        f"Commit {facts.commit}, {tree}; {facts.date}; Linux {facts.kernel}, {facts.file_system}; "
        f"Python {facts.python}; {facts.cores} x {facts.cpu}; load {facts.load_before} before, "
        f"{facts.load_after} after."
    )


def spread_text(spread: Spread) -> str:
    """Return a median with its middle half."""
    return f"{number(spread.median)} [{number(spread.low)} to {number(spread.high)}]"


def number(value: float) -> str:
    """Return a value with three digits that mean something."""
    if value >= 1000:
        return f"{value:,.0f}"
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:.{digits}f}"


def grid(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in lines)
