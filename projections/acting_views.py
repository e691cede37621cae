"""What is shown of acting on runs, be it stopping, signalling or labelling: see `schema`. Pure."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from runlore.journal.values import RunId, Status
from runlore.projections.run_view import ActorView, RunView


class RefusedView(Struct, frozen=True, kw_only=True):
    """A run to which what was asked could not be done, and why."""

    run_id: RunId
    exit_code: int
    """What the command exits with if it is the first of them."""
    text: str


class StoppedView(Struct, frozen=True, kw_only=True):
    """What came of asking one run to stop."""

    run_id: RunId
    status: Status
    first: bool
    """False: somebody had asked before; that request and its reason stand."""
    at: datetime | None
    reason: str
    by: ActorView | None = None


class StopView(Struct, frozen=True, kw_only=True):
    """What came of asking runs to stop."""

    schema: Literal["runlore.stop/1"] = "runlore.stop/1"
    items: list[StoppedView]
    dry_run: bool = False
    refused: list[RefusedView] = []
    """Those that could not be asked; all others were."""


class UntouchedView(Struct, frozen=True, kw_only=True):
    """A process that was left as it is."""

    pid: int
    command: str
    why: str


class InterventionView(Struct, frozen=True, kw_only=True):
    """What was done to the processes of one run."""

    run_id: RunId
    status: Status
    paused: bool
    changed: bool
    """False: nothing needed to be signalled."""
    pids: list[int]
    """The processes that were signalled; a pid is no identity, so never signal it later."""
    left: list[UntouchedView]
    """Those that belong to the run and were left alone, and why."""


class SignalView(Struct, frozen=True, kw_only=True):
    """What came of signalling runs: `signal`, `pause` and `unpause`."""

    schema: Literal["runlore.signal/1"] = "runlore.signal/1"
    signal: str
    items: list[InterventionView]


class LabelledView(Struct, frozen=True, kw_only=True):
    """Runs that were labelled together, as they are now."""

    schema: Literal["runlore.labelled/1"] = "runlore.labelled/1"
    items: list[RunView]
    dry_run: bool = False
    """They are only those that would have been."""
    refused: list[RefusedView] = []
    """Those that could not be; all others were."""
