"""The declaration in pyproject.toml and the folders on disk tell the same story."""

import ast
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
SETUPTOOLS = PYPROJECT["tool"]["setuptools"]
ROOMS: dict[str, str] = SETUPTOOLS["package-dir"]


def packages_on_disk() -> dict[str, Path]:
    """Every folder of a room that holds Python, by the package it has to become."""
    return {
        ".".join([package, *path.parent.relative_to(ROOT / room).parts]): path.parent
        for package, room in ROOMS.items()
        for path in (ROOT / room).rglob("*.py")
    }


def test_every_folder_with_code_is_a_declared_package() -> None:
    """A new folder that nobody declared would work here and be missing from the wheel."""
    assert set(SETUPTOOLS["packages"]) == set(packages_on_disk())


@pytest.mark.parametrize("package", SETUPTOOLS["packages"])
def test_every_package_begins_with_its_contract(package: str) -> None:
    """`__init__.py` says in its docstring what the package is for; without one anybody could extend it."""
    source = (packages_on_disk()[package] / "__init__.py").read_text()

    assert ast.get_docstring(ast.parse(source))


def test_no_folder_at_the_root_shadows_the_package() -> None:
    """`runlore/` beside the rooms would be imported instead of them."""
    assert not (ROOT / "runlore").exists()


def test_four_dependencies_and_no_more() -> None:
    """Whoever installs runlore gets these; another one is a decision, not an accident."""
    names = {dependency.partition(">=")[0] for dependency in PYPROJECT["project"]["dependencies"]}

    assert names == {"anyio", "click", "msgspec", "inotify_simple"}
