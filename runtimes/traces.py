"""Whether what lies of a run shows that its command ran: then a journal that is not there is missing.

A submission that a crash cut in front of its journal leaves empty files. Output, an exit record and stored
outputs come later, and only a run with a journal is ever moved to the trash.
"""

import os
from typing import Final

from runlore.journal.disk import Disk
from runlore.journal.layout import Layout
from runlore.journal.values import RunId
from runlore.runtimes import exit_file

_BUNDLE: Final = "bundle"
"""As `bundle.FOLDER`, for whom its module is too dear; a test compares."""


def has_run(disk: Disk, layout: Layout, run_id: RunId) -> bool:
    """Say whether a run without a journal has run, or may have; what cannot be looked at is a trace."""
    try:
        return (
            any(map(os.path.lexists, (layout.in_trash(run_id), layout.going(run_id))))
            or os.path.lexists(layout.in_run(run_id, _BUNDLE))
            or _size(layout.in_run(run_id, "transcript")) > 0
            or _is_filled(layout.in_run(run_id, "artifacts"))
            or exit_file.read(disk, layout.in_run(run_id, "exit")) is not None
        )
    except OSError:
        return True


def _size(path: str) -> int:
    try:
        return os.lstat(path).st_size
    except FileNotFoundError:
        return 0


def _is_filled(folder: str) -> bool:
    try:
        return bool(os.listdir(folder))
    except FileNotFoundError:
        return False
