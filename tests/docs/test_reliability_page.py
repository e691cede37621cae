"""The reliability page says what its report says, and nothing else."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "docs" / "reliability_page.py"


def test_the_page_is_what_its_report_renders_to() -> None:
    """Nobody types a number into the page: it is rendered from the report kept beside it."""
    done = subprocess.run([sys.executable, SCRIPT, "--check"], check=False)

    assert done.returncode == 0


def test_the_report_kept_beside_the_page_names_where_it_ran() -> None:
    """Every number can be traced to a commit, a kernel and a file system."""
    kept = json.loads(SCRIPT.with_name("reliability.json").read_text())

    assert {"commit", "kernel", "file_system", "date"} <= kept["facts"].keys()
    assert all(entry["counts"] for entry in kept["entries"])
