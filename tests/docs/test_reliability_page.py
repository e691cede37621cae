"""The reliability page says what its report says, and nothing else."""

import importlib.util
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


def test_a_proof_that_ran_at_both_sizes() -> None:
    """The full one counts; the parts of a proof are added up."""
    spec = importlib.util.spec_from_file_location("reliability_page", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    page = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(page)
    parts = [
        ("kills, part 1", "full", 5),
        ("kills, part 2", "full", 6),
        ("kills", "ci", 1),
        ("cuts", "ci", 2),
    ]
    entries = [{"name": name, "size": size, "counts": {"n": count}} for name, size, count in parts]

    assert [(each["name"], each["size"], each["counts"]) for each in page._together(entries)] == [
        ("cuts", "ci", {"n": 2}),
        ("kills", "full", {"n": 11}),
    ]
