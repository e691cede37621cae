"""Whatever happens, a named subscription gives every record until it is acked, and none again after that."""

import tempfile
from collections import Counter
from pathlib import Path
from typing import Final

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests import proof
from tests.journal.announcing import keep_little
from tests.properties.consumer_world import Consumers
from tests.properties.stream_world import World

DEEDS: Final = ("create", "note", "progress", "live", "die_unannounced", "tear", "cut", "lose_feed", "wait")
CALM: Final = ("create", "note", "note", "progress", "live", "live", "die_unannounced", "wait")
MANY: Final = 2000 if proof.SIZE == "full" else 20
FEW: Final = 200 if proof.SIZE == "full" else 5
"""Histories of a feed that keeps little: each has hundreds of events."""
SIZED: Final = settings(max_examples=MANY)
CONSUMED: Final = ("consume", "consume", "die", "drain")


def play(deeds: list[tuple[str, int]], *, at: str) -> Counter[str]:
    """Let things happen, with consumers that come and go; every check is in there."""
    world = World(Path(tempfile.mkdtemp(prefix="runlore-world-")))
    try:
        world.feed.begin()
        for name, number in deeds[: len(deeds) // 4]:
            if hasattr(world, name):
                getattr(world, name)(number)
        consumers = Consumers(world, at=at)
        for name, number in deeds[len(deeds) // 4 :]:
            if name == "drain":
                consumers.drain()
            elif name in CONSUMED:
                getattr(consumers, name)(number)
            else:
                getattr(world, name)(number)
        consumers.finish()
        return Counter(consumers.counts)
    finally:
        world.close()


def deeds(names: tuple[str, ...], most: int = 80) -> "st.SearchStrategy[list[tuple[str, int]]]":
    """Many things that happen."""
    return st.lists(st.tuples(st.sampled_from(names), st.integers(0, 30)), min_size=5, max_size=most)


@pytest.mark.parametrize("at", ["now", "start"])
@pytest.mark.timeout(600)
def test_nothing_is_skipped_whatever_happens(*, at: str) -> None:
    """Every record comes until it is acked; one that was acked comes again only where `rewound` was said."""
    counts: Counter[str] = Counter()

    @SIZED
    @given(deeds(CALM + CONSUMED + DEEDS))
    def each(drawn: list[tuple[str, int]]) -> None:
        counts.update(play(drawn, at=at))

    each()
    assert counts["died"]
    proof.record("named subscriptions: anything happens", "nothing skipped, no repeat unsaid", counts)


@pytest.mark.timeout(600)
def test_nothing_that_was_acked_comes_again_while_the_feed_reaches_back() -> None:
    """Consumers and writers that are killed, and nothing that is lost: what is acked never comes again."""
    counts: Counter[str] = Counter()

    @SIZED
    @given(deeds(CALM + CONSUMED))
    def each(drawn: list[tuple[str, int]]) -> None:
        played = play(drawn, at="start")
        assert not played["again"], played
        counts.update(played)

    each()
    assert counts["died"]
    proof.record("named subscriptions: consumers die", "nothing skipped, nothing acked comes again", counts)


@pytest.mark.timeout(600)
def test_a_feed_that_keeps_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Consumers fall behind what is kept, and are told: nothing is skipped then either."""
    keep_little(monkeypatch)
    counts: Counter[str] = Counter()

    @settings(phases=[Phase.explicit, Phase.reuse, Phase.generate], max_examples=FEW)
    @given(deeds(("create", "many", "many", *CONSUMED), 25))
    def each(drawn: list[tuple[str, int]]) -> None:
        counts.update(play([("create", 0), *drawn], at="start"))

    each()
    assert counts["rewound"]
    proof.record("named subscriptions: beyond the cap", "nothing skipped, no repeat unsaid", counts)
