"""Output of real tools goes through the redactor unchanged: over-redaction destroys diagnostics."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from runlore.journal.redactor import Redactor
from tests import proof
from tests.journal.secret_forms import VALUES

ROOT: Final = Path(__file__).parents[2]
TOOLS: Final[dict[str, tuple[str, ...]]] = {
    "git log": ("git", "log", "-n", "60", "--stat"),
    "git status": ("git", "status"),
    "pip list": (sys.executable, "-m", "pip", "list", "-v"),
    "pip check": (sys.executable, "-m", "pip", "install", "--dry-run", "--no-index", "msgspec", "click"),
    "import times": (sys.executable, "-X", "importtime", "-c", "import json, asyncio, email.message"),
    "verbose imports": (sys.executable, "-v", "-c", "import json"),
    "ls": ("ls", "-lR", "journal", "runtimes", "docs"),
    "ruff": (
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--isolated",
        "--no-cache",
        "--select",
        "ALL",
        "runtimes",
    ),
    "mypy": (sys.executable, "-m", "mypy", "--config-file=", "--cache-dir=/dev/null", "journal/ids.py"),
    "traceback": (sys.executable, "-c", "import json; json.loads('{\"token\"')"),
    "set -x": ("bash", "-xc", 'TOKEN_FILE=/run/token; key=value; test -n "$TOKEN_FILE" && echo $key'),
}
FAILING: Final = '''
import pytest

@pytest.mark.parametrize("token", [1, 2, 3])
def test_parser(token):
    """Next token: what the lexer returns."""
    assert [token] == [2], f"unexpected token: {token}"

def test_password(monkeypatch):
    password = input("Password: ") if False else None
    assert password is not None
'''
TALKS_OF_SECRETS: Final = ("`TOKEN=X`", "--secret {name}")
"""A line of our source with one of these is an example of what is redacted."""


def changed(output: bytes) -> list[tuple[bytes, bytes]]:
    """Return the lines that the redactor would change, and what it makes of them."""
    redactor = Redactor(VALUES.values())
    clean, used = redactor.stream(output, True)
    assert used == len(output)
    before, after = output.split(b"\n"), clean.split(b"\n")
    assert len(before) == len(after)
    return [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]


@pytest.mark.parametrize("tool", TOOLS)
def test_output_of_a_tool_survives(tool: str) -> None:
    """Not one line of a log, a listing or a report is touched."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "GIT_PAGER": "cat"}
    done = subprocess.run(TOOLS[tool], cwd=ROOT, env=environment, capture_output=True, check=False)
    output = done.stdout + done.stderr

    assert output
    assert changed(output) == []
    proof.record(
        f"ordinary output: {tool}", "not one line is touched", {"lines": output.count(b"\n"), "changed": 0}
    )


def test_output_of_failing_tests_survives(tmp_path: Path) -> None:
    """Dots, names, source lines and assertions of a test run that speaks of tokens and passwords."""
    (tmp_path / "test_it.py").write_text(FAILING)
    argv = [
        sys.executable,
        "-m",
        "pytest",
        "-v",
        "-p",
        "no:randomly",
        "-p",
        "no:cacheprovider",
        str(tmp_path),
    ]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, check=False)

    assert b"3 failed" in done.stdout
    assert changed(done.stdout) == []


def test_our_own_source_survives() -> None:
    """Code that handles secrets holds none: only the examples of secrets in it are redacted."""
    sources = [
        path
        for room in ("api", "cli", "journal", "projections", "runtimes")
        for path in (ROOT / room).rglob("*.py")
    ]
    output = b"".join(path.read_bytes() for path in sorted(sources))
    told = [
        line
        for line, _clean in changed(output)
        if not any(sign.encode() in line for sign in TALKS_OF_SECRETS)
    ]

    assert output.count(b"\n") > 10_000
    assert told == []
