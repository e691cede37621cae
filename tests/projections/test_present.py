"""The view of a run: every field there, whatever state it is in."""

from datetime import timedelta
from typing import Any

import msgspec
from hypothesis import given

from runlore.journal import events as e
from runlore.journal.events import FORMAT
from runlore.journal.values import (
    Actor,
    Handle,
    Head,
    Identity,
    Origin,
    Owner,
    Reason,
    Recipe,
    Usage,
)
from runlore.projections.encoding import encode_view
from runlore.projections.fold import fold
from runlore.projections.present import run_view
from runlore.projections.run_state import RunState
from runlore.projections.run_view import Problem, RunView, TranscriptView
from runlore.projections.status import STATUS
from tests.journal.forge import AT, RUN
from tests.projections.looks import NOW, states

ADA = Actor(user="ada", host="here", pid=1, program="cli")

PROMISED = """
run_id short_id name status provisional health reason exit_code signal created_at started_at ended_at
duration_s last_activity_at runtime handle owner command cwd tags metadata key origin parent attempt
preview progress result resources artifacts transcript retention rerun seq journal_head owner_epoch sealed
compatibility
"""


def whole_run() -> RunState:
    """A run of which everything is known."""
    identity = Identity(boot_id="b", pid_ns=1, pid=71)
    recipe = Recipe(argv=("train", "--lr", "a b"), cwd="/w", timeout_s=5400, artifacts=("out/**",))
    return fold(
        STATUS,
        [
            e.RunQueued(
                seq=1,
                at=AT,
                format=FORMAT,
                run_id=RUN,
                registry_id="reg",
                recipe=recipe,
                name="nightly",
                tags={"env": "prod"},
                metadata={"n": 1},
                key="k",
                origin=Origin(kind="retry", run_id="x", attempt=2),
                parent="p",
            ),
            e.RunBooting(
                seq=2,
                at=AT,
                epoch=1,
                runtime="background",
                owner=Owner(host="here", identity=identity, version="1"),
            ),
            e.RunStarted(seq=3, at=AT, epoch=1, handle=Handle(pid=72, wrapper=identity)),
            e.RunProgressed(seq=4, at=AT, fraction=0.5),
            e.RunPreviewChanged(seq=5, at=AT, state="available", url="http://x"),
            e.RunResultSet(seq=6, at=AT, result={"loss": 1}),
            e.RunStopRequested(seq=7, at=AT, by=ADA, reason="enough"),
            e.RunCollecting(
                seq=8,
                at=AT + timedelta(seconds=2),
                epoch=1,
                signal=15,
                exited_at=AT + timedelta(seconds=1.5),
                usage=Usage(cpu_s=1.0, max_rss_bytes=2),
                transcript_bytes=9,
            ),
            e.ArtifactCollected(seq=9, at=AT, path="out/x", bytes=5),
            e.RunCancelled(seq=10, at=AT, epoch=1, signal=15, reason=Reason(code="cancelled", by=ADA)),
        ],
    )


def viewed(state: RunState, **given: Any) -> RunView:  # noqa: ANN401 - whatever the view takes
    """The view of a state as of now."""
    return run_view(state, as_of=NOW, **given)


def test_the_run_view_has_every_promised_field() -> None:
    """The fields that programs rely on are all there, under their names, from the first release on."""
    assert set(PROMISED.split()) <= set(RunView.__struct_fields__)


def test_a_whole_run_is_shown_whole() -> None:
    """Whatever the journal knows comes out, in the units that were promised."""
    shown = msgspec.json.decode(encode_view(viewed(whole_run(), head=Head("ab" * 32))))

    assert shown["schema"] == "runlore.run/1"
    assert (shown["run_id"], shown["short_id"], shown["name"]) == (RUN, "k3f9x2ab", "nightly")
    assert (shown["status"], shown["health"], shown["signal"]) == ("cancelled", None, 15)
    assert shown["created_at"] == "2026-11-20T20:14:00Z"
    assert (shown["ended_at"], shown["duration_s"]) == ("2026-11-20T20:14:01.500000Z", 1.5)
    assert shown["reason"]["by"] == {"user": "ada", "host": "here", "pid": 1, "program": "cli"}
    assert shown["handle"] == {"runtime": "background", "pid": 72, "wrapper_pid": 71, "target": None}
    assert shown["owner"] == {"host": "here", "pid": 71, "user": "", "version": "1"}
    assert shown["command"] == "train --lr 'a b'"
    assert (shown["result"], shown["attempt"], shown["parent"]) == ({"loss": 1}, 2, "p")
    assert shown["resources"] == {"cpu_s": 1.0, "max_rss_bytes": 2}
    assert shown["artifacts"] == {
        "count": 1,
        "bytes": 5,
        "bundle": f"runlore://reg/{RUN}/artifacts",
        "manifest": f"runlore://reg/{RUN}/manifest",
    }
    assert shown["transcript"]["ref"] == f"runlore://reg/{RUN}/transcript"
    assert shown["transcript"]["bytes"] == 9
    assert (shown["seq"], shown["journal_head"], shown["owner_epoch"]) == (10, "ab" * 32, 1)
    assert (shown["progress"]["fraction"], shown["preview"]["url"]) == (0.5, "http://x")
    assert (shown["stop"]["reason"], shown["durability"], shown["sealed"]) == ("enough", "power", False)


def test_a_result_is_shown_only_with_the_final_event() -> None:
    """What a workload says in between is not its result yet."""
    running = fold(
        STATUS,
        [
            e.RunQueued(seq=1, at=AT, format=1, run_id=RUN, recipe=Recipe(argv=("x",), cwd="/")),
            e.RunResultSet(seq=2, at=AT, result=7),
        ],
    )
    ended = fold(STATUS, [e.RunFailed(seq=3, at=AT)], running)

    assert viewed(running).result is None
    assert viewed(ended).result == 7


def test_a_live_run_lasts_until_now() -> None:
    """While it runs, the duration grows; it is never negative."""
    started = fold(
        STATUS,
        [
            e.RunQueued(seq=1, at=AT, format=1, run_id=RUN, recipe=Recipe(argv=("x",), cwd="/")),
            e.RunBooting(
                seq=2,
                at=AT,
                runtime="background",
                owner=Owner(host="h", identity=Identity(boot_id="", pid_ns=0, pid=1)),
            ),
            e.RunStarted(seq=3, at=AT, handle=Handle(pid=1)),
        ],
    )

    assert run_view(started, as_of=AT + timedelta(seconds=3)).duration_s == 3
    assert run_view(started, as_of=AT - timedelta(hours=1)).duration_s == 0
    assert run_view(started, as_of=NOW, health="stalled").health == "stalled"


def test_a_newer_format_is_shown_as_incompatible() -> None:
    """A run written by a newer release is listed as far as known, and says so."""
    newer = e.RunQueued(seq=1, at=AT, format=FORMAT + 1, run_id=RUN, recipe=Recipe(argv=("x",), cwd="/"))

    assert viewed(fold(STATUS, [newer])).compatibility == "newer_format"


def test_a_damaged_run_keeps_its_place() -> None:
    """What cannot be read is a problem beside what can, down to nothing at all."""
    nothing = msgspec.structs.replace(STATUS.initial(), run_id=RUN)
    problem = Problem(kind="damaged", detail="not an event", seq=1, offset=0)

    view = viewed(nothing, problem=problem)

    assert (view.run_id, view.status, view.created_at, view.last_activity_at) == (RUN, None, None, None)
    assert view.problem == problem


def test_the_transcript_may_speak_for_itself() -> None:
    """Whoever looked at the captured output knows more than the journal."""
    transcript = TranscriptView(ref="r", bytes=3, lines=1, dropped=0)

    assert viewed(whole_run(), transcript=transcript).transcript == transcript


@given(state=states())
def test_every_view_can_be_read_back(state: RunState) -> None:
    """What is printed is JSON that gives the same view again: programs lose nothing."""
    view = viewed(state)

    assert encode_view(msgspec.json.decode(encode_view(view), type=RunView)) == encode_view(view)
