"""Where this process stands: its current folder, and the run inside which it was started."""

import os
from typing import Final

from runlore.journal.ids import is_run_id

INSIDE: Final = "RUNLORE_RUN_ID"
"""Set for every command that runs here: what it submits names it as its parent."""


def current_folder() -> str:
    """Return the current folder, or the root folder if ours was removed."""
    try:
        return os.getcwd()
    except OSError:
        return "/"


def parent_in(root: str) -> str:
    """Return the run of the same registry inside which this process runs; empty if there is none."""
    parent = os.environ.get(INSIDE, "")
    return parent if is_run_id(parent) and os.environ.get("RUNLORE_ROOT") == root else ""
