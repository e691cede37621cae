"""The link tree that shows the rooms under their installed names."""

import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[2]
tasks = SimpleNamespace(**runpy.run_path(str(ROOT / "tasks.py")))


def make_rooms(root: Path) -> Path:
    """Make a project of empty rooms and return the place of its link tree."""
    for room in tasks.ROOMS.values():
        (root / room).mkdir(parents=True)
        (root / room / "__init__.py").touch()
    return root / ".links/runlore"


def test_the_link_tree_is_importable_without_any_installation(tmp_path: Path) -> None:
    """Beside the links Python needs nothing to find `runlore` and its rooms."""
    package = make_rooms(tmp_path)
    tasks.link_rooms(tmp_path, package)
    code = f"import sys; sys.path.insert(0, {str(package.parent)!r}); import " + ", ".join(tasks.ROOMS)

    subprocess.run([sys.executable, "-I", "-c", code], check=True)


def test_new_modules_of_the_front_door_appear_and_removed_ones_go(tmp_path: Path) -> None:
    """The tree follows the source on every task: no file is missed, and none haunts."""
    package = make_rooms(tmp_path)
    (tmp_path / "api/old.py").touch()
    tasks.link_rooms(tmp_path, package)
    (tmp_path / "api/old.py").rename(tmp_path / "api/new.py")
    (package / "__pycache__").mkdir()

    tasks.link_rooms(tmp_path, package)

    rooms = {name.partition(".")[2] for name in tasks.ROOMS} - {""}
    assert {path.name for path in package.iterdir()} == {"__init__.py", "new.py", "__pycache__", *rooms}


def test_links_are_relative_so_that_the_tree_can_be_moved(tmp_path: Path) -> None:
    """No absolute path: a copied or mounted project still finds its own rooms."""
    package = make_rooms(tmp_path / "here")
    tasks.link_rooms(tmp_path / "here", package)

    (tmp_path / "here").rename(tmp_path / "there")

    moved = tmp_path / "there/.links/runlore"
    assert all(link.exists() for link in moved.iterdir())


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_type_checkers_look_behind_the_links(tmp_path: Path, checker: str) -> None:
    """A fault in any room is found; both checkers are content when they are shown no file at all."""
    package = make_rooms(tmp_path)
    tasks.link_rooms(tmp_path, package)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for room in tasks.ROOMS.values():
        (tmp_path / room / "planted.py").write_text("number: int = 'text'\n")
    tasks.link_rooms(tmp_path, package)
    where = {"mypy": str(package), "pyright": f"--project={tasks.pyright_config(package.parent)}"}

    program = str(Path(sys.executable).with_name(checker))
    done = subprocess.run(
        [program, where[checker]], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1, done.stderr
    assert f"{len(tasks.ROOMS)} errors" in done.stdout
