"""Ring a keeper's bell: it reads its journal now, instead of within a second. Carries no truth."""

import os

from runlore.journal.layout import Layout
from runlore.journal.values import RunId
from runlore.runtimes.live_files import BELL


def ring(layout: Layout, run_id: RunId) -> bool:
    """Wake the run's keeper, so that it reads its journal now; say whether one was there to hear it."""
    try:
        fd = os.open(layout.in_run(run_id, BELL), os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:  # no bell, or nobody behind it (ENXIO)
        return False
    try:
        os.write(fd, b"\a")
    except OSError:  # it has not been heard yet, which will do
        return True
    finally:
        os.close(fd)
    return True
