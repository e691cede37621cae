"""`import runlore`."""

import subprocess
from pathlib import Path

HEAVY = {
    "anyio",
    "asyncio",
    "click",
    "importlib.metadata",
    "msgspec",
    "sqlite3",
    "subprocess",
    "inotify_simple",
}
ROOMS = {"cli", "journal", "projections", "runtimes", "watcher"}


def test_importing_runlore_is_cheap(python: Path) -> None:
    """`import runlore` loads no library and no room: a program pays for what it uses when it uses it."""
    code = "import sys; before = set(sys.modules); import runlore; print(*set(sys.modules) - before)"
    done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True)

    loaded = set(done.stdout.split())
    assert "runlore" in loaded
    assert not loaded & (HEAVY | {f"runlore.{room}" for room in ROOMS})


def test_the_package_says_its_version(command: Path, python: Path) -> None:
    """`runlore.__version__` and `runlore --version` agree."""
    code = "import runlore; print('runlore', runlore.__version__)"
    from_package = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True)
    from_command = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)

    assert from_package.stdout == from_command.stdout
