"""The lifecycle: one table, written out here a second time, and walked from end to end."""

from typing import get_args

import pytest

from runlore.journal import events as e
from runlore.journal import lifecycle
from runlore.journal.events import FINAL, TAGS, KnownEvent, UnknownEvent, tag_of
from runlore.journal.lifecycle import AFTER_END, LEGAL, REASONS, STATUS_OF, TERMINAL, may_follow
from runlore.journal.values import ReasonCode, Status
from tests.journal.forge import AT
from tests.journal.samples import SAMPLES

STATUSES: tuple[Status, ...] = get_args(Status)
EXPECTED = {
    "queued": {"booting", "cancelled", "failed"},
    "booting": {"running", "collecting_artifacts", "failed", "timed_out", "cancelled"},
    "running": {"collecting_artifacts", "failed", "timed_out", "cancelled"},
    "collecting_artifacts": {"succeeded", "failed", "timed_out", "cancelled"},
}
LABELS_AND_THE_LIKE = {
    *("run.tagged", "run.noted", "run.renamed"),
    *("run.pinned", "run.unpinned", "artifact.promoted", "run.accepted"),
    *("run.expired", "run.removed", "run.restored"),
    *("journal.repaired", "journal.continued", "text.redacted", "run.sealed"),
}


@pytest.mark.parametrize("after", STATUSES)
@pytest.mark.parametrize("before", STATUSES)
def test_every_pair_of_statuses_is_decided(before: Status, after: Status) -> None:
    """Each of the 64 pairs is either an arrow of the design or refused."""
    assert (after in LEGAL[before]) is (after in EXPECTED.get(before, set()))


def test_terminal_means_that_nothing_follows() -> None:
    """The four ends are the statuses without an arrow out, and the events that bring them are final."""
    ends = {"succeeded", "failed", "timed_out", "cancelled"}
    assert ends == TERMINAL
    assert {STATUS_OF[kind] for kind in FINAL} == TERMINAL
    assert all(lifecycle.is_terminal(status) is (status in TERMINAL) for status in STATUSES)


def test_every_status_has_one_event_that_brings_it() -> None:
    """No status is beyond reach, and none is brought by two different facts."""
    assert sorted(STATUS_OF.values()) == sorted(STATUSES)


@pytest.mark.parametrize("kind", SAMPLES, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("status", STATUSES)
def test_every_event_is_decided_in_every_status(status: Status, kind: type[KnownEvent]) -> None:
    """Each of the 232 pairs: changes follow the table; only labels and care follow the end."""
    change = STATUS_OF.get(kind)
    expected = change in EXPECTED.get(status, set()) if change else True
    if status in TERMINAL:
        expected = tag_of(SAMPLES[kind]) in LABELS_AND_THE_LIKE

    assert may_follow(status, SAMPLES[kind]) is expected


@pytest.mark.parametrize("kind", SAMPLES, ids=lambda kind: kind.__name__)
def test_a_journal_begins_with_its_run_or_with_what_it_continues(kind: type[KnownEvent]) -> None:
    """Nothing else can be the first record."""
    assert may_follow(None, SAMPLES[kind]) is (kind in {e.RunQueued, e.JournalContinued})


def test_an_event_of_a_newer_release_may_stand_anywhere_but_first() -> None:
    """What we do not know changes no status, so it is allowed wherever a label is."""
    unknown = UnknownEvent(seq=2, at=AT, type="run.invented", raw=b"{}")

    assert all(may_follow(status, unknown) for status in STATUSES)
    assert not may_follow(None, unknown)


def test_after_the_end_no_event_brings_a_status() -> None:
    """Labels, evidence, retention, repair and redaction: none of them is a change of status."""
    assert not AFTER_END & STATUS_OF.keys()
    assert {tag for tag, kind in TAGS.items() if kind in AFTER_END} == LABELS_AND_THE_LIKE


def test_every_reason_has_an_end_it_may_stand_beside() -> None:
    """No reason code is listed that no final event may carry."""
    assert set(REASONS) == TERMINAL
    assert frozenset().union(*REASONS.values()) == set(get_args(ReasonCode))
