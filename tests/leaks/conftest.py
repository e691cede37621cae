"""What the proofs against leaks share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.leaks.registry_of_leaks import Observed


@pytest.fixture
def observed(tmp_path: Path, registry_root: Path) -> Iterator[Observed]:
    """The installed command, all that it says being kept; whatever still runs is killed afterwards."""
    home = tmp_path / "home"
    home.mkdir()
    command = Observed(root=registry_root, home=home)
    yield command
    command.kill_all()
