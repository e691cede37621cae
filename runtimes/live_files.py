"""The files of a run's folder that mean nothing once it has ended."""

from typing import Final

from runlore.journal.disk import Disk
from runlore.journal.layout import Layout
from runlore.journal.values import RunId, Stream

FIFOS: Final[dict[Stream, str]] = {"stdout": "out", "stderr": "err"}
BELL: Final = "bell"
WRAPPER_RECORD: Final = "wrapper"
"""Where the wrapper says which process it is."""
SLOTS: Final = "slots"
"""A second name of the file by which live keepers are counted: see `slots_file`."""
_LIVE_ONLY: Final = (*FIFOS.values(), BELL, "heartbeat", WRAPPER_RECORD, SLOTS)


def clear_live_files(disk: Disk, layout: Layout, run_id: RunId) -> None:
    """Remove them; for the run's owner, after its last event."""
    for name in _LIVE_ONLY:
        try:
            disk.unlink(layout.in_run(run_id, name))
        except OSError:
            continue


def left_live_files(disk: Disk, layout: Layout, run_id: RunId) -> list[str]:
    """Return the names of those that are there."""
    try:
        names = disk.listdir(layout.run_dir(run_id))
    except OSError:
        return []
    return [name for name in _LIVE_ONLY if name in names]
