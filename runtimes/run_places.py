"""Where the folder of a run lies: in its place, in the trash, or on its way out of that.

It moves only for whoever holds the owner lock in it, so who has that knows where it stays.
"""

import os
from typing import Literal

from runlore.journal.layout import Layout
from runlore.journal.values import RunId

Place = Literal["runs", "trash", "going", "nowhere"]


def place_of(layout: Layout, run_id: RunId) -> Place:
    """Return where the run's folder lies."""
    if is_there(layout.going(run_id)):
        return "going"
    if is_there(layout.in_trash(run_id)):
        return "trash"
    return "runs" if is_there(layout.run_dir(run_id)) else "nowhere"


def may_return(layout: Layout, run_id: RunId) -> bool:
    """Say whether the folder of a removed run is where `restore` finds it."""
    return place_of(layout, run_id) in {"runs", "trash"}


def folders_of(layout: Layout, run_id: RunId) -> list[str]:
    """Return every folder of the run; its place, if there is none: of several only one can be ours."""
    paths = (layout.run_dir(run_id), layout.in_trash(run_id), layout.going(run_id))
    return [path for path in paths if is_there(path)] or [paths[0]]


def paths_of(layout: Layout, run_id: RunId, name: str) -> list[str]:
    """Return where a file of the run's folder may lie."""
    return [f"{folder}/{name}" for folder in folders_of(layout, run_id)]


def is_there(path: str) -> bool:
    """Say whether anything has this name; what cannot be looked at may."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True
