"""Which status may follow which, and which event makes it so: one table, walked by code, docs and tests.

Pure.
"""

from collections.abc import Mapping
from typing import Final

from runlore.journal import events
from runlore.journal.events import AnyEvent
from runlore.journal.values import ReasonCode, Status

LEGAL: Final[Mapping[Status, frozenset[Status]]] = {
    "queued": frozenset({"booting", "cancelled", "failed"}),
    "booting": frozenset({"running", "collecting_artifacts", "failed", "timed_out", "cancelled"}),
    "running": frozenset({"collecting_artifacts", "failed", "timed_out", "cancelled"}),
    "collecting_artifacts": frozenset({"succeeded", "failed", "timed_out", "cancelled"}),
    "succeeded": frozenset(),
    "failed": frozenset(),
    "timed_out": frozenset(),
    "cancelled": frozenset(),
}
TERMINAL: Final[frozenset[Status]] = frozenset(name for name, nexts in LEGAL.items() if not nexts)

STATUS_OF: Final[Mapping[type, Status]] = {
    events.RunQueued: "queued",
    events.RunBooting: "booting",
    events.RunStarted: "running",
    events.RunCollecting: "collecting_artifacts",
    events.RunSucceeded: "succeeded",
    events.RunFailed: "failed",
    events.RunTimedOut: "timed_out",
    events.RunCancelled: "cancelled",
}
"""Events that are a change of status; every other event leaves it alone."""

OPENING: Final[frozenset[type]] = frozenset({events.RunQueued, events.JournalContinued})
"""The events a journal may begin with."""

AFTER_END: Final[frozenset[type]] = frozenset(
    {
        events.RunSealed,
        events.RunTagged,
        events.RunNoted,
        events.RunRenamed,
        events.RunPinned,
        events.RunUnpinned,
        events.ArtifactPromoted,
        events.RunAccepted,
        events.RunExpired,
        events.RunRemoved,
        events.RunRestored,
        events.JournalRepaired,
        events.JournalContinued,
        events.TextRedacted,
    }
)
"""Label, evidence, retention, repair and redaction events: all that may follow a final event."""

MUST_FIT: Final[frozenset[type]] = events.FINAL | {
    events.RunStopRequested,
    events.RunCollecting,
    events.RunSealed,
    events.OwnerAdopted,
    events.RunExpired,
    events.RunRemoved,
    events.JournalRepaired,
}
"""What brings a run to its end: on a full disk these alone may use what is preallocated for it."""

REASONS: Final[Mapping[Status, frozenset[ReasonCode]]] = {
    "succeeded": frozenset({"imported"}),
    "failed": frozenset(
        {
            "exit_nonzero",
            "signal",
            "oom",
            "spawn_failed",
            "boot_timeout",
            "owner_lost",
            "evidence_missing",
            "output_lost",
            "journal_io",
            "imported",
        }
    ),
    "timed_out": frozenset({"timeout", "idle_timeout", "imported"}),
    "cancelled": frozenset({"cancelled", "dependency_failed", "imported"}),
}
"""Which reason codes may stand beside which final status."""


def is_terminal(status: Status) -> bool:
    """Say whether nothing may follow `status`, ever."""
    return status in TERMINAL


def may_follow(current: Status | None, event: AnyEvent) -> bool:
    """Say whether `event` may be appended to a run whose status is `current` (None: no event yet)."""
    if current is None:
        return type(event) in OPENING
    if current in TERMINAL:
        return type(event) in AFTER_END or isinstance(event, events.UnknownEvent)
    wanted = STATUS_OF.get(type(event))
    return wanted is None or wanted in LEGAL[current]
