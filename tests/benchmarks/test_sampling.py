"""What is kept of noisy measurements."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.sampling import ratios, spread

_SECONDS = st.floats(min_value=1e-9, max_value=1e3)


@given(st.lists(_SECONDS, min_size=1))
def test_a_spread_is_ordered(values: list[float]) -> None:
    """The best is not above the lower quarter, nor that above the median, nor that above the upper."""
    found = spread(values)

    assert found.best <= found.low <= found.median <= found.high
    assert found.count == len(values)


@given(_SECONDS, st.integers(1, 20))
def test_equal_values_have_no_width(value: float, count: int) -> None:
    """A case that always takes the same time is not called noisy."""
    found = spread([value] * count)

    assert (found.low, found.median, found.high) == pytest.approx((value, value, value))
    assert not found.noisy


def test_a_wide_middle_half_is_called_noisy() -> None:
    """Who reads the page is told when the rounds disagree by more than a quarter."""
    assert spread([1.0, 1.0, 2.0, 2.0]).noisy


def test_an_outlier_does_not_move_the_median() -> None:
    """A round during which the machine did something else counts as one round, not as its length."""
    assert spread([1.0, 1.0, 1.0, 1.0, 900.0]).median == 1.0


def test_ratios_pair_what_was_measured_in_the_same_round() -> None:
    """A slow minute that hits both cases leaves their ratio alone."""
    ours, theirs = {0: 2.0, 1: 20.0, 2: 2.0}, {0: 1.0, 1: 10.0, 2: 1.0}

    assert ratios(ours, theirs) == [2.0, 2.0, 2.0]


def test_rounds_that_only_one_case_has_give_no_ratio() -> None:
    """A slow peer that is measured in each second round is compared in those rounds only."""
    assert ratios({0: 3.0, 1: 3.0, 2: 3.0}, {0: 1.0, 2: 1.0}) == [3.0, 3.0]
