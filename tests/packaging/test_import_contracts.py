"""The contracts on imports hold what they promise: planted violations are found."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
ROOMS: dict[str, str] = PYPROJECT["tool"]["setuptools"]["package-dir"]
CONTRACTS = {contract["name"]: contract for contract in PYPROJECT["tool"]["importlinter"]["contracts"]}
PURE: list[str] = CONTRACTS["the pure core touches nothing outside"]["source_modules"]

VIOLATIONS = [
    ("journal", "runlore"),
    ("journal", "runlore.projections"),
    ("journal", "runlore.cli"),
    ("journal", "click"),
    ("projections", "runlore.runtimes"),
    ("projections", "inotify_simple"),
    ("runtimes", "anyio"),
    ("runtimes", "runlore.watcher"),
    ("watcher", "runlore.runtimes"),
    ("watcher", "asyncio"),
    ("cli", "asyncio"),
]


def source_of(module: str) -> Path:
    """The file of a module inside a room."""
    package, _, rest = module.removeprefix("runlore.").partition(".")
    return ROOT / ROOMS[f"runlore.{package}"] / f"{rest.replace('.', '/')}.py"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What import-linter says about a copy of the rooms in which every violation was planted."""
    root = tmp_path_factory.mktemp("rooms")
    shutil.copy(ROOT / "pyproject.toml", root)
    for name, room in sorted(ROOMS.items()):
        shutil.copytree(ROOT / room, root / name.replace(".", "/"), dirs_exist_ok=True)
    for number, (room, target) in enumerate(VIOLATIONS):
        (root / f"runlore/{room}/planted_{number}.py").write_text(f"import {target}\n")
    with (root / PURE[0].replace(".", "/")).with_suffix(".py").open("a") as pure:
        pure.write("\nimport runlore.journal.planted_clock\n")
    (root / "runlore/journal/planted_clock.py").write_text("import time\n")
    linter = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    env = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(linter, cwd=root, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    return done.stdout


@pytest.mark.parametrize("violation", VIOLATIONS, ids=" imports ".join)
def test_a_room_that_looks_outward_is_reported(report: str, violation: tuple[str, str]) -> None:
    """No room can reach a later one, the front door, or a library that is not its own."""
    room, target = violation

    assert f"runlore.{room}.planted_{VIOLATIONS.index(violation)} -> {target} " in report


def test_a_pure_module_cannot_reach_the_outside_through_another(report: str) -> None:
    """Purity is of the whole way: a pure module that imports one with a clock has a clock."""
    assert f"{PURE[0]} -> runlore.journal.planted_clock " in report
    assert "runlore.journal.planted_clock -> time " in report


def test_what_calls_itself_pure_is_held_to_it() -> None:
    """A module whose docstring says "Pure" is in the contract, and the contract names no other."""
    claims = {
        f"{package}.{'.'.join(path.relative_to(ROOT / room).with_suffix('').parts)}"
        for package, room in ROOMS.items()
        for path in (ROOT / room).rglob("*.py")
        if re.search(r"\bPure[.:]", ast.get_docstring(ast.parse(path.read_text())) or "")
    }

    assert claims - set(PURE) == set(), "list these under source_modules in pyproject.toml"
    assert set(PURE) - claims == set(), "these say nothing of being pure, or are gone"


@pytest.mark.parametrize("module", PURE)
def test_pure_modules_are_told_the_time_and_given_the_bytes(module: str) -> None:
    """`datetime` is allowed for its types; reading its clock is not, nor is opening a file."""
    calls = [
        node.func for node in ast.walk(ast.parse(source_of(module).read_text())) if isinstance(node, ast.Call)
    ]
    methods = {call.attr for call in calls if isinstance(call, ast.Attribute)}
    functions = {call.id for call in calls if isinstance(call, ast.Name)}

    assert not methods & {"now", "utcnow", "today"}
    assert not functions & {"__import__", "eval", "exec", "input", "open", "print"}
