"""What tests/conftest.py promises to every other test."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SESSION = {
    "test_one.py": "import pytest\n\ndef test_ran(): pass\n\n"
    "@pytest.mark.needs('no-such-command')\ndef test_hidden(): pass\n",
    "test_two.py": "import pytest\npytest.skip('no reason', allow_module_level=True)\n",
    "test_three.py": "import pytest\n@pytest.mark.xfail(strict=True)\ndef test_known_bug(): assert False\n",
}


def run(folder: Path, *args: str, ci: str) -> subprocess.CompletedProcess[str]:
    """Run a small session under our conftest.py and our configuration."""
    shutil.copy(ROOT / "tests/conftest.py", folder)
    shutil.copy(ROOT / "pyproject.toml", folder)
    for name, text in SESSION.items():
        (folder / name).write_text(text)
    argv = [sys.executable, "-m", "pytest", "--rootdir", str(folder), str(folder), *args]
    env = {**os.environ, "RUNLORE_CI": ci}
    return subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("workers", ["0", "2"])
def test_skips_fail_a_session_that_must_run_everything(tmp_path: Path, workers: str) -> None:
    """The session fails and names what was skipped: single tests and whole files, in any worker."""
    done = run(tmp_path, "-n", workers, ci="1")

    assert done.returncode == 1, done.stdout + done.stderr
    culprits = done.stdout.partition("RUNLORE_CI=1 forbids")[2]
    assert "test_one.py::test_hidden" in culprits
    assert "test_two.py" in culprits
    assert "test_three.py" not in culprits
    assert "1 passed, 2 skipped, 1 xfailed" in done.stdout.splitlines()[-1]


def test_skips_are_fine_where_a_tool_may_be_missing(tmp_path: Path) -> None:
    """A contributor without root or strace gets a green session, with the reason of each skip."""
    done = run(tmp_path, "-rs", ci="")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "needs no-such-command" in done.stdout


def test_a_root_for_a_test_is_private(registry_root: Path) -> None:
    """Writing refuses a root that others can enter, so tests get one that they cannot."""
    assert stat.S_IMODE(registry_root.stat().st_mode) == 0o700
    assert stat.S_IMODE(registry_root.parent.stat().st_mode) == 0o700
