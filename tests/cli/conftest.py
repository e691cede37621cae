"""What tests of the command line share."""

from pathlib import Path

import pytest

from tests.cli.command import Runlore


@pytest.fixture
def runlore(tmp_path: Path, registry_root: Path) -> Runlore:
    """The installed command in a private root and home."""
    home = tmp_path / "home"
    home.mkdir()
    return Runlore(root=registry_root, home=home)
