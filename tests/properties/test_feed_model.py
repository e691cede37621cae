"""The order in which writers announce and an observer looks, and what every weaker order loses."""

from collections.abc import Callable

import pytest

from tests import proof
from tests.properties.feed_model import ENDED, LIVE, NEW, RIGHT, WEAKER, Order, beginning, explore, left_stale


@pytest.mark.timeout(1800)
def test_every_interleaving_and_every_crash(sized: Callable[[int, int], int]) -> None:
    """Whenever all is at rest, one pass sees whatever changed, whoever died at whatever step."""
    states, resting, stale = explore(RIGHT, beginning(sized(1, 2)))

    assert stale == []
    assert resting > 100
    counts = {"states": states, "at rest": resting, "stale and undetected": 0}
    proof.record("feed order", "no change is ever missed, whoever died at whatever step", counts)


@pytest.mark.parametrize("order", WEAKER.values(), ids=WEAKER)
def test_a_weaker_order(order: Order) -> None:
    """The same search finds journals that stay stale for ever: the model can tell right from wrong."""
    _states, _resting, stale = explore(order, beginning(1))

    assert stale
    wrong = set[int]().union(*(left_stale(order, state) for state in stale))
    assert wrong == ({LIVE, ENDED, NEW} if order.looks_at_live else {LIVE, NEW})
    counts = {"orders": 1, "stale and undetected": len(stale)}
    proof.record("feed order, weaker", "every weaker order loses changes", counts)
