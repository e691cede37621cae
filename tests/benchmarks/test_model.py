"""The result file."""

import pytest

from benchmarks import model
from benchmarks.model import GoalResult
from benchmarks.sampling import spread
from tests.benchmarks.results import result


def test_results_survive_the_file() -> None:
    """What is read back from the JSON is what was measured."""
    measured = GoalResult(text="walks", limit="≤ 3 x", outcome="met", value=spread([1.0, 2.0]), unit="x")
    missing = GoalResult(text="runs", limit="≥ 2 x", outcome="not measured", why="a rival: not on PATH")
    tables = {"walk": result(measured, missing)}

    assert model.decode(model.encode(tables)) == tables


@pytest.mark.parametrize(
    "text",
    ["[]", '{"schema": 0, "tables": []}', '{"schema": 1, "tables": [{"name": "x"}]}', "nonsense"],
    ids=["not an object", "another schema", "fields missing", "not JSON"],
)
def test_a_file_of_another_shape_is_refused(text: str) -> None:
    """Results that would be misread are not read."""
    with pytest.raises(ValueError, match=r"schema|field|JSON|Expecting"):
        model.decode(text)
