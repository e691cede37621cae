"""Fold events into a state: apply(apply(initial, first), second), and so on.

A projection is a name, a version, an initial state and a step. A table projection takes its step from
a table by event class (twice as fast as `match`) and changes a private copy in place: one copy per
fold instead of one per event. Where a fold was interrupted never shows in its result. Pure.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Generic, Protocol, TypeVar

from runlore.journal.events import TAGS, AnyEvent, UnknownEvent

State = TypeVar("State")

KINDS: Final[frozenset[type]] = frozenset({*TAGS.values(), UnknownEvent})
"""Every class an event in a fold can have."""

Step = Callable[..., None]
"""Takes (working state, an event of the class it stands for) and changes the working state."""


class Projection(Protocol[State]):
    """A named, versioned fold."""

    @property
    def name(self) -> str:
        """What snapshots are kept under."""
        ...

    @property
    def version(self) -> int:
        """Grows when `apply` changes meaning, so that older snapshots are thrown away."""
        ...

    def initial(self) -> State:
        """Return the state before the first event."""
        ...

    def apply(self, state: State, event: AnyEvent) -> State:
        """Return the state after `event`; `state` itself stays as it was."""
        ...


class TableProjection(Generic[State]):
    """A projection by a table; event classes without a step of their own change nothing.

    Steps change a shallow copy: they replace the containers in it, never change them.
    """

    def __init__(
        self, name: str, version: int, initial: Callable[[], State], table: Mapping[type, Step]
    ) -> None:
        self._name, self._version, self._initial = name, version, initial
        self._table: dict[type, Step] = {kind: table.get(kind, _ignore) for kind in KINDS}

    @property
    def name(self) -> str:
        """What snapshots are kept under."""
        return self._name

    @property
    def version(self) -> int:
        """Grows when a step changes meaning."""
        return self._version

    def initial(self) -> State:
        """Return the state before the first event."""
        return self._initial()

    def apply(self, state: State, event: AnyEvent) -> State:
        """Return the state after `event`; `state` itself stays as it was."""
        return self.fold((event,), state)

    def fold(self, events: Iterable[AnyEvent], state: State) -> State:
        """Return the state after all of `events`; `state` itself stays as it was."""
        from copy import copy  # noqa: PLC0415 - 1 ms of start-up; the projections of `ps` bring their own

        working, table = copy(state), self._table
        for event in events:
            table[event.__class__](working, event)
        return working


def fold(projection: Projection[State], events: Iterable[AnyEvent], state: State | None = None) -> State:
    """Return the state after `events`, oldest first, from `state` or from the beginning."""
    if state is None:
        state = projection.initial()
    if isinstance(projection, TableProjection):
        whole: State = projection.fold(events, state)
        return whole
    for event in events:
        state = projection.apply(state, event)
    return state


def _ignore(_working: object, _event: AnyEvent) -> None:
    """Leave the state alone."""
