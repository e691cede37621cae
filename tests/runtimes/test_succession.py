"""When the next keeper comes: at once after one that did its work, more rarely after ones that died young."""

from itertools import pairwise

from runlore.runtimes.succession import Succession


def deaths(succession: Succession, lives: list[float], *, at: float = 0.0) -> list[float]:
    """How long each vacancy lasts when keepers live so long, one after the other."""
    pauses, now = list[float](), at
    for life in lives:
        now += life
        succession.vacant(now)
        wait_ms = succession.wait_ms(now)
        assert wait_ms is not None
        pauses.append(wait_ms // 1000)
        now += wait_ms / 1000
        assert succession.is_due(now)
        succession.taken(now)
    return pauses


def test_a_keeper_that_did_its_work_is_followed_at_once() -> None:
    """However often it happens."""
    assert deaths(Succession(0.0), [11.0] * 50) == [0] * 50


def test_keepers_that_die_young_come_more_and_more_rarely() -> None:
    """The first at once, then after 1, 2, 4 … and never more than 60 seconds; it never ends."""
    pauses = deaths(Succession(0.0), [0.5] * 20)

    assert pauses[:7] == [0, 1, 2, 4, 8, 16, 32]
    assert set(pauses[7:]) == {60}
    assert all(earlier <= later for earlier, later in pairwise(pauses))


def test_one_that_lived_makes_up_for_those_before_it() -> None:
    """The count begins anew."""
    assert deaths(Succession(0.0), [0.5, 0.5, 0.5, 20.0, 0.5]) == [0, 1, 2, 0, 1]


def test_nobody_is_due_while_there_is_a_keeper() -> None:
    """And the wrapper waits for other things as long as it takes."""
    succession = Succession(0.0)

    assert not succession.is_due(1e9)
    assert succession.wait_ms(1e9) is None
    assert not succession.is_hopeless(over=True)


def test_after_the_commands_end_a_few_tries_are_enough() -> None:
    """Three keepers that die young: the exit record tells the rest. While it lives there are more."""
    succession = Succession(0.0)
    deaths(succession, [0.1] * 3)
    succession.vacant(100.0)
    assert not succession.is_hopeless(over=True)
    succession.taken(100.0)
    deaths(succession, [0.1] * 2, at=100.0)
    succession.vacant(103.5)

    assert succession.is_hopeless(over=True)
    assert not succession.is_hopeless(over=False)
