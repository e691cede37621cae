"""Whatever happens, a stream that is resumed has every record of a run, in its order."""

import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import proof
from tests.journal.announcing import shrink_segments
from tests.properties.stream_world import Stream, World

DEEDS: Final = ("create", "note", "progress", "live", "die_unannounced", "tear", "cut", "lose_feed", "wait")
OFTEN: Final = ("create", "note", "note", "progress", "live", "live", "read", "resume", "read one")
PACKED: Final = (
    "create",
    "live",
    "live",
    "live",
    "note",
    "read",
    "read one",
    "resume",
    "pack",
    "pack",
    "tear",
    "cut",
    "wait",
)
CALM: Final = (
    "create",
    "note",
    "progress",
    "live",
    "wait",
    "read",
    "read one",
    "resume",
    "die_unannounced",
    "pack",
)

_MOST_RUNS: Final = 20


def play(deeds: list[tuple[str, int]], *, history: bool) -> Counter[str]:
    """Let things happen, with one stream over them; every check is in there."""
    world = World(Path(tempfile.mkdtemp(prefix="runlore-world-")))
    try:
        for name, number in deeds[: len(deeds) // 4]:
            if hasattr(world, name):
                getattr(world, name)(number)
        stream = Stream(world, history=history)
        for name, number in deeds[len(deeds) // 4 :]:
            if name == "read one":
                stream.read(1)
            elif name == "read":
                stream.read(1 + number)
            elif name == "resume":
                stream.resume(number)
            else:
                getattr(world, name)(number)
        stream.finish()
        stream.follower.close()
        return Counter(stream.counts)
    finally:
        world.close()


def deeds(names: tuple[str, ...]) -> "st.SearchStrategy[list[tuple[str, int]]]":
    """Many things that happen."""
    return st.lists(st.tuples(st.sampled_from(names), st.integers(0, 30)), min_size=5, max_size=120)


@pytest.mark.parametrize("history", [False, True], ids=["from now on", "from the beginning"])
@pytest.mark.timeout(600)
def test_no_record_is_missing_whatever_happens(*, history: bool) -> None:
    """No gap, the order of each journal, and a record twice only in a stream that said `rewound`."""
    counts: Counter[str] = Counter()

    @given(deeds(OFTEN + DEEDS))
    def each(drawn: list[tuple[str, int]]) -> None:
        counts.update(play(drawn, history=history))

    each()
    assert counts["resumed"]
    proof.record("streams: anything happens", "no gap, no repeat that was not said, order per run", counts)


@pytest.mark.parametrize("history", [False, True], ids=["from now on", "from the beginning"])
@pytest.mark.timeout(600)
def test_no_record_is_missing_when_runs_are_packed(*, history: bool) -> None:
    """Whatever is packed, torn or repaired while a stream is at it or away, it has all of it, in order."""
    counts: Counter[str] = Counter()

    @given(deeds(PACKED))
    def each(drawn: list[tuple[str, int]]) -> None:
        counts.update(play(drawn, history=history))

    each()
    assert counts["resumed"]
    proof.record("streams: runs are packed", "no gap, no repeat that was not said, order per run", counts)


@pytest.mark.parametrize("history", [False, True], ids=["from now on", "from the beginning"])
@pytest.mark.timeout(600)
def test_no_record_comes_twice_while_the_feed_reaches_back(
    monkeypatch: pytest.MonkeyPatch, *, history: bool
) -> None:
    """Killed writers and any number of resumptions, over many small segments: exactly once."""
    shrink_segments(monkeypatch)
    counts: Counter[str] = Counter()

    @given(deeds(CALM))
    def each(drawn: list[tuple[str, int]]) -> None:
        played = play([("create", 0), *drawn], history=history)
        if drawn:
            assert not played["rewound"], played
        counts.update(played)

    each()
    assert counts["resumed"]
    proof.record("streams: exactly once", "no gap and no repeat while the feed reaches back", counts)


RARE: Final = {
    "cut": 6,
    "tear": 6,
    "die_unannounced": 20,
    "create": 10,
    "live": 60,
    "wait": 12,
    "lose_feed": 1,
}
"""Out of a few hundred deeds; all others are appends, so that a history gets on although it is lost."""


@pytest.mark.timeout(7200)
def test_a_stream_that_is_resumed_at_every_record(sized: Callable[[int, int], int]) -> None:
    """Of a long history, while runs append, die, are repaired and lose the feed: no gap, no repeat unsaid."""
    count, dice = sized(250, 10_000), Random(13)
    names, weights = zip(*{**RARE, "note": 400, "progress": 200}.items(), strict=True)
    world = World(Path(tempfile.mkdtemp(prefix="runlore-world-")))
    try:
        world.create(0)
        stream = Stream(world, history=True)
        while stream.counts["records"] < count:
            deed = dice.choices(names, weights)[0]
            if deed != "create" or len(world.writers) < _MOST_RUNS:
                getattr(world, deed)(dice.randrange(31))
            stream.resume(0)
            stream.read(1)
        stream.finish()
        stream.follower.close()
    finally:
        world.close()

    assert stream.counts["resumed"] >= count
    promised = "a stream that is left and resumed at every record has no gap, and no repeat it did not say"
    proof.record("streams: resumed at every record", promised, stream.counts)
