"""How samples become ratios, and goals met or not."""

from dataclasses import replace

import pytest

from benchmarks.declare import Goal
from benchmarks.judging import Sample, case_result, goal_result
from benchmarks.tables import TABLES
from tests.benchmarks.results import FASTER, SLOWER, TABLE, samples


@pytest.mark.parametrize(("ours", "outcome"), [((2.0, 3.0, 3.0), "met"), ((3.0, 3.1, 3.1), "not met")])
def test_a_goal_of_at_most_goes_by_the_median_ratio(ours: tuple[float, ...], outcome: str) -> None:
    """The outcome is that of the middle round, limit included."""
    found = goal_result(SLOWER, {"ours": samples(*ours), "bare feet": samples(1.0, 1.0, 1.0)}, ())

    assert found.outcome == outcome
    assert found.limit == "≤ 3 x"


@pytest.mark.parametrize(("rival", "outcome"), [((2.0, 2.0), "met"), ((1.0, 1.0), "not met")])
def test_a_goal_of_at_least_says_how_many_times_as_fast(rival: tuple[float, ...], outcome: str) -> None:
    """Twice as fast means that the other one takes twice the time."""
    found = goal_result(FASTER, {"ours": samples(1.0, 1.0), "a rival": samples(*rival)}, ())

    assert found.outcome == outcome


def test_a_goal_against_an_absent_peer_is_not_measured_and_says_why() -> None:
    """A peer that could not be had makes its goal neither met nor missed."""
    found = goal_result(FASTER, {"ours": samples(1.0)}, {"a rival"})

    assert (found.outcome, found.value) == ("not measured", None)
    assert found.why == "a rival absent, see the table"


def test_a_goal_of_a_case_that_this_size_leaves_out_says_so() -> None:
    """A quick look does not judge what only the full one measures, and calls nothing broken."""
    found = goal_result(FASTER, {"a rival": samples(1.0)}, (), {"ours"})

    assert (found.outcome, found.why) == ("not measured", "not at this size")


def test_a_plain_figure_is_compared_in_the_unit_of_its_goal() -> None:
    """80 ms is compared with milliseconds although samples are seconds."""
    goal = Goal(text="to the first instruction", case="ours", at_most=80, per=1e3, unit="ms")

    found = goal_result(goal, {"ours": samples(0.070, 0.075, 0.090)}, ())

    assert found.outcome == "met"
    assert found.value is not None
    assert found.value.median == pytest.approx(75)


def test_a_rate_is_one_over_the_time() -> None:
    """5 ms for a megabyte is 200 megabytes a second."""
    goal = Goal(text="into the transcript", case="ours", at_least=200, unit="MB/s", rate=True)

    assert goal_result(goal, {"ours": samples(0.005)}, ()).outcome == "met"
    assert goal_result(goal, {"ours": samples(0.006)}, ()).outcome == "not met"


def test_a_goal_by_processor_time_ignores_the_wall_clock() -> None:
    """Being preempted by a neighbour does not make a goal of processor time fail."""
    goal = replace(SLOWER, clock="cpu")
    ours = {0: Sample(value=90.0, cpu=2.0)}
    bare = {0: Sample(value=1.0, cpu=1.0)}

    assert goal_result(goal, {"ours": ours, "bare feet": bare}, ()).outcome == "met"
    assert goal_result(SLOWER, {"ours": ours, "bare feet": bare}, ()).outcome == "not met"


def test_a_case_keeps_medians_of_its_details_in_its_tables_unit() -> None:
    """Values are scaled to the unit of the table, details stand as they were measured."""
    measured = {
        number: Sample(value=0.002, cpu=0.001, details={"p99 µs": float(number)}) for number in range(3)
    }

    found = case_result(TABLE, TABLE.cases[0], {"ours": measured, "bare feet": samples(0.001, 0.001, 0.001)})

    assert (found.value.median, found.ratio and found.ratio.median) == pytest.approx((2.0, 2.0))
    assert found.cpu is not None
    assert found.cpu.median == pytest.approx(1.0)
    assert found.details == {"p99 µs": 1.0}


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_every_goal_and_base_names_a_case_of_its_table(table: object) -> None:
    """No goal can stay unmeasured because its case was renamed."""
    declared = TABLES[getattr(table, "name", "")]
    names = [case.name for case in declared.cases]

    assert len(names) == len(set(names))
    assert declared.base in names
    for goal in declared.goals:
        assert goal.case in names
        assert goal.against in {"", *names}
        assert (goal.at_most is None) != (goal.at_least is None)


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_every_corpus_that_a_case_reads_is_made_at_its_sizes(table: object) -> None:
    """No case stands before a registry that nobody made."""
    declared = TABLES[getattr(table, "name", "")]
    for size in declared.rounds:
        cases = declared.of_size(size).cases
        said = [case.arguments.get(name) for case in cases for name in ("corpus", size)]
        read = {name for name in said if isinstance(name, str)}

        assert read <= set(declared.corpora.get(size, ()))
        assert declared.base in [case.name for case in cases]


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_a_goal_in_the_unit_of_its_table_counts_as_the_table_does(table: object) -> None:
    """No figure is compared with its bound a thousand times too small."""
    declared = TABLES[getattr(table, "name", "")]
    for goal in declared.goals:
        if goal.unit == declared.unit.label and not goal.against:
            assert (goal.per, goal.rate) == (declared.unit.scale, False), goal.text
