"""`runlore --version`."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_command_names_the_version_of_the_source(command: Path) -> None:
    """What users report in an issue is the version in `api/_version.py`, on stdout, and exit 0."""
    source = (ROOT / "api/_version.py").read_text()
    match = re.search(r'^__version__ = "(.+)"$', source, re.MULTILINE)
    assert match is not None

    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["runlore", match[1]]
    assert done.stderr == ""


def test_the_version_is_known_without_looking_up_metadata(command: Path, python: Path) -> None:
    """importlib.metadata reads every installed distribution; the version must not cost that."""
    argv = [str(python), "-X", "importtime", str(command), "--version"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)

    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "runlore.cli.main" in imported
    assert "importlib.metadata" not in imported
