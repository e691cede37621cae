"""What tests of the command line share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import Runlore


@pytest.fixture
def runlore(tmp_path: Path, registry_root: Path) -> Iterator[Runlore]:
    """The installed command in a private root and home; whatever still runs there is killed afterwards."""
    home = tmp_path / "home"
    home.mkdir()
    command = Runlore(root=registry_root, home=home)
    yield command
    command.kill_all()


@pytest.fixture(scope="session")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Runlore:
    """A registry of runs that have ended in every way; tests only read it."""
    home = tmp_path_factory.mktemp("home")
    root = tmp_path_factory.mktemp("ended") / "registry"
    command = Runlore(root=root, home=home)
    command(
        "run", "--name", "good", "--tag", "env=prod", "--tag", "kept", "sh", "-c", "echo out; echo err >&2"
    )
    command("run", "--name", "bad", "--tag", "env=test", "sh", "-c", "echo partial; exit 3")
    command("run", "--name", "killed", "sh", "-c", "kill -9 $$")
    command("run", "--name", "late", "--timeout", "0.1", "sleep", "60")
    command("run", "--name", "missing", "no-such-command-anywhere")
    command("run", "--name", "good", "--key", "once", "--metadata", '{"step": 7}', "true")
    return command
