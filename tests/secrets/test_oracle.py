"""A second opinion: what detect-secrets finds where secrets of every kind were typed and printed."""

import json
import random
import re
from collections.abc import Callable, Iterable
from typing import Final

import pytest

from runlore.cli.app import run_app
from tests.cli.command import Runlore
from tests.secrets.kinds import KINDS
from tests.secrets.oracle import findings, findings_below, plugins

RUN: Final = ["run", "-q"]
Lines = list[list[str]]
Place = Callable[[list[str]], Lines]


def _inside(*words: str) -> list[str]:
    """Return the words of a run whose command says something of itself."""
    return [*RUN, "runlore", "emit", *words]


def _labels(secrets: list[str]) -> list[str]:
    """Return those that a label may hold."""
    return [secret for secret in secrets if len(secret) < 200 and ":" not in secret]


PLACES: Final[dict[str, Place]] = {
    "argument": lambda all_: [[*RUN, "true", *all_]],
    "option": lambda all_: [[*RUN, "true", *(f"--note={each}" for each in all_)]],
    "option that says so": lambda all_: [[*RUN, "true", "--token", each] for each in all_[:3]],
    "line of shell": lambda all_: [[*RUN, "sh", "-c", f": {all_!r}"]],
    "name": lambda all_: [[*RUN, "--name", each, "true"] for each in _labels(all_)],
    "tags": lambda all_: [
        [*RUN, *(f"--tag=t{place}={each}" for place, each in enumerate(_labels(all_))), "true"]
    ],
    "metadata": lambda all_: [[*RUN, "--metadata", json.dumps({"notes": all_}), "true"]],
    "variables": lambda all_: [
        [*RUN, *(f"--env=NOTE{place}={each}" for place, each in enumerate(all_)), "true"]
    ],
    "progress": lambda all_: [_inside("progress", "-", f"with {' '.join(all_)}", "--step", all_[0])],
    "result": lambda all_: [_inside("result", json.dumps(all_))],
    "preview": lambda all_: [_inside("preview", "failed", "--detail", each) for each in all_[:5]],
    "note inside": lambda all_: [_inside("note", f"see {' '.join(all_)}")],
    "checkpoint": lambda all_: [_inside("checkpoint", "last", f"/tmp/{'/'.join(all_)}")],
    "note": lambda all_: [["note", "latest", f"see {' '.join(all_)}"]],
    "later tags": lambda all_: [
        ["tag", "latest", *(f"t{place}={each}" for place, each in enumerate(_labels(all_)))]
    ],
    "reason": lambda all_: [
        [*RUN, "-d", "sleep", "60"],
        ["stop", "latest", "--reason", f"because of {' '.join(all_)}"],
    ],
    "later names": lambda all_: [["rename", "latest", each] for each in _labels(all_)],
    "output": lambda all_: [[*RUN, "echo", *all_]],
    "output of a shell": lambda all_: [[*RUN, "sh", "-c", 'echo "say $@" >&2; echo "$@"', *all_]],
    "command that is not there": lambda all_: [[*RUN, f"/no/such/{each}"] for each in all_],
    "folder that is not there": lambda all_: [[*RUN, "--cwd", f"/no/such/{each}", "true"] for each in all_],
}
"""Where a user, or the command itself, may write secrets down."""
ABOUT_ONE: Final = (
    ["show"],
    ["show", "--json"],
    ["history"],
    ["events"],
    ["events", "--json"],
    ["logs"],
    ["logs", "--json"],
    ["logs", "--raw"],
)
READS: Final = (["ls", "--no-trunc"], ["ls", "--json"], ["doctor"], ["verify", "--json"])


@pytest.fixture
def chance() -> random.Random:
    """Where made-up secrets come from; another seed finds nothing else."""
    return random.Random(20261128)


@pytest.mark.parametrize("kind", KINDS)
def test_the_oracle_knows_what_it_is_asked_about(kind: str, chance: random.Random) -> None:
    """Each secret of these tests is found where nobody redacts it."""
    secret = KINDS[kind](chance)

    assert kind in {found.kind for found in findings(f"it is {secret} now")}


def test_every_kind_of_the_oracle_is_tried() -> None:
    """A newer detect-secrets that knows more makes this test say so."""
    assert {plugin.secret_type for plugin in plugins()} == set(KINDS)


def left_of(
    places: Iterable[Place], runlore: Runlore, captured: pytest.CaptureFixture[bytes], chance: random.Random
) -> list[object]:
    """Return what is found of secrets that were written into these places: below the root, and in answers."""
    runlore.ok("run", "-q", "true")
    made: list[str] = []
    for place in places:
        secrets = [KINDS[kind](chance) for kind in KINDS]
        made += secrets
        for line in place(secrets):
            done = runlore(*line)
            assert done.code == 0 or "No such file" in done.stderr, (line, done.stderr)
    told = ""
    run_ids = runlore.ok("ls", "-q").lines
    for words in [*READS, *([*words, run_id] for words in ABOUT_ONE for run_id in run_ids)]:
        run_app(["--root", str(runlore.root), *words], None)
        told += "".join(part.decode("latin-1") for part in captured.readouterr())
    found: list[object] = [*findings_below(str(runlore.root)), *findings(told, "an answer")]
    return found + [secret for secret in made if _core(secret) in told]


@pytest.mark.timeout(600)
def test_what_is_typed_into_a_registry_and_printed_by_commands(
    runlore: Runlore, capfdbinary: pytest.CaptureFixture[bytes], chance: random.Random
) -> None:
    """No file below the root, no name of one and no answer holds anything that the oracle calls a secret."""
    assert left_of(PLACES.values(), runlore, capfdbinary, chance) == []


def _core(secret: str) -> str:
    """Return a part of a made-up secret that nobody could have guessed."""
    return max(re.split(r"[^A-Za-z0-9+/_]+", secret), key=len)[-16:]
