"""What tests of kept runs share."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtimes.keeping import Keeping


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one mebibyte; needs root."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def keeping(registry_root: Path) -> Iterator[Keeping]:
    """Real runs in a registry of their own; nothing of them outlives the test."""
    keeper = Keeping(registry_root)
    yield keeper
    keeper.clean()
