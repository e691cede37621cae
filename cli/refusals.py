"""One of several runs to which what was asked cannot be done: said at once, and kept for the answer."""

from typing import TYPE_CHECKING

from runlore.projections.acting_views import RefusedView

if TYPE_CHECKING:
    from runlore.cli.session import Session
    from runlore.journal.errors import RunloreError
    from runlore.journal.values import RunId


def refused(session: "Session", run_id: "RunId", error: "RunloreError") -> RefusedView:
    """Say on standard error which run it is and why, and return that for `--json`."""
    text = str(error) if run_id in str(error) else f"run {run_id}: {error}"
    session.output.warn(f"error: {text}")
    return RefusedView(run_id=run_id, exit_code=error.exit_code, text=str(error))
