"""`runlore scan`: where runs likely tell secrets, and what to do about it."""

import os
import pty
import subprocess
from pathlib import Path

import pytest

from tests.cli.command import COMMAND, Runlore
from tests.cli.test_schemas import validator

GITHUB = "ghp_" + "a1B2c3D4" * 5
MINE = "correct-horse-battery"


@pytest.fixture
def run_id(runlore: Runlore) -> str:
    """A run whose transcript tells a token, as if it had been captured before that form was known."""
    script = runlore.home / "script.sh"
    unknown = "x" * len(GITHUB)
    script.write_text(f'echo fine; echo {unknown}\necho {MINE} > "$RUNLORE_OUTPUTS/out.txt"\n')
    runlore.ok("run", "-q", "sh", str(script))
    run_id = runlore.ok("ls", "-q").stdout.strip()
    transcript = runlore.root / "runs" / run_id / "transcript"
    transcript.write_bytes(transcript.read_bytes().replace(unknown.encode(), GITHUB.encode()))
    return run_id


def test_places_and_kinds_are_told(runlore: Runlore, run_id: str) -> None:
    """1, a line for each, and the next command; the secret is nowhere in the answer."""
    done = runlore("scan", env={"MY_TOKEN": MINE}, code=1)

    (stored,) = {path.name for path in (runlore.root / "runs" / run_id / "bundle").iterdir()} - {
        "manifest.json"
    }
    assert done.lines == [
        f"{run_id}  runs/{run_id}/transcript, stdout, line 2: github-token",
        f"{run_id}  runs/{run_id}/bundle/{stored}, line 1: value-of:$MY_TOKEN",
        "2 likely secrets in 1 run",
    ]
    assert done.stderr == f"to take one out: `runlore redact {run_id} --value-from -`\n"


def test_the_answer_in_json(runlore: Runlore, run_id: str) -> None:
    """Of its schema, without the secret."""
    done = runlore("scan", "latest", "--json", code=1)
    view = done.json

    validator(runlore, "scan").validate(view)
    assert (view["schema"], view["counts"], view["runs"]) == ("runlore.scan/1", {"github-token": 1}, 1)
    assert (view["items"][0]["run_id"], view["items"][0]["line"]) == (run_id, 2)
    assert GITHUB[:10] not in done.stdout
    assert runlore("scan", "-q", code=1).lines == [run_id]
    assert runlore("scan", "--fields", "kind,line", code=1).stdout == "github-token\t2\n"


def test_once_it_is_redacted_nothing_is_found(runlore: Runlore, run_id: str) -> None:
    """0, and said so; the next command that scan printed does it."""
    runlore.ok("redact", run_id, "--value-from", "-", "--yes", stdin=GITHUB.encode())

    assert runlore.ok("scan", "--all").lines == ["no likely secret in 1 run"]
    assert runlore.ok("scan", run_id, "--json").json["items"] == []


def test_runs_are_chosen(runlore: Runlore, run_id: str) -> None:
    """By ID, or all of them; not both."""
    runlore.ok("run", "-q", "--name", "clean", "true")

    assert runlore.ok("scan", "clean").lines == ["no likely secret in 1 run"]
    assert runlore("scan", code=1).lines[-1] == "1 likely secret in 2 runs"
    runlore("scan", run_id, "--all", code=2)
    runlore("scan", "no-such-run", code=3)


def test_an_empty_registry_is_clean(runlore: Runlore) -> None:
    """Nothing to look at is nothing found."""
    runlore.ok("init")

    assert runlore.ok("scan").lines == ["no likely secret in 0 runs"]


def test_many_findings_are_counted_and_the_first_are_listed(runlore: Runlore, run_id: str) -> None:
    """It says how many are left out."""
    with Path(runlore.root / "runs" / run_id / "artifacts" / "many").open("w") as file:
        file.write(f"{GITHUB}\n" * 1_500)
    done = runlore("scan", code=1)

    assert done.lines[-2:] == ["and 501 more; scan fewer runs to see them", "1,501 likely secrets in 1 run"]
    view = runlore("scan", "--json", code=1).json
    assert (len(view["items"]), view["truncated"], view["counts"]) == (1_000, True, {"github-token": 1_501})


def test_a_name_cannot_control_the_terminal(runlore: Runlore, run_id: str) -> None:
    """File names of the command are made printable."""
    path = runlore.root / "runs" / run_id / "artifacts" / "a\x1b[2Jb"
    path.write_text(GITHUB)
    ours, theirs = pty.openpty()
    subprocess.run([COMMAND, "scan"], stdout=theirs, stderr=theirs, env=runlore.environment(), check=False)
    os.close(theirs)
    said = os.read(ours, 1 << 16)
    os.close(ours)

    assert b"\x1b[2J" not in said
    assert b"b, line 1" in said
