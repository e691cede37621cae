"""The lifecycle is closed: enumerated from the first event to the last, nothing leads out of an end."""

from collections import Counter
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from runlore.journal.events import FINAL, Event
from runlore.journal.lifecycle import LEGAL, STATUS_OF, TERMINAL, may_follow
from runlore.journal.scan import Scanner, Tail
from runlore.journal.values import Status
from tests import proof
from tests.journal.forge import Forge
from tests.journal.samples import SAMPLES
from tests.properties.histories import journals

MARKERS = tuple(kind for kind in SAMPLES if kind in STATUS_OF)


def sequences(status: Status | None, length: int) -> Iterator[tuple[type[Event], ...]]:
    """Yield every legal sequence of status events of at most `length`, from a status on."""
    yield ()
    if length:
        for kind in MARKERS:
            if may_follow(status, SAMPLES[kind]):
                for rest in sequences(STATUS_OF[kind], length - 1):
                    yield kind, *rest


def test_every_legal_sequence_has_one_end_and_stays_there() -> None:
    """All sequences of status events, longer than any can be: at most one final event, always the last."""
    counts: Counter[str] = Counter()
    longest = 0
    for sequence in sequences(None, 12):
        ends = [place for place, kind in enumerate(sequence) if kind in FINAL]
        assert len(ends) <= 1
        assert ends in ([], [len(sequence) - 1])
        assert len(set(sequence)) == len(sequence), "no status is entered twice"
        counts.update(sequences=1, ended=len(ends))
        longest = max(longest, len(sequence))
    assert longest == 5
    reached = {kind for sequence in sequences(None, 5) for kind in sequence}
    assert reached == set(MARKERS), "every status is reachable"
    proof.record("lifecycle", "no sequence of legal events leaves an end; exactly one final event", counts)


def test_every_status_can_end() -> None:
    """From wherever a run is, some legal event ends it: nothing is stuck for ever."""
    for status in LEGAL:
        assert status in TERMINAL or any(kind in FINAL for way in sequences(status, 4) for kind in way)


@given(st.lists(st.sampled_from(list(SAMPLES)), max_size=40))
def test_whatever_is_tried_only_legal_events_get_through(tried: list[type[Event]]) -> None:
    """A gate that asks the table lets at most one end pass, and nothing but care and labels behind it."""
    status: Status | None = "queued"
    passed = [
        kind
        for kind in tried
        if may_follow(status, SAMPLES[kind]) and (status := STATUS_OF.get(kind, status))
    ]
    ends = [place for place, kind in enumerate(passed) if kind in FINAL]

    assert len(ends) <= 1
    for place in ends:
        assert not [kind for kind in passed[place + 1 :] if kind in STATUS_OF]


@given(journals(max_events=12))
def test_the_scan_sees_the_status_that_the_events_say(forge: Forge) -> None:
    """The tail's status is that of the last status event, and ended means that it is terminal."""
    scanner = Scanner(Tail.empty(forge.run_id))
    statuses = [STATUS_OF[type(event)] for event in scanner.advance(forge.data) if type(event) in STATUS_OF]

    assert scanner.tail.status == statuses[-1]
    assert scanner.tail.ended is (statuses[-1] in TERMINAL)
    assert scanner.tail.sealed is scanner.tail.ended
