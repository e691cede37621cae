"""Smoke tests run one installed command from outside: the live one, or the one from the built wheel.

`tasks.py smoke` names the latter in RUNLORE_COMMAND and its wheel in RUNLORE_WHEEL.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def command() -> Path:
    """The `runlore` under test."""
    return Path(os.environ.get("RUNLORE_COMMAND", Path(sys.executable).with_name("runlore")))


@pytest.fixture(scope="session")
def python(command: Path) -> Path:
    """The interpreter that `command` runs on."""
    return command.with_name("python")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel under test, built now unless one was named."""
    if named := os.environ.get("RUNLORE_WHEEL"):
        return Path(named)
    target = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "tasks.py", "build", str(target)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, text=True)
    (built,) = target.glob("*.whl")
    return built
