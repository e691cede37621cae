"""The README's first command, on a copy of the project that has nothing installed yet."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.markdown import ROOT, blocks


@pytest.mark.timeout(600)
@pytest.mark.needs("git")
def test_one_command_sets_up_and_runs_the_main_job(tmp_path: Path) -> None:
    """The first `sh` block of README.md, as it stands: it ends well and shows the command's output."""
    block = next(block for block in blocks(ROOT / "README.md") if block.language == "sh")
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.split(b"\0")
    clone = tmp_path / "clone"
    for name in filter(None, map(os.fsdecode, names)):
        if (ROOT / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, clone / name)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python3").symlink_to(Path(sys.base_prefix, "bin", Path(sys.executable).name).resolve())
    unwanted = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    env = kept | {
        "PATH": f"{tmp_path / 'bin'}:{kept.get('PATH', os.defpath)}",
        "XDG_DATA_HOME": str(tmp_path / "data"),
    }

    done = subprocess.run(
        ["sh", "-ec", block.text], cwd=clone, env=env, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "the truth, for ever" in done.stdout.splitlines(), done.stderr
    assert (tmp_path / "data/runlore/journals").is_dir()
