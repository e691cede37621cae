"""`runlore emit`: what a command says about its run, in shell."""

import os
import subprocess
from typing import Any

import jsonschema
import pytest

from runlore.cli import emitting
from runlore.cli.commands.emit import emit
from runlore.journal.errors import BadInput
from tests.cli.command import Runlore
from tests.cli.test_start_up import MODULES, PYTHON

SAYS_ALL = """
set -e
runlore emit ready
runlore emit progress 2/8 loading it --step first --metric rows=1e3 --metric loss=.5
runlore emit preview available http://127.0.0.1:1/ --lease 30m --detail "the dashboard"
runlore emit checkpoint epoch-3 ckpt/3.pt
runlore emit note the third shard was empty
echo from a pipe | runlore emit note -
runlore emit result '{"rows": 1}'
echo '{"rows": 2}' | runlore emit result -
"""


@pytest.fixture
def inside(runlore: Runlore) -> Runlore:
    """The command as it is used inside a run that goes on."""
    run_id = runlore.begin("sleep", "600")
    return Runlore(root=runlore.root, home=runlore.home, env={"RUNLORE_RUN_ID": run_id})


def said(runlore: Runlore, kind: str) -> list[Any]:
    """The events of a kind in the latest run."""
    records = runlore.ok("events", "latest", "--json", "--type", kind).records
    return [record["event"] for record in records if record["type"] == "record"]


def test_everything_that_can_be_said(runlore: Runlore) -> None:
    """Each is on record, shown where it belongs, and leaves nothing in the run's own output."""
    done = runlore.ok("run", "sh", "-c", SAYS_ALL)
    view = runlore.ok("show", "latest", "--json").json

    assert done.stdout == ""
    assert view["transcript"]["bytes"] in {0, None}
    assert (view["progress"]["fraction"], view["progress"]["message"]) == (0.25, "loading it")
    assert (view["progress"]["step"], view["progress"]["metrics"]) == ("first", {"rows": 1000, "loss": 0.5})
    assert (view["preview"]["state"], view["preview"]["detail"]) == ("available", "the dashboard")
    assert view["preview"]["lease_until"]
    assert view["result"] == {"rows": 2}
    assert [event["text"] for event in said(runlore, "run.noted")] == [
        "the third shard was empty",
        "from a pipe",
    ]
    assert said(runlore, "run.checkpointed")[0]["path"] == str(runlore.home / "ckpt/3.pt")
    assert len(said(runlore, "run.readied")) == 1
    assert "available http://127.0.0.1:1/ the dashboard, until 2" in runlore.ok("show").stdout
    assert "said that it is ready" in runlore.ok("history").stdout


def test_the_last_progress_of_many(runlore: Runlore) -> None:
    """Each is one append, so nothing is kept back that an exit could lose."""
    loop = "for n in 1 2 3 4 5; do runlore emit progress $n/5; done; kill -9 $$"
    runlore("run", "sh", "-c", loop, code=137)

    assert [event["fraction"] for event in said(runlore, "run.progressed")] == [0.2, 0.4, 0.6, 0.8, 1.0]
    assert runlore.ok("show", "--json").json["progress"]["fraction"] == 1.0


def test_the_answer_for_programs(inside: Runlore) -> None:
    """With --json: which record it became, by its schema."""
    schema = inside.ok("schema", "emit", "--json").json
    answer = inside.ok("emit", "progress", "0.5", "--json").json

    jsonschema.Draft202012Validator(schema).validate(answer)
    assert (answer["run_id"], answer["type"]) == (inside.env["RUNLORE_RUN_ID"], "run.progressed")
    assert inside.ok("emit", "note", "--json", "x").json["seq"] == answer["seq"] + 1


@pytest.mark.parametrize(
    ("env", "code", "what"),
    [
        ({"RUNLORE_RUN_ID": None}, 3, "RUNLORE_RUN_ID is not set"),
        ({"RUNLORE_ROOT": None}, 3, "RUNLORE_ROOT is not set"),
        ({"RUNLORE_RUN_ID": "../../x"}, 3, "which is no run id"),
        ({"RUNLORE_RUN_ID": "20261120-201400-k3f9x2ab"}, 3, "has no journal"),
        ({"RUNLORE_ROOT": "/nonexistent"}, 3, "/nonexistent"),
    ],
    ids=str,
)
@pytest.mark.parametrize("words", [["emit", "ready"], ["emit", "ready", "-q"]], ids=["quick", "whole"])
def test_outside_a_run(
    inside: Runlore, words: list[str], env: dict[str, str | None], code: int, what: str
) -> None:
    """It is not found, the error names what is missing, and nothing is made."""
    done = inside(*words, env=env, code=code)

    assert what in done.stderr
    assert done.stderr.startswith("error: ")


def test_a_run_that_has_ended(runlore: Runlore) -> None:
    """Whatever is said then is a conflict; the journal stays as it was."""
    runlore.ok("run", "true")
    run_id = runlore.ok("ls", "-q").stdout.strip()
    before = runlore.journal(run_id).read_bytes()
    for words in (["ready"], ["progress", "1"], ["note", "late"], ["result", "1"]):
        done = runlore("emit", *words, env={"RUNLORE_RUN_ID": run_id}, code=5)
        assert "already ended" in done.stderr

    assert runlore.journal(run_id).read_bytes() == before


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ([], "what"),
        (["readiness"], "nothing to emit is called"),
        (["artifact"], "takes PATH"),
        (["artifact", "x", "y"], "takes PATH"),
        (["artifact", "x", "--kind", "a b"], "write a word"),
        (["artifact", "/etc/passwd"], "lies outside the run's folders"),
        (["artifact", "../x"], "lies outside the run's folders"),
        (["ready", "now"], "takes no more words"),
        (["progress"], "FRACTION"),
        (["progress", "40"], "write 40%"),
        (["progress", "half"], "is no fraction"),
        (["progress", "1/0"], "is no fraction"),
        (["progress", "1", "--metric", "x"], "NAME=NUMBER"),
        (["progress", "1", "--metric", "=1"], "NAME=NUMBER"),
        (["progress", "1", "--step", "a", "--step", "b"], "given 2 times"),
        (["progress", "1", "--lease", "1s"], "has no option --lease"),
        (["result", "{"], "not JSON"),
        (["result", '{"a": 1, "a": 2}'], "twice"),
        (["result", "NaN"], "NaN"),
        (["result", "[" * 100_000], "too deep"),
        (["preview", "open"], "no preview state"),
        (["preview", "available", "u", "--lease", "soon"], "is not a duration"),
        (["checkpoint", "x"], "NAME PATH"),
        (["checkpoint", "x", "y", "--sha256", "abc"], "SHA-256"),
        (["note", " "], "empty"),
        (["note", "--loud", "x"], "no such option"),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, list) else "",
)
def test_what_cannot_be_said(inside: Runlore, words: list[str], what: str) -> None:
    """It is refused with 2, says why, and appends nothing."""
    journal = inside.journal(inside.env["RUNLORE_RUN_ID"])
    before = journal.read_bytes()

    assert what.lower() in inside("emit", *words, code=2).stderr.lower()
    assert journal.read_bytes() == before


def test_a_result_that_is_too_large(inside: Runlore) -> None:
    """64 KiB and not a byte more; the one before stands."""
    inside.ok("emit", "result", "-", stdin=b'"' + b"x" * 65_534 + b'"')

    assert "at most 65,536" in inside("emit", "result", "-", stdin=b'"' + b"x" * 65_535 + b'"', code=2).stderr
    assert len(said(inside, "run.result_set")) == 1


@pytest.mark.parametrize(
    "words",
    [
        ["progress", "40%", "loading", "--metric", "a=1", "it", "--metric", "b=2"],
        ["checkpoint", "c", "/ckpt", "--sha256", "ab" * 32],
        ["preview", "failed", "--detail", "no port"],
        ["note", "-"],
        ["result", "[1]"],
        ["ready"],
    ],
    ids=lambda words: words[0],
)
def test_the_quick_way_says_the_same(inside: Runlore, words: list[str]) -> None:
    """What is done without the command line library is what the command would have done."""
    inside.ok("emit", *words, stdin=b"x")
    inside.ok("emit", "-q", *words, stdin=b"x")
    *_, quick, whole = inside.ok("events", inside.env["RUNLORE_RUN_ID"], "--json").records[:-1]

    for record in (quick, whole):
        for field in ("seq", "at", "by"):
            record["event"].pop(field, None)
    assert quick["event"] == whole["event"]


def test_the_quick_way_loads_little(inside: Runlore) -> None:
    """`emit` is called in loops: no command line library, no fold, no second interpreter."""
    argv = [PYTHON, "-c", MODULES, "emit", "progress", "0.5", "half", "--step", "1"]
    done = subprocess.run(argv, env=inside.environment(), capture_output=True, text=True, check=True)
    modules = set(done.stderr.splitlines()[-1].split())

    assert "runlore.cli.emitting" in modules
    assert not {"click", "json", "selectors", "subprocess", "traceback", "inspect"} & modules
    assert not [name for name in modules if name.startswith("runlore.projections")]


def test_the_quick_way_knows_the_options_of_the_command() -> None:
    """Both take the same ones."""
    own = {option for each in emit.params if each.expose_value for option in each.opts if option[0] == "-"}

    assert own == set(emitting.OPTIONS)


@pytest.mark.parametrize(
    ("text", "share"), [("0", 0.0), ("1.0", 1.0), ("40%", 0.4), ("100%", 1.0), ("3/4", 0.75), ("-", None)]
)
def test_fractions(text: str, share: float | None) -> None:
    """Three ways to write a share of the work, and one to say that nobody knows."""
    assert emitting.fraction(text) == share


@pytest.mark.parametrize("text", ["", "nan", "inf", "-1", "1.01", "101%", "5/4", "%", "/", "1/-2"])
def test_what_is_no_fraction(text: str) -> None:
    """It is refused, never cut in silence."""
    with pytest.raises(BadInput):
        emitting.fraction(text)


def test_words_of_any_bytes(inside: Runlore) -> None:
    """What is no Unicode stands as visible escapes."""
    inside.ok("emit", "note", b"caf\xe9")

    assert said(inside, "run.noted")[0]["text"] == "caf\\xe9"


def test_a_registry_that_may_not_be_written(inside: Runlore) -> None:
    """It is refused as for every other command."""
    os.chmod(inside.root, 0o777)
    done = inside("emit", "ready", code=4)
    os.chmod(inside.root, 0o700)

    assert "0700" in done.stderr or "chmod" in done.stderr


def test_help_lists_what_can_be_said(runlore: Runlore) -> None:
    """One a line, at any width."""
    for columns in ("40", "100"):
        told = runlore.ok("emit", "--help", env={"COLUMNS": columns}).stdout
        lines = [line.split() for line in told.splitlines() if line.split()]
        assert {line[0] for line in lines} >= set(emitting.KINDS)
        assert "\b" not in told
        assert "\\b" not in told
