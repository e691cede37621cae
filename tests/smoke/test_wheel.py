"""What a user's site-packages receives."""

import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-dir"]

# One worker builds the wheel once.
pytestmark = pytest.mark.xdist_group("wheel")


@pytest.fixture(scope="session")
def names(wheel: Path) -> set[str]:
    """The files in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_nothing_generic_reaches_site_packages(names: set[str]) -> None:
    """All is under `runlore`: no top-level `journal`, `cli` or `tests` that would shadow somebody's own."""
    tops = {name.split("/")[0] for name in names}

    assert {top for top in tops if not top.endswith(".dist-info")} == {"runlore"}


def test_every_module_of_every_room_is_shipped(names: set[str]) -> None:
    """The wheel has exactly the modules of the source tree, under the names they are imported by."""
    wanted = {
        f"{package.replace('.', '/')}/{path.relative_to(ROOT / room)}"
        for package, room in ROOMS.items()
        for path in (ROOT / room).rglob("*.py")
    }

    assert {name for name in names if name.endswith(".py")} == wanted


def test_type_checkers_are_told_that_the_package_is_typed(names: set[str]) -> None:
    """PEP 561's marker is in the package."""
    assert "runlore/py.typed" in names
