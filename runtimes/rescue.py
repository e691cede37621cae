"""See to it that a run whose command lives has a keeper: for whoever acts on runs, never for readers."""

import os
from typing import Literal

from runlore.journal.events import PROTOCOL
from runlore.journal.layout import Layout
from runlore.journal.values import RunId
from runlore.projections.run_state import RunState
from runlore.runtimes.identity import look
from runlore.runtimes.launch import exec_adopter
from runlore.runtimes.live_files import WRAPPER_RECORD

Rescue = Literal["wrapper", "started", "failed", "newer"]
"""Who sees to it now: the run's own wrapper, a keeper that was just started, nobody.

`newer`: a later release began the run, and hands it over in a way that this one does not know.
"""


def rescue(layout: Layout, run_id: RunId, state: RunState) -> Rescue:
    """Return who keeps the run from here on, given that it was seen `unsupervised`.

    A wrapper that lives starts the next keeper by itself. A keeper started here looks again, under the
    owner lock, and ends if it is not needed; so two rescuers do no harm.
    """
    from runlore.runtimes.wrapper import recorded_identity  # noqa: PLC0415 - rare, and loads ctypes

    recorded = recorded_identity(layout.in_run(run_id, WRAPPER_RECORD))
    known = [recorded, state.handle.wrapper if state.handle else None]
    if any(each is not None and look(each) != "gone" for each in known):
        return "wrapper"
    if state.booting is not None and state.booting.protocol > PROTOCOL:
        return "newer"
    try:
        exec_adopter(os.fsencode(layout.root), run_id)
    except OSError:
        return "failed"
    return "started"
