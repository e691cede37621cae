"""History for people: one sentence per event, in an order and at times that make sense."""

from datetime import timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlore.journal import events as e
from runlore.journal.events import AnyEvent, KnownEvent, UnknownEvent
from runlore.journal.values import (
    Actor,
    Handle,
    Identity,
    Observation,
    Owner,
    Reason,
    Recipe,
    Survivor,
)
from runlore.projections.fold import fold
from runlore.projections.timeline import TIMELINE, describe
from tests.journal.forge import AT, RUN
from tests.projections.looks import histories
from tests.properties.histories import events_of

OWNER = Owner(host="here", identity=Identity(boot_id="b", pid_ns=1, pid=71))
DIGEST = "0" * 64


def event(kind: type[e.Event], **fields: Any) -> Any:  # noqa: ANN401 - any event
    """An event somewhere in a journal."""
    return kind(seq=2, at=AT, **fields)


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (
            event(e.RunQueued, format=1, run_id=RUN, recipe=Recipe(argv=("echo", "a b"), cwd="/"), name="n"),
            "submitted as n: echo 'a b'",
        ),
        (
            event(e.RunQueued, format=1, run_id=RUN, recipe=Recipe(argv=("x",), cwd="/"), queue="gpu"),
            "submitted in queue gpu: x",
        ),
        (event(e.RunBooting, runtime="background", owner=OWNER), "keeper 71 on here took it (background)"),
        (event(e.RunStarted, handle=Handle(pid=9)), "started, pid 9"),
        (event(e.RunStarted, handle=Handle(target="w:1")), "started, w:1"),
        (
            event(e.RunProgressed, fraction=0.4, step="two", message="loading", metrics={"loss": 0.25}),
            "40% two loading loss=0.25",
        ),
        (event(e.RunProgressed), "a sign of life"),
        (event(e.RunPreviewChanged, state="available", url="http://x"), "preview available http://x"),
        (event(e.RunReadied), "said that it is ready"),
        (event(e.RunCheckpointed, name="c", path="p"), "saved checkpoint c at p"),
        (event(e.RunResultSet, result=1), "set its result"),
        (event(e.RunStopRequested, reason="enough"), "asked to stop: enough"),
        (event(e.RunStopRequested, force=True), "asked to stop by force"),
        (event(e.RunCollecting, exit_code=3), "the command ended with exit code 3"),
        (
            event(e.RunCollecting, signal=9, survivors=(Survivor(pid=5, command="sh"),), dropped_bytes=7),
            "the command was killed by signal 9; still alive: 5 sh; 7 bytes of output could not be stored",
        ),
        (
            event(e.RunCollecting, exit_code=0, exited_at=AT - timedelta(seconds=2)),
            "the command ended with exit code 0, 2.0s before this was written",
        ),
        (
            event(e.RunCollecting, exit_code=0, exited_at=AT - timedelta(seconds=0.1)),
            "the command ended with exit code 0",
        ),
        (event(e.RunCollecting, how="unknown"), "the command ended, and nobody saw how"),
        (event(e.ArtifactCollected, path="x", bytes=1234), "stored x (1,234 bytes)"),
        (event(e.ArtifactCollected, path="x", outcome="skipped", reason="a link"), "skipped x: a link"),
        (
            event(e.ArtifactCollected, path="", outcome="skipped", files=12, reason="too many"),
            "skipped 12 more: too many",
        ),
        (e.ArtifactDeclared(seq=1, at=AT, path="/w/x", kind="report"), "declared /w/x as report"),
        (event(e.RunSucceeded), "succeeded"),
        (event(e.RunTimedOut, reason=Reason(code="timeout", text="after 5s")), "timed out: after 5s"),
        (
            event(
                e.RunFailed,
                reason=Reason(code="owner_lost", text="gone"),
                observation=Observation(at=AT, owner="free"),
            ),
            "failed: gone (found so, and written down later)",
        ),
        (event(e.RunCancelled), "cancelled"),
        (event(e.RunSealed, count=1234, bytes=1, head=DIGEST), "sealed after 1,234 records"),
        (event(e.OwnerAdopted, owner=OWNER, why="it died"), "keeper 71 on here took over: it died"),
        (event(e.RunTagged, tags={"a": "1", "b": ""}, removed=("c",)), "tagged a=1 b, untagged c"),
        (event(e.RunNoted, text="look"), "note: look"),
        (event(e.RunRenamed, name="m"), "named m"),
        (event(e.RunRenamed, name=""), "its name was taken away"),
        (event(e.RunPinned, why="paper"), "pinned: paper"),
        (event(e.RunUnpinned), "unpinned"),
        (event(e.ArtifactPromoted, path="x", sha256=DIGEST), "promoted x"),
        (event(e.RunAccepted, why="good"), "accepted: good"),
        (event(e.RunExpired, rule="age", expected_seq=1), "to be removed by rule age"),
        (event(e.RunRemoved, files=3, bytes=1234), "removed 3 files, 1,234 bytes"),
        (event(e.RunRestored), "restored"),
        (
            event(
                e.JournalRepaired, cause="crash_tail", offset=9112, bytes=37, sha256=DIGEST, quarantine="q"
            ),
            "repaired after crash tail: 37 bytes cut at byte 9,112, kept as q",
        ),
        (
            event(e.JournalContinued, run_id=RUN, format=1, head=DIGEST, offset=1, pack="p"),
            "goes on from pack p",
        ),
        (event(e.TextRedacted, seqs=(3, 4), what="a password"), "redacted a password in lines 3, 4"),
        (UnknownEvent(seq=2, at=AT, type="run.dreamt", raw=b""), "run.dreamt: an event of a newer release"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_event_is_a_sentence(said: AnyEvent, text: str) -> None:
    """Every kind of event says in words what it says in fields."""
    assert describe(said) == text


@pytest.mark.parametrize("kind", get_args(KnownEvent), ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_every_event_with_any_fields_has_a_sentence(kind: type[e.Event], data: st.DataObject) -> None:
    """No field that the format allows leaves history without words."""
    assert describe(data.draw(events_of(kind)))  # type: ignore[arg-type]  # each Event is a KnownEvent


def test_progress_in_a_row_is_one_line() -> None:
    """A chatty workload does not bury its history: the last report stands for the row, with its number."""
    said: list[AnyEvent] = [
        e.RunNoted(seq=2, at=AT, text="x"),
        *(e.RunProgressed(seq=seq, at=AT + timedelta(seconds=seq), fraction=seq / 10) for seq in range(3, 6)),
        e.RunNoted(seq=6, at=AT, text="y"),
        e.RunProgressed(seq=7, at=AT, fraction=0.7),
    ]

    lines = fold(TIMELINE, said)

    assert [(line.seq, line.text, line.count) for line in lines] == [
        (2, "note: x", 1),
        (5, "50%", 3),
        (6, "note: y", 1),
        (7, "70%", 1),
    ]


def test_a_line_says_who_did_it() -> None:
    """The author of an event is kept, as views show authors."""
    (line,) = fold(TIMELINE, [e.RunNoted(seq=2, at=AT, by=Actor(user="ada", host="h"), text="x")])

    assert line.by is not None
    assert (line.by.user, line.by.pid) == ("ada", None)


@given(events=histories())
def test_history_is_in_order(events: list[AnyEvent]) -> None:
    """Lines stand by seq and at times that never step back, and stand for every event."""
    lines = fold(TIMELINE, events)

    assert [line.seq for line in lines] == sorted(line.seq for line in lines)
    assert [line.at for line in lines] == sorted(line.at for line in lines)
    assert sum(line.count for line in lines) == len(events)
