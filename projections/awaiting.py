"""Whether a run has got to where somebody waits for it to be, or never will. Pure."""

from collections.abc import Mapping
from typing import Final, Literal, get_args

from runlore.journal.errors import BadInput
from runlore.journal.lifecycle import TERMINAL
from runlore.journal.values import Status
from runlore.projections.run_state import RunState

Awaited = Literal[
    "queued",
    "booting",
    "running",
    "ready",
    "collecting_artifacts",
    "terminal",
    "succeeded",
    "failed",
    "timed_out",
    "cancelled",
]
"""What can be waited for: a status, that the run said it is ready, or its end, however it ends."""
Verdict = Literal["met", "missed", "pending"]
"""It was there, it never will be, or nobody can tell yet."""

AWAITED: Final[tuple[Awaited, ...]] = get_args(Awaited)
_ENDS: Final[Mapping[Awaited, Status]] = {
    "succeeded": "succeeded",
    "failed": "failed",
    "timed_out": "timed_out",
    "cancelled": "cancelled",
}


def parse(text: str) -> Awaited:
    """Return what is to be waited for.

    Raises:
        BadInput: there is no such thing.
    """
    word = text.strip().lower().replace("-", "_")
    for each in AWAITED:
        if each == word:
            return each
    raise BadInput(f"no status {text[:40]!a} to wait for; there are {', '.join(AWAITED)}")


def judge(state: RunState, awaited: Awaited) -> Verdict:
    """Say whether the run has been there.

    A status that it has passed counts: whoever waits for `running` is not too late for a run that was
    quick. Of the final ones only the one that the run has counts.
    """
    ended = state.status in TERMINAL
    met = state.status == _ENDS[awaited] if awaited in _ENDS else _passed(state, awaited, ended=ended)
    if met:
        return "met"
    return "missed" if ended else "pending"


def _passed(state: RunState, awaited: Awaited, *, ended: bool) -> bool:
    match awaited:
        case "terminal":
            return ended
        case "booting":
            return state.booting is not None
        case "running":
            return state.handle is not None or (state.started_at is not None and not _waits_for_ready(state))
        case "ready":
            return state.ready
        case "collecting_artifacts":
            return state.collecting is not None
        case _:  # queued: every run begins so
            return True


def _waits_for_ready(state: RunState) -> bool:
    """Say whether the run was not to be `running` before its word: a command may end while it boots."""
    return state.recipe is not None and state.recipe.await_ready_s is not None
