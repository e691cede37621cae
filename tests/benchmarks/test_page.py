"""docs/benchmarks.md."""

from pathlib import Path
from typing import Final

from benchmarks import model, page
from benchmarks.model import GoalResult
from benchmarks.sampling import spread
from tests.benchmarks.conftest import REPOSITORY
from tests.benchmarks.results import result

MET: Final = GoalResult(text="walks", limit="≤ 3 x", outcome="met", value=spread([2.0]), unit="x")
MISSED: Final = GoalResult(text="runs", limit="≤ 3 x", outcome="not met", value=spread([4.0]), unit="x")


def test_the_page_is_the_one_that_the_result_file_gives() -> None:
    """Nobody can edit a figure on the page, or measure anew and leave the page behind."""
    results = Path(REPOSITORY, "benchmarks/results/latest.json").read_text()
    written = Path(REPOSITORY, "docs/benchmarks.md").read_text()

    assert written == page.render(model.decode(results)), "run `python -m benchmarks --page`"


def test_the_plots_are_those_that_the_result_file_gives() -> None:
    """A plot shows what its table says, and none is left behind of a table that is gone."""
    results = Path(REPOSITORY, "benchmarks/results/latest.json").read_text()
    written = {path.name: path.read_text() for path in Path(REPOSITORY, "docs").glob("benchmarks-*.svg")}

    assert written == page.plots(model.decode(results)), "run `python -m benchmarks --page`"


def test_a_goal_that_is_not_met_says_so() -> None:
    """A missed goal stands on the page as plainly as a met one, with what was measured."""
    text = page.render({"walk": result(MET, MISSED)})

    assert "1 of 2 goals are met." in text
    assert "| runs | ≤ 3 x | 4.00 [4.00 to 4.00] x | **not met** |" in text


def test_an_absent_peer_stands_in_its_table_with_the_reason() -> None:
    """A peer that was not there is a row, not a gap."""
    assert "| a rival | peer | absent: it is not on PATH |" in page.render({"walk": result(MET)})


def test_every_table_carries_the_facts_of_its_own_run() -> None:
    """Tables that were measured on different days do not share a date, a commit or a load."""
    text = page.section(result(MET, dirty=True))

    for fact in ("0123456789ab, with uncommitted changes", "6.1.0", "ext4", "3.11.7", "2 x a processor"):
        assert fact in text
    assert "2026-01-01 12:00 UTC" in text
    assert "load 0.25 before, 0.5 after" in text
    assert "quick size, 2 rounds" in text


def test_a_cell_cannot_break_the_table() -> None:
    """A case named after a pipe keeps its row's columns."""
    assert page.grid(["case"], [["cat FILE | cat"]]).splitlines()[-1] == "| cat FILE / cat |"


def test_numbers_keep_three_digits() -> None:
    """Figures show what a measurement can know, whatever their size."""
    assert [page.number(value) for value in (12345.6, 123.4, 12.34, 1.234, 0.1234)] == [
        "12,346",
        "123",
        "12.3",
        "1.23",
        "0.123",
    ]
