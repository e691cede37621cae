"""Where a proof says what it has proved, and at which size, for the page that is generated from it."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

REPORT: Final = "RUNLORE_PROOF_REPORT"
"""Names the file that proofs append to; nothing is recorded without it."""
SIZE: Final = os.environ.get("RUNLORE_PROOF", "ci")


def record(name: str, promised: str, counts: Mapping[str, int]) -> None:
    """Append one JSON line to the report: what was promised, and how often it was put to the test.

    Call it after the last assertion, so that only what held is reported. One `write` a line, so that
    tests may report side by side.
    """
    path = os.environ.get(REPORT)
    if not path:
        return
    entry = {
        "name": name,
        "promised": promised,
        "size": SIZE,
        "counts": dict(counts),
        "commit": _commit(),
    }
    line = json.dumps(entry, ensure_ascii=False).encode() + b"\n"
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        if os.write(fd, line) != len(line):
            raise OSError(f"{path}: only a part of the report was written")
    finally:
        os.close(fd)


def _commit() -> str:
    """Return the commit whose tests run; its tree may have changes, which the page says of the last run."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short=12", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
