"""`import runlore`: what is there, and what it costs."""

import ast
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import runlore

DOOR = Path(__file__).parents[2] / "api/__init__.py"
HEAVY = {
    "anyio",
    "asyncio",
    "click",
    "msgspec",
    "inotify_simple",
    "typing",
    "subprocess",
    "sqlite3",
    "json",
    "re",
}


def loaded_by(code: str) -> set[str]:
    """The modules that a fresh interpreter has after running `code`, and had not before."""
    script = f"import sys; before = set(sys.modules); {code}; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_it() -> None:
    """It loads itself, no library and no room."""
    assert {name for name in loaded_by("import runlore") if "runlore" in name} == {"runlore"}
    assert not loaded_by("import runlore") & HEAVY


def test_looking_at_what_there_is() -> None:
    """Completion and `dir()` load nothing either."""
    assert not loaded_by("import runlore; dir(runlore)") & HEAVY


def test_using_the_synchronous_half() -> None:
    """It loads neither an event loop's library nor the command line's."""
    loaded = loaded_by("import runlore; runlore.open; runlore.Registry; runlore.RunView; runlore.NotFound")

    assert "msgspec" in loaded
    assert not loaded & {"anyio", "asyncio", "click", "inotify_simple", "subprocess"}


@pytest.mark.parametrize("name", runlore.__all__)
def test_every_public_name(name: str) -> None:
    """It is there, listed, the same each time, and what its home calls so."""
    value = getattr(runlore, name)

    assert value is not None
    assert getattr(runlore, name) is value
    assert name in dir(runlore)


def test_a_name_that_is_not_there() -> None:
    """It is missing like in any module."""
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        runlore.nothing  # type: ignore[attr-defined]  # noqa: B018 - the point


def test_the_three_lists_of_names_agree() -> None:
    """What type checkers see, what is loaded lazily, and `__all__` are the same names."""
    tree = ast.parse(DOOR.read_text())
    (block,) = [
        node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    seen = {
        (alias.asname, f"{node.module}.{alias.name}")
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    lazy = {
        (name, f"runlore.{home}.{runlore._HERE.get(name, name)}")
        for home, names in runlore._HOMES.items()
        for name in names
    }

    assert seen == lazy
    assert {name for name, _ in seen} == set(runlore.__all__)
    assert len(runlore.__all__) == len(set(runlore.__all__))


def test_every_error_of_the_journal_is_public() -> None:
    """Whatever a caller can be told, he can catch by name."""
    errors = importlib.import_module("runlore.journal.errors")
    raised_here = {"CorruptJournal", "JournalIO", "NewerFormat", "DidNotStart", "NoKeeper", "RunloreError"}

    assert raised_here <= set(runlore.__all__)
    assert all(issubclass(getattr(runlore, name), errors.RunloreError) for name in raised_here)


def public_members(kind: type) -> set[str]:
    """What users of a class may use."""
    return {name for name in dir(kind) if not name.startswith("_")}


def test_the_reference_names_everything_that_is_public() -> None:
    """A name that is public is described, and so is every member of the classes users handle."""
    page = (DOOR.parents[1] / "docs/reference/python.md").read_text()
    for_doors = {
        "append",
        "settle",
        "require_writable",
        "reconcile_in_passing",
        "open_transcript",
        "registry",
    }
    for_doors |= {"beat", "flush", "finish", "progress_soon", "by", "secrets"}
    for_doors |= {"tell", "tell_now", "tell_soon", "conclude"}
    members = {
        name
        for kind in (runlore.Registry, runlore.Run, runlore.TrackedRun, runlore.AsyncRun)
        for name in public_members(kind)
    }

    assert {name for name in (*runlore.__all__, *(members - for_doors)) if f"{name}" not in page} == set()


USES = """
import runlore
from typing import assert_type

registry = runlore.open()
run = registry.submit(["true"], name="nightly", timeout=3600)
assert_type(run, runlore.Run)
assert_type(run.wait(timeout=60), runlore.RunView | None)
assert_type(registry.runs("status = failed and name ~ 'nightly'", limit=50), list[runlore.RunView])
with registry.track("etl", tags={"env": "prod"}) as tracked:
    assert_type(tracked, runlore.TrackedRun)
    tracked.progress(0.4, "loading")

@registry.track("add")
def add(one: int, two: int) -> int:
    return one + two

assert_type(add(1, two=2), int)

async def main() -> None:
    twin = await runlore.open_async()
    assert_type(twin, runlore.AsyncRegistry)
    async with twin.track("etl") as here:
        assert_type(here, runlore.AsyncTrackedRun)

    @twin.track("later")
    async def later(number: int) -> str:
        return str(number)

    assert_type(await later(1), str)

runlore.nothing
"""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_what_type_checkers_see(tmp_path: Path, checker: str) -> None:
    """Everything public has its type, through the lazy door; what is not there is an error."""
    (tmp_path / "uses.py").write_text(USES)
    (tmp_path / "pyproject.toml").write_text(
        "[tool.mypy]\nstrict = true\n[tool.pyright]\ntypeCheckingMode = 'strict'\n"
    )
    program = str(Path(sys.executable).with_name(checker))
    words = {"mypy": ["uses.py"], "pyright": ["--pythonpath", sys.executable, "uses.py"]}[checker]

    done = subprocess.run([program, *words], cwd=tmp_path, capture_output=True, text=True, check=False)

    complaints = [line for line in done.stdout.splitlines() if "error" in line and "uses.py:" in line]
    assert complaints
    assert all("nothing" in line for line in complaints), done.stdout


@pytest.mark.timeout(300)
def test_every_public_type_is_complete(tmp_path: Path) -> None:
    """No checker has to guess: every public name, member and parameter has its type written down."""
    env = {**os.environ, "VIRTUAL_ENV": sys.prefix, "PATH": f"{sys.prefix}/bin:{os.environ['PATH']}"}
    words = [str(Path(sys.executable).with_name("pyright")), "--verifytypes", "runlore", "--outputjson"]
    done = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    symbols = json.loads(done.stdout)["typeCompleteness"]["symbols"]
    homes = [
        f"runlore.{home}.{runlore._HERE.get(name, name)}"
        for home, names in runlore._HOMES.items()
        for name in names
    ]
    public = [each for each in symbols if any(f"{each['name']}.".startswith(f"{home}.") for home in homes)]

    assert len(public) > 100, "they were found"
    guessed = [each for each in public if not each["isTypeKnown"] or each["isTypeAmbiguous"]]
    assert [(each["name"], each["diagnostics"]) for each in guessed] == []
