"""Strategies for what is observed of a run, and for runs that are in any phase of their life."""

from datetime import UTC, datetime
from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from runlore.journal import codec
from runlore.journal.events import AnyEvent
from runlore.journal.exit_record import ExitRecord
from runlore.journal.values import Reason, ReasonCode, Usage
from runlore.projections.fold import fold
from runlore.projections.health import Seen
from runlore.projections.status import STATUS, RunState
from tests.properties.histories import any_event, journals, times

NOW: Final = datetime(2026, 11, 20, 21, 0, tzinfo=UTC)

KEEPERS_REASONS: Final[tuple[ReasonCode, ...]] = (
    "timeout",
    "idle_timeout",
    "boot_timeout",
    "cancelled",
    "spawn_failed",
    "oom",
    "output_lost",
    "journal_io",
)
"""Why a keeper ends a command, or could not begin it: what an exit record may hold as its reason."""


def histories(*, max_events: int = 10) -> SearchStrategy[list[AnyEvent]]:
    """Events of a legal journal, as a reader gives them."""
    return journals(max_events=max_events).map(lambda forge: list(codec.decode_lines(forge.data)))


def unlawful_histories() -> SearchStrategy[list[AnyEvent]]:
    """Events in any order, places and times included: what a fold must survive, though no writer wrote it."""
    return st.lists(any_event(), max_size=12)  # type: ignore[arg-type]  # each Event is a KnownEvent


@st.composite
def states(draw: st.DrawFn) -> RunState:
    """A run somewhere in its life: the fold of a legal journal's beginning."""
    events = draw(histories(max_events=7))
    return fold(STATUS, events[: draw(st.integers(1, len(events)))])


def exit_records() -> SearchStrategy[ExitRecord]:
    """What a wrapper or keeper may have left."""
    reasons = st.builds(Reason, code=st.sampled_from(KEEPERS_REASONS), text=st.just("so be it"))
    return st.builds(
        ExitRecord,
        at=times,
        exit_code=st.none() | st.integers(0, 255),
        signal=st.none() | st.integers(1, 64),
        usage=st.none() | st.just(Usage(cpu_s=2.0)),
        reason=st.none() | reasons,
    )


def looks() -> SearchStrategy[Seen]:
    """One look at a run's owner and command."""
    return st.builds(
        Seen,
        owner=st.sampled_from(["held", "free", "unverifiable"]),
        command=st.sampled_from(["alive", "gone", "unverifiable"]),
        heartbeat_age_s=st.none() | st.floats(-100, 100),
        exit=st.none() | exit_records(),
        boot_changed=st.booleans(),
        at=st.just(NOW),
        detail=st.just("looked at"),
    )
