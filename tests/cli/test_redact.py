"""`runlore redact`: a secret taken out of a run, in the terminal and in Python."""

import os
import pty
import subprocess
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import anyio
import pytest

import runlore as package
from tests.cli.command import COMMAND, Runlore
from tests.cli.test_schemas import validator

SECRET = "correct-horse-battery"
PRINT = 'echo "to stdout $0"; echo "to stderr $0" >&2; echo "$0" > "$RUNLORE_OUTPUTS/$0.txt"'
STORED = {sha256(f"{SECRET}\n".encode()).hexdigest()}
"""An output, which is evidence by its digest, and not ours to change."""


@pytest.fixture
def run_id(runlore: Runlore) -> str:
    """A run that told its secret everywhere."""
    runlore.ok("run", "-q", "--name", f"n-{SECRET}", "--tag", f"t={SECRET}", "sh", "-c", PRINT, SECRET)
    run_id = runlore.ok("ls", "-q").stdout.strip()
    runlore.ok("note", run_id, f"it is {SECRET}")
    return run_id


def holding(runlore: Runlore) -> list[str]:
    """Return the files of the registry that hold the secret."""
    paths = [path for path in runlore.root.rglob("*") if path.is_file()]
    return [path.name for path in paths if SECRET.encode() in path.read_bytes()]


def test_it_says_what_it_would_change_and_asks(runlore: Runlore, run_id: str) -> None:
    """1, and nothing was changed; the next command is named."""
    before = sorted(holding(runlore))
    done = runlore("redact", run_id, "--value-from", "-", stdin=SECRET.encode(), code=1)

    assert "would redact 3 lines of the journal: seq 1, 5, 8" in done.lines
    assert f"would redact 2 places in runs/{run_id}/transcript (transcript)" in done.lines
    assert done.stderr.startswith("nothing was changed; to do it")
    assert sorted(holding(runlore)) == before
    again = runlore.ok("redact", run_id, "--value-from", "-", "--dry-run", stdin=SECRET.encode())
    assert again.stdout == done.stdout


def test_yes_does_it(runlore: Runlore, run_id: str) -> None:
    """The history can still be verified, against older heads too; what is not ours is named."""
    heads = runlore.ok("heads").stdout.encode()
    path = runlore.home / "value"
    path.write_text(f"{SECRET}\n")
    done = runlore.ok("redact", run_id, "--value-from", str(path), "--why", f"typed {SECRET}", "--yes")

    assert SECRET not in done.stdout + done.stderr
    for name in STORED:
        assert f"still there: runs/{run_id}/bundle/{name} (the output [REDACTED] " in done.stdout
    assert f"evidence by its digest: `runlore rm {run_id} --now` removes it" in done.stdout
    assert f"redacted 2 places in runs/{run_id}/bundle/manifest.json (manifest)" in done.stdout
    assert SECRET not in runlore("artifacts", "manifest", run_id, "--json").stdout
    runlore.ok("artifacts", "verify", run_id)
    assert "out of reach: copies" in done.stdout
    assert done.lines[-1] == "replace the secret where it is used"
    assert set(holding(runlore)) == STORED
    assert f"{run_id}  redacted  11 records" in runlore.ok("verify", "--heads", "-", stdin=heads).stdout
    runlore.ok("verify", "--require-sealed")
    assert "to stdout [REDACTED]" in runlore.ok("logs", run_id).stdout
    history = runlore.ok("history", run_id).stdout
    assert "redacted a secret (also in: transcript, manifest) in lines 1, 5, 8: typed [REDACTED]" in history


def test_a_second_time_finds_nothing(runlore: Runlore, run_id: str) -> None:
    """0, said so, and the journal is as it was."""
    runlore.ok("redact", run_id, "--value-from", "-", "--yes", stdin=SECRET.encode())
    before = runlore.journal(run_id).read_bytes()
    for words in ([], ["--yes"]):
        done = runlore.ok("redact", run_id, "--value-from", "-", *words, stdin=SECRET.encode())
        assert done.lines[0] == f"run {run_id}: the value is nowhere in what can be rewritten"
    assert runlore.journal(run_id).read_bytes() == before


def test_the_answer_in_json(runlore: Runlore, run_id: str) -> None:
    """Of its schema, and without the value."""
    words = ["redact", run_id, "--value-from", "-", "--json"]
    planned = runlore(*words, stdin=SECRET.encode(), code=1).json
    view = runlore.ok(*words, "--yes", stdin=SECRET.encode()).json

    validator(runlore, "redact").validate(view)
    assert (planned["applied"], view["applied"]) == (False, True)
    assert {**planned, "applied": True} == view
    assert (view["schema"], view["seqs"]) == ("runlore.redact/1", [1, 5, 8])
    assert SECRET not in str(view)


def test_several_values_at_once(runlore: Runlore, run_id: str) -> None:
    """One for each --value-from."""
    for name, value in (("a", "correct-horse"), ("b", "stdout")):
        (runlore.home / name).write_text(value)
    runlore.ok("redact", run_id, "--value-from", "a", "--value-from", "b", "--yes")

    assert "to ****** [REDACTED]   -battery" in runlore.ok("logs", run_id).stdout


@pytest.mark.parametrize(
    ("words", "stdin", "code"),
    [
        (["--value-from", "-"], b"", 2),
        (["--value-from", "-"], b"abc\n", 2),
        (["--value-from", "-", "--value-from", "-"], b"x", 2),
        (["--value-from", "-", "--yes", "--dry-run"], b"x", 2),
        ([], b"", 2),
        (["--value-from", "no-such-file"], b"", 3),
        (["--value-from", "/"], b"", 74),
        (["--value-from", "-"], b"run.queued", 2),
    ],
)
def test_what_cannot_be_done(
    runlore: Runlore, run_id: str, words: list[str], stdin: bytes, code: int
) -> None:
    """The code tells what kind of mistake it is; nothing was changed."""
    before = runlore.journal(run_id).read_bytes()
    done = runlore("redact", run_id, *words, stdin=stdin, code=code)

    assert done.stderr.startswith("error: ")
    assert runlore.journal(run_id).read_bytes() == before


def test_a_live_run_is_refused(runlore: Runlore) -> None:
    """5, with what to do."""
    run_id = runlore.begin("sleep", "60")
    done = runlore("redact", run_id, "--value-from", "-", "--yes", stdin=b"sleep", code=5)

    assert f"runlore wait {run_id}" in done.stderr
    assert f"runlore stop {run_id}" in done.stderr


def test_a_value_is_typed_unseen(runlore: Runlore, run_id: str) -> None:
    """On a terminal it is asked for, and not echoed."""
    ours, theirs = pty.openpty()
    words = [COMMAND, "redact", run_id, "--value-from", "-", "--yes"]
    with subprocess.Popen(
        words,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=runlore.environment(),
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        asked = process.stderr.read(len("value: "))
        os.write(ours, f"{SECRET}\n".encode())
        out, _ = process.communicate(timeout=30)
    os.close(theirs)

    assert asked == b"value: "
    assert b"redacted 3 lines" in out
    with suppress(OSError):  # EIO: nothing was echoed
        assert SECRET.encode() not in os.read(ours, 1000)
    os.close(ours)


def test_from_python(runlore: Runlore, run_id: str) -> None:
    """The same, for one value or several; a dry run changes nothing."""
    run = package.open(runlore.root).get(run_id)

    assert run.redact(SECRET, dry_run=True).seqs == [1, 5, 8]
    assert run.redact([SECRET.encode(), "nothing like it"], why="typed").applied
    assert set(holding(runlore)) == STORED


def test_from_async_python(runlore: Runlore, run_id: str) -> None:
    """The same."""

    async def redact() -> bool:
        registry = await package.open_async(runlore.root)
        return (await (await registry.get(run_id)).redact(SECRET)).applied

    assert anyio.run(redact)
    assert set(holding(runlore)) == STORED
    assert Path(runlore.journal(run_id)).exists()
