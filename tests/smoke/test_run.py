"""`runlore run`, as installed: keeper, wrapper and command find their code without a source tree."""

import os
import re
import subprocess
from pathlib import Path

import pytest


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """A small environment with a root of its own."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(tmp_path),
        "RUNLORE_ROOT": str(tmp_path / "root"),
    }


def runlore(command: Path, env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """Return what the installed command does, away from the source tree."""
    return subprocess.run(
        [command, *words], env=env, cwd="/", capture_output=True, text=True, timeout=60, check=False
    )


def test_a_command_runs_in_the_foreground(command: Path, env: dict[str, str]) -> None:
    """Its output and exit code come through, and the run is on record, sealed and sound."""
    done = runlore(command, env, "run", "sh", "-c", "echo out; echo err >&2; exit 3")

    assert (done.stdout, done.returncode) == ("out\n", 3)
    assert "err\n" in done.stderr
    assert "failed (3)" in runlore(command, env, "ps").stdout
    assert runlore(command, env, "verify", "--require-sealed").returncode == 0


def test_a_command_runs_in_the_background(command: Path, env: dict[str, str]) -> None:
    """It outlives the command line that started it, and can be waited for."""
    run_id = runlore(command, env, "run", "-d", "sh", "-c", "sleep 0.2; echo late").stdout.strip()

    assert re.fullmatch(r"\d{8}-\d{6}-[0-9a-z]{8}", run_id)
    assert runlore(command, env, "wait", run_id).returncode == 0
    assert runlore(command, env, "logs", run_id).stdout == "late\n"


def test_python_submits_through_a_keeper_of_its_own(python: Path, command: Path, env: dict[str, str]) -> None:
    """`submit` starts a fresh interpreter, which has to find the installed package."""
    code = "import runlore; run = runlore.open().submit(['echo', 'from python']); print(run.wait(30).status)"
    done = subprocess.run([python, "-c", code], env=env, cwd="/", capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == ("succeeded\n", "")
    assert runlore(command, env, "logs").stdout == "from python\n"


@pytest.mark.parametrize(
    "words", [["--help"], ["ps"], ["info"], ["schema"], ["completion", "bash"]], ids=" ".join
)
def test_every_part_of_the_command_line_was_shipped(
    command: Path, env: dict[str, str], words: list[str]
) -> None:
    """No command fails for a file that is only in the source tree."""
    done = runlore(command, env, *words)

    assert done.returncode == 0, done.stderr
