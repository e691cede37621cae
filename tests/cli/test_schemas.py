"""Every command answers in JSON, and `runlore schema NAME` tells its shape."""

from typing import Any

import jsonschema
import pytest

from runlore.cli.app import COMMANDS
from tests.cli.command import Runlore

DRAFT = jsonschema.Draft202012Validator

ANSWERS: dict[str, list[str]] = {
    "ps": ["ps"],
    "ls": ["ls", "--status", "failed"],
    "show": ["show", "bad"],
    "history": ["history", "bad"],
    "wait": ["wait", "good"],
    "stop": ["stop", "bad", "--dry-run"],
    "tag": ["tag", "--filter", "name = 'bad'", "seen", "--dry-run"],
    "note": ["note", "--filter", "name = 'bad'", "seen", "--dry-run"],
    "pin": ["pin", "bad", "--dry-run"],
    "unpin": ["unpin", "bad", "--dry-run"],
    "accept": ["accept", "bad", "--dry-run"],
    "prune": ["prune"],
    "rm": ["rm", "bad", "--dry-run"],
    "trash": ["trash"],
    "retention": ["retention", "bad"],
    "df": ["df"],
    "verify": ["verify"],
    "heads": ["heads"],
    "scan": ["scan"],
    "pack": ["pack", "--dry-run"],
    "artifacts": ["artifacts", "ls", "bad"],
    "repair": ["repair", "bad"],
    "reconcile": ["reconcile", "--dry-run"],
    "info": ["info"],
    "subscriptions": ["subscriptions", "ls"],
    "index": ["index", "verify"],
    "sql": ["sql", "SELECT * FROM runs"],
    "init": ["init"],
    "config": ["config", "check"],
    "schema": ["schema"],
    "completion": ["completion", "bash"],
    "run": ["run", "--dry-run", "true"],
}
STREAMS: dict[str, list[str]] = {"events": ["events", "bad", "late"], "logs": ["logs", "bad"]}
LABELS = {"tag", "note", "rename"}
INSIDE = {"emit", "hold", "subscribe", "promote"}
"""Their answers are checked where they are tried."""
DEEDS = {"export", "import", "submit", "signal", "pause", "unpause", "doctor", "redact", "restore"}


def validator(runlore: Runlore, name: str) -> Any:  # noqa: ANN401 - its stubs know no more
    """Return what checks an object against `runlore schema NAME`."""
    schema = runlore.ok("schema", name, "--json").json
    DRAFT.check_schema(schema)
    return DRAFT(schema, format_checker=DRAFT.FORMAT_CHECKER)


def test_every_command_is_tried_here() -> None:
    """A new command cannot be forgotten."""
    assert {*ANSWERS, *STREAMS, *LABELS, *INSIDE, *DEEDS} == set(COMMANDS)


@pytest.mark.parametrize("command", ANSWERS)
def test_an_answer_is_one_object_of_its_schema(ended: Runlore, command: str) -> None:
    """It names its schema, and is valid against it."""
    words = ANSWERS[command]
    at = words.index("true") if command == "run" else len(words)
    answer = ended.ok(*words[:at], "--json", *words[at:]).json

    validator(ended, answer["schema"]).validate(answer)


@pytest.mark.parametrize("command", STREAMS)
def test_a_stream_is_objects_of_their_schemas(ended: Runlore, command: str) -> None:
    """Each line has a type; the first says ready, the last says why it ended."""
    records = ended.ok(*STREAMS[command], "--json").records
    name = {"events": "record", "logs": "line"}[command]
    item, control = validator(ended, name), validator(ended, "control")

    for record in records:
        (item if record["type"] == name else control).validate(record)
    assert (records[0]["type"], records[-1]["type"]) == ("ready", "end")
    assert name in {record["type"] for record in records}


def test_events_inside_records_are_of_the_schema_of_events(ended: Runlore) -> None:
    """`runlore schema event` describes what stands in a journal."""
    event = validator(ended, "event")

    for record in ended.ok("events", "bad", "--json").records[1:-1]:
        event.validate(record["event"])


def test_labels_answer_with_the_run(runlore: Runlore) -> None:
    """After a label, a start and a stop programs see what became of the run."""
    started = runlore.ok("run", "-d", "--json", "sleep", "60").json
    validator(runlore, started["schema"]).validate(started)
    run = validator(runlore, "run")
    for words in (["tag", "latest", "x"], ["note", "latest", "x"], ["rename", "latest", "x"], ["show"]):
        run.validate(runlore.ok(*words, "--json").json)
    for words in (
        ["signal", "-s", "WINCH", "latest"],
        ["pause", "latest"],
        ["doctor"],
        ["unpause", "latest"],
    ):
        done = runlore(*words, "--json").json
        validator(runlore, done["schema"]).validate(done)
    stopped = runlore.ok("stop", "latest", "--json").json
    validator(runlore, stopped["schema"]).validate(stopped)


@pytest.mark.parametrize("name", ["ps", "runlore.ps/1", "event", "control"])
def test_people_get_an_indented_schema(ended: Runlore, name: str) -> None:
    """By short or full name."""
    assert ended.ok("schema", name).lines[0] == "{"


@pytest.mark.timeout(300)  # a command for each of many names
def test_without_a_name_the_names_are_listed(ended: Runlore) -> None:
    """Each of them has a schema that is one."""
    names = ended.ok("schema").lines

    assert {"run", "ps", "record", "event"} <= set(names)
    for name in names:
        DRAFT.check_schema(ended.ok("schema", name, "--json").json)


def test_an_unknown_schema_is_not_found(ended: Runlore) -> None:
    """The names there are are listed."""
    assert "control" in ended("schema", "nope", code=3).stderr


def test_a_failure_is_told_as_without_json(ended: Runlore) -> None:
    """As with gh and kubectl: one line on stderr, the exit code, nothing on stdout."""
    plain, json = ended("show", "nobody-here"), ended("show", "nobody-here", "--json")

    assert (json.stdout, json.stderr, json.code) == (plain.stdout, plain.stderr, plain.code)


def test_control_characters_are_escaped_in_json_too(runlore: Runlore) -> None:
    """JSON on a terminal drives it as little as text does: C0, DEL, C1 and bidi come escaped."""
    odd = "\x1b[2J\x7f\x9d52;c;x\x07\u202e\u2066\u2028"
    runlore.ok("run", "-q", "--cwd", "/", "sh", "-c", "true", odd)
    done = runlore.ok("show", "--json")

    assert done.stdout.removesuffix("\n").isprintable()
    events = runlore.ok("events", "latest", "--json")
    assert events.stdout.replace("\n", "").isprintable()
    assert odd in events.records[1]["event"]["recipe"]["argv"]
