"""What is shown: every field there, encodable, and as its schema says."""

import base64
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given

from runlore.journal import events as e
from runlore.journal.errors import NotFound
from runlore.journal.events import FORMAT, UnknownEvent
from runlore.journal.scan import Record, Scanner, Tail
from runlore.journal.values import (
    Actor,
    Handle,
    Head,
    Identity,
    Offset,
    Origin,
    Owner,
    Reason,
    Recipe,
    Seq,
    Usage,
)
from runlore.projections.about_views import InitView
from runlore.projections.counts import counted
from runlore.projections.encoding import encode_view
from runlore.projections.fold import fold
from runlore.projections.present import run_view
from runlore.projections.replay import exact_argv, replay_command
from runlore.projections.run_state import RunState
from runlore.projections.run_view import Problem, RunView, TranscriptView
from runlore.projections.schema import NAMES, SHOWN, json_schema
from runlore.projections.status import STATUS
from runlore.projections.stream_records import ControlRecord, EventRecord, event_record
from tests.journal.forge import AT, RUN, Forge
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


# -- running it again


def test_the_replay_command_says_all_that_matters() -> None:
    """Folder, name, typed environment, limits and input come back as options; secrets only by name."""
    recipe = Recipe(
        argv=("train", "it's"),
        cwd="/my work",
        env={"A": "1 2"},
        secrets=("TOKEN",),
        timeout_s=5400.0,
        idle_timeout_s=90.0,
        output_limit=10 << 20,
        stdin=True,
    )

    assert replay_command("nightly", recipe) == (
        "runlore run --cwd '/my work' --name nightly --env 'A=1 2' --secret TOKEN --timeout 1h30m "
        "--idle-timeout 1m30s --output-limit 10M -i "
        "-- train 'it'\"'\"'s'"
    )


def test_arguments_that_are_no_text_are_replayed_exactly() -> None:
    """Bytes beside the readable form win, unless the readable form was redacted or they cannot be right."""
    raw = tuple(base64.b64encode(item).decode() for item in (b"x", b"\xff", b"--token=s3cret"))
    recipe = Recipe(argv=("x", "?", "--token=[REDACTED]"), argv_bytes=raw, cwd="/")

    assert exact_argv(recipe) == ("x", "\udcff", "--token=[REDACTED]")
    assert "$'\\xff'" in replay_command("", recipe)
    assert exact_argv(msgspec.structs.replace(recipe, argv_bytes=("%%%", "", ""))) == recipe.argv
    assert exact_argv(msgspec.structs.replace(recipe, argv_bytes=raw[:1])) == recipe.argv


# -- encoding


def test_a_path_that_is_no_text_does_not_stop_an_answer() -> None:
    """Odd bytes in a path come out as visible escapes, and the rest of the answer is unharmed."""
    made = InitView(root="/odd/\udcff", registry_id="r", created_at=AT, existing=False)

    shown = msgspec.json.decode(encode_view(made))

    assert shown["root"] == "/odd/\\udcff"
    assert shown["created_at"] == "2026-11-20T20:14:00Z"


def test_counts_are_in_order_and_name_what_has_no_status() -> None:
    """The same runs always give the same bytes."""
    assert list(counted(["running", None, "failed", "running"]).items()) == [
        ("failed", 1),
        ("running", 2),
        ("unreadable", 1),
    ]


def records() -> Iterator[Record]:
    """Records of a journal that holds an event of a newer release."""
    forge = Forge().queued(name="n")
    forge.raw(b'{"type":"run.dreamt","seq":2,"at":"2026-11-20T20:14:01Z","of":{"sheep":3}')
    yield from Scanner(Tail.empty(RUN)).feed(forge.data)


def test_a_record_in_a_stream_is_the_event_and_its_place() -> None:
    """Known or not, an event is shown with all its fields; its `h` belongs to the line, not to it."""
    known, unknown = (msgspec.json.decode(encode_view(event_record(record))) for record in records())

    assert (known["type"], known["run_id"], known["seq"], known["offset"]) == ("record", RUN, 1, 0)
    assert (known["event"]["type"], known["event"]["name"]) == ("run.queued", "n")
    assert unknown["event"] == {
        "type": "run.dreamt",
        "seq": 2,
        "at": "2026-11-20T20:14:01Z",
        "of": {"sheep": 3},
    }


def test_an_unknown_event_without_an_h_is_shown_as_it_is() -> None:
    """A line that was never closed is no reason to lose what is on it."""
    event = UnknownEvent(seq=1, at=AT, type="x.y", raw=b'{"type":"x.y","seq":1,"at":"2026-11-20T20:14:00Z"}')
    record = Record(RUN, Seq(1), Offset(0), len(event.raw) + 1, event, Head(""))

    assert msgspec.json.decode(encode_view(event_record(record)))["event"]["type"] == "x.y"


@given(state=states())
def test_every_view_can_be_read_back(state: RunState) -> None:
    """What is printed is JSON that gives the same view again: programs lose nothing."""
    view = viewed(state)

    assert encode_view(msgspec.json.decode(encode_view(view), type=RunView)) == encode_view(view)


# -- schemas


@pytest.mark.parametrize("name", NAMES)
def test_each_schema_names_itself(name: str) -> None:
    """A schema is found under its short name and under the id that answers carry."""
    schema = json_schema(name)

    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert json_schema(f"runlore.{name}/1") == schema
    assert msgspec.json.encode(schema)


@pytest.mark.parametrize("name", [name for name, kind in SHOWN.items() if hasattr(kind, "schema")])
def test_each_answer_carries_the_id_of_its_schema(name: str) -> None:
    """The `schema` of an answer is what `runlore schema` takes; an answer in a stream keeps its own."""
    default = next(field.default for field in msgspec.structs.fields(SHOWN[name]) if field.name == "schema")

    assert default == f"runlore.{name.removesuffix('_record')}/1"


def test_no_schema_forbids_what_is_added_later() -> None:
    """Fields only ever get added, so no schema of what is shown may refuse one it does not know."""
    for name in set(NAMES) - {"hold_message", "import_record", "submit_line"}:  # what is read, not shown
        assert b'"additionalProperties":false' not in msgspec.json.encode(json_schema(name))


def test_an_unknown_schema_names_those_there_are() -> None:
    """Asked for what does not exist, the answer says what does."""
    with pytest.raises(NotFound, match=r"no schema 'nope'; there are run, ps, "):
        json_schema("nope")


def test_an_event_of_a_newer_release_is_within_the_schema() -> None:
    """The schema of events leaves room for kinds that are not there yet."""
    choices = json_schema("event")["anyOf"]

    assert isinstance(choices, list)
    assert choices[-1]["required"] == ["type", "seq", "at"]
    assert len(choices) == len(e.TAGS) + 1


def test_streams_speak_in_typed_records() -> None:
    """Each line of a stream says by `type` what it is."""
    assert encode_view(ControlRecord(type="end", reason="ended")) == (
        b'{"type":"end","cursor":null,"reason":"ended"}'
    )
    assert EventRecord.__struct_config__.tag == "record"
