"""`runlore hold`: a run for a program in any language."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import jsonschema
import pytest

from runlore.cli.lines import LONGEST, Lines
from tests.cli.command import LONG_S, Runlore

BEGIN: Final = {"type": "begin", "name": "held", "tags": {"env": "prod"}, "argv": ["./backup", "--all"]}


def lines(*messages: object) -> bytes:
    """Messages as they are written: a line of JSON each; bytes as they are."""
    return b"".join(
        each if isinstance(each, bytes) else json.dumps(each).encode() + b"\n" for each in messages
    )


class Program:
    """A program that is a run, talking to its `runlore hold`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def say(self, *messages: object) -> None:
        """Write messages."""
        assert self.process.stdin is not None
        self.process.stdin.write(lines(*messages))
        self.process.stdin.flush()

    def hear(self) -> Any:  # noqa: ANN401 - JSON is what it is
        """Return the next answer."""
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def ask(self, message: object) -> Any:  # noqa: ANN401 - JSON is what it is
        """Return the answer to a message."""
        self.say(message)
        return self.hear()

    def hang_up(self) -> int:
        """End the input; return the exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(LONG_S)


@contextmanager
def holding(runlore: Runlore, **begin: object) -> Iterator[tuple[Program, Any]]:
    """Yield a program whose run has begun, and what it was told of it."""
    with runlore.started("hold", stdin=subprocess.PIPE) as process:
        program = Program(process)
        yield program, program.ask({**BEGIN, **begin})


def shown(runlore: Runlore) -> Any:  # noqa: ANN401 - JSON is what it is
    """The latest run."""
    return runlore.ok("show", "latest", "--json").json


def test_a_whole_run(runlore: Runlore) -> None:
    """It is listed as every other one, with what the program said, and ends as it said."""
    with holding(runlore, cwd="/srv") as (program, begun):
        inside = shown(runlore)
        acks = [
            program.ask(message)
            for message in (
                {"type": "ready"},
                {"type": "progress", "fraction": 0.25, "message": "a", "step": "1/4", "metrics": {"rows": 3}},
                {"type": "preview", "state": "available", "url": "http://h/", "lease_s": 60},
                {"type": "checkpoint", "name": "c", "path": "/ckpt", "sha256": "ab" * 32},
                {"type": "note", "text": "hi"},
                {"type": "result", "result": [1]},
            )
        ]
        ended = program.ask({"type": "finish", "result": {"rows": 3}})
        assert program.process.wait(LONG_S) == 0
    after = shown(runlore)

    assert (begun["type"], begun["line"], begun["seq"]) == ("begun", 1, 3)
    assert (begun["run_id"], begun["root"]) == (inside["run_id"], str(runlore.root))
    assert [(ack["type"], ack["line"], ack["seq"]) for ack in acks] == [
        ("ack", line, line + 2) for line in range(2, 8)
    ]
    assert (ended["type"], ended["status"], ended["exit_code"]) == ("ended", "succeeded", 0)
    assert (inside["status"], inside["health"], inside["runtime"]) == ("running", "live", "process")
    assert (inside["command"], inside["cwd"], inside["tags"]) == ("./backup --all", "/srv", {"env": "prod"})
    assert (after["status"], after["result"], after["sealed"]) == ("succeeded", {"rows": 3}, True)
    assert runlore.ok("verify", "latest", "--json").json["counts"] == {"sealed": 1}


@pytest.mark.parametrize(
    ("finish", "status", "exit_code", "text"),
    [
        ({}, "succeeded", 0, None),
        ({"exit_code": 0}, "succeeded", 0, None),
        ({"exit_code": 3}, "failed", 3, "exit code 3"),
        ({"status": "failed", "reason": "no space"}, "failed", None, "no space"),
        ({"status": "cancelled", "reason": "not today"}, "cancelled", None, "not today"),
    ],
    ids=str,
)
def test_how_a_program_says_that_it_ended(
    runlore: Runlore, finish: dict[str, object], status: str, exit_code: int | None, text: str | None
) -> None:
    """A status, or an exit code; ours is 0 only for a success."""
    done = runlore("hold", stdin=lines(BEGIN, {"type": "finish", **finish}, {"type": "note", "text": "late"}))
    view = shown(runlore)

    assert done.code == (0 if status == "succeeded" else 1)
    assert (done.records[-1]["status"], len(done.records)) == (status, 2)
    assert (view["status"], view["exit_code"]) == (status, exit_code)
    assert (view["reason"]["text"] if view["reason"] else None) == text


def test_a_program_that_goes_away(runlore: Runlore) -> None:
    """Nobody invents its end: failed, owner_lost, written down at once, its last word included."""
    progress = [{"type": "progress", "fraction": n / 100} for n in range(101)]
    done = runlore("hold", stdin=lines(BEGIN, *progress), code=1)
    view = shown(runlore)

    assert done.records[-1]["type"] == "ended"
    assert (view["status"], view["reason"]["code"], view["exit_code"]) == ("failed", "owner_lost", None)
    assert (view["provisional"], view["progress"]["fraction"]) == (False, 1.0)
    assert len([ack for ack in done.records if ack["type"] == "ack" and ack["seq"] is None]) > 90


def test_a_holder_that_is_killed(runlore: Runlore) -> None:
    """The kernel says at once that nobody owns the run any more."""
    with holding(runlore) as (program, _):
        program.process.kill()
        program.process.wait()

        view = shown(runlore)
        assert (view["status"], view["reason"]["code"], view["provisional"]) == ("failed", "owner_lost", True)
        assert runlore.ok("reconcile", "--json").json["counts"] == {"failed": 1}


def test_a_holder_that_is_told_to_end(runlore: Runlore) -> None:
    """It writes down why before it goes."""
    with holding(runlore) as (program, _):
        program.process.terminate()
        assert program.process.wait(LONG_S) == -signal.SIGTERM

    view = shown(runlore)
    assert (view["status"], view["reason"]["code"], view["provisional"]) == ("failed", "owner_lost", False)
    assert "SIGTERM" in view["reason"]["text"]


def test_ctrl_c_reaches_the_program_too(runlore: Runlore) -> None:
    """The program may still say how it ended; if it does not, it was cancelled."""
    with holding(runlore) as (program, _):
        program.process.send_signal(signal.SIGINT)
        assert program.ask({"type": "note", "text": "cleaning up"})["type"] == "ack"
        assert program.hang_up() == 1
    assert shown(runlore)["status"] == "cancelled"

    with holding(runlore) as (program, _):
        program.process.send_signal(signal.SIGINT)
        program.ask({"type": "finish"})
        assert program.hang_up() == 0
    assert shown(runlore)["status"] == "succeeded"


def test_a_stop_is_passed_on(runlore: Runlore) -> None:
    """The program hears of it without asking; however it leaves then, it was cancelled."""
    with (
        holding(runlore) as (program, begun),
        runlore.started("stop", begun["run_id"], "--reason", "enough") as stop,
    ):
        heard = program.hear()
        assert program.hang_up() == 1
        assert stop.wait(LONG_S) == 0

    view = shown(runlore)
    assert (heard["type"], heard["reason"], heard["force"]) == ("stop_requested", "enough", False)
    assert (view["status"], view["reason"]["text"]) == ("cancelled", "enough")


def test_a_stop_that_comes_with_the_end(runlore: Runlore) -> None:
    """Whoever went away right after somebody had asked was cancelled, heard or not."""
    with holding(runlore) as (program, begun):
        program.process.send_signal(signal.SIGSTOP)
        with runlore.started("stop", begun["run_id"]) as stop:
            runlore.until(lambda: shown(runlore)["stop"])
            assert program.process.stdin is not None
            program.process.stdin.close()
            program.process.send_signal(signal.SIGCONT)
            assert stop.wait(LONG_S) == 0

    assert shown(runlore)["status"] == "cancelled"


@pytest.mark.parametrize(
    ("message", "what"),
    [
        (b"{\n", "not a message"),
        (b"[]\n", "not a message"),
        (b"\xff\n", "not a message"),
        ({"type": "progres"}, "progres"),
        ({"type": "progress", "fractoin": 1}, "fractoin"),
        ({"type": "progress", "fraction": 1.5}, "fraction"),
        ({"type": "preview", "state": "open"}, "open"),
        ({"type": "preview", "state": "failed", "lease_s": 1e11}, "too long"),
        ({"type": "checkpoint", "name": "", "path": "p"}, "checkpoint"),
        ({"type": "note", "text": " "}, "empty"),
        ({"type": "result"}, "result"),
        ({"type": "result", "result": "x" * 70_000}, "at most 65,536"),
        ({"type": "finish", "status": "succeeded", "exit_code": 3}, "one of them"),
        ({"type": "finish", "status": "failed", "exit_code": 0}, "one of them"),
        ({"type": "finish", "exit_code": 256}, "255"),
        (BEGIN, "has begun already"),
        (b'"' + b"x" * LONGEST + b'"\n', "more than"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_refused(runlore: Runlore, message: object, what: str) -> None:
    """It is answered with its line and a code, changes nothing, and the run goes on."""
    done = runlore.ok("hold", stdin=lines(BEGIN, message, {"type": "note", "text": "x"}, {"type": "finish"}))
    begun, refused, ack, _ = done.records

    assert (refused["type"], refused["line"], refused["code"]) == ("error", 2, 2)
    assert what in refused["message"]
    assert (ack["line"], ack["seq"]) == (3, begun["seq"] + 1)


@pytest.mark.parametrize(
    "given",
    [
        b"",
        b"\n\n",
        lines({"type": "progress", "fraction": 1}),
        lines({**BEGIN, "name": "latest"}),
        lines({**BEGIN, "tags": {"a": 1}}),
        lines({**BEGIN, "argv": [""]}),
        lines({**BEGIN, "cwd": "here"}),
        b'{"type":"begin"',
    ],
    ids=str,
)
def test_a_run_that_does_not_begin(runlore: Runlore, given: bytes) -> None:
    """2, said on both outputs, and nothing was made."""
    done = runlore("hold", stdin=given, code=2)

    assert done.stderr.startswith("error: ")
    assert runlore.ok("ls", "-q").stdout == ""


def test_empty_lines_and_a_last_line_without_its_newline(runlore: Runlore) -> None:
    """An empty line is nothing and is not answered; a whole message needs no newline behind it."""
    done = runlore.ok("hold", stdin=lines(BEGIN, b"\n \n") + b'{"type":"finish"}')

    assert [record["line"] for record in done.records] == [1, 4]


def test_answers_are_of_their_schema(runlore: Runlore) -> None:
    """`runlore schema` describes what goes in and what comes out."""
    wire = {name: runlore.ok("schema", name, "--json").json for name in ("hold_message", "hold_answer")}
    draft = jsonschema.Draft202012Validator
    message, answer = draft(wire["hold_message"]), draft(wire["hold_answer"])
    said = [BEGIN, {"type": "note", "text": "x"}, {"type": "nope"}, {"type": "finish", "exit_code": 3}]

    for record in runlore("hold", stdin=lines(*said)).records:
        answer.validate(record)
    assert [message.is_valid(each) for each in said] == [True, True, False, True]


def test_a_program_that_reads_no_answers(runlore: Runlore) -> None:
    """What it says is recorded all the same."""
    told = runlore.shell(
        """{ echo '{"type":"begin","name":"deaf"}'; sleep 0.3; echo '{"type":"note","text":"x"}';
        echo '{"type":"finish"}'; } | $RUNLORE hold | true; echo ${PIPESTATUS[1]}"""
    )

    assert told.stdout == "0\n"
    assert shown(runlore)["status"] == "succeeded"


def test_children_of_the_program_may_emit(runlore: Runlore) -> None:
    """The first answer names run and registry, which is all that `emit` wants to know."""
    with holding(runlore) as (program, begun):
        runlore.ok("emit", "progress", "0.5", env={"RUNLORE_RUN_ID": begun["run_id"]})
        program.ask({"type": "finish"})

    assert shown(runlore)["progress"]["fraction"] == 0.5


def test_lines_out_of_pieces() -> None:
    """However the bytes come, the lines are the same; one that is too long takes no room."""
    data = b"one\n\n" + b"x" * (LONGEST + 1) + b"\ntwo\nrest"
    for size in (1 << 12, 1 << 16, 1 << 19):
        framer = Lines()
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        found = [line for piece in pieces for line in framer.feed(piece)]
        assert [*found, *framer.finish()] == [b"one", b"", None, b"two", b"rest"]
