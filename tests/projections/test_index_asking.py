"""Filters as questions to the index: what is asked for often is found without a look at every run."""

from datetime import UTC, datetime
from typing import Final

import pytest

from runlore.projections import filters
from runlore.projections.filters import Filter
from runlore.projections.index import schema, sqlite
from runlore.projections.index.asking import Question, counting, finding

NOW: Final = datetime(2026, 12, 1, tzinfo=UTC)
TOTAL: Final = 1_000_000
FEW: Final = 10
COUNTED: Final = {
    "status = failed": "kinds",
    "name = nightly": "kinds_by_name",
    "name != nightly": "kinds",
    "name ~ night": "kinds",
    "exit_code != 0": "kinds",
    "reason.code = exit_nonzero and runtime = process": "kinds",
    "tags.env = prod": "tags_by_value",
    "tags.env != prod": "tags_by_value",
    "not tags.env ~ prod": "tags_by_value",
    "tags.env = prod and status = failed": "tags_by_value",
    "tags.env = prod and name = nightly": "tags_by_value",
    "tags.env = a or tags.env = b": "tags_by_value",
    "created_at >= 2026-11-01": "runs_by_status",
    "ended_at >= 2026-11-01 and status = failed": "runs_by_end",
    "duration > 1h": "runs_by_duration",
    "key = k1": "runs_by_key",
    "parent = p": "runs_by_parent",
    "origin.external_id = 7": "runs_by_external_id",
}
"""By which table or index it is counted."""
FOUND: Final = {
    "status = failed": "(status=?)",
    "name = nightly": "runs_by_name",
    "name ~ night": "runs_by_name",
    "exit_code = 3": "runs_by_exit_code",
    "tags.env = prod": "tags_by_value",
    "tags.env = prod and name = nightly": "tags_by_value",
    "tags.env = a or tags.env = b": "tags_by_value",
    "created_at >= 2026-11-30": "runs_by_place",
    "ended_at >= 2026-11-30": "runs_by_end",
    "duration > 1h": "runs_by_duration",
    "key = k1": "runs_by_key",
    "parent = p": "runs_by_parent",
}
"""By which index a few runs are found."""


def asked(text: str) -> Filter:
    """The filter that somebody types."""
    return filters.parse(now=NOW, where=text)


def plan(question: Question) -> list[str]:
    """How SQLite answers a question."""
    connection = sqlite.in_memory(schema.TABLES + schema.INDEXES)
    try:
        query, values = question
        return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}", tuple(values))]
    finally:
        connection.close()


def walks_all_runs(steps: list[str]) -> bool:
    """Say whether every run is looked at."""
    return any(step.startswith("SCAN runs") for step in steps)


@pytest.mark.parametrize("text", COUNTED)
def test_runs_are_counted_by_an_index(text: str) -> None:
    """Or by a table that has a row for many of them."""
    steps = plan(counting(asked(text)))

    assert any(COUNTED[text] in step for step in steps), steps
    assert not walks_all_runs(steps), steps


@pytest.mark.parametrize("text", FOUND)
def test_a_few_runs_are_found_by_an_index(text: str) -> None:
    """What they have in common leads to them; then they are sorted."""
    steps = plan(finding(asked(text), 20, FEW, TOTAL))

    assert any(FOUND[text] in step for step in steps), steps
    assert not walks_all_runs(steps), steps


@pytest.mark.parametrize("text", FOUND)
def test_many_runs_are_met_on_a_walk_from_the_newest_on(text: str) -> None:
    """In order already, so that the walk ends where the limit is reached."""
    steps = plan(finding(asked(text), 20, TOTAL // 2, TOTAL))

    assert any("runs_by_place" in step for step in steps), steps
    assert not any("TEMP B-TREE" in step for step in steps), steps
