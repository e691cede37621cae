"""What tests of the Python API share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtimes.keeping import Keeping


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Both event loops."""
    backend: str = request.param
    return backend


@pytest.fixture
def keeping(registry_root: Path) -> Iterator[Keeping]:
    """Real runs in a registry of their own; nothing of them outlives the test."""
    keeper = Keeping(registry_root)
    yield keeper
    keeper.clean()
