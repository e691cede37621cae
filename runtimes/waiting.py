"""Wait until runs have ended, or have got somewhere: journals are looked at, owners' deaths wake.

The wait itself is left to the caller (a poll, an event loop): this says what to wait on and for how
long. A process that owns a run and dies is noticed at once through its pidfd; where that cannot be
had, and for every other change, the journals are looked at again after a short pause.
"""

import os
import select
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, Self

from runlore.journal.disk import Disk
from runlore.journal.errors import RunloreError
from runlore.journal.layout import Layout
from runlore.journal.values import Identity, RunId
from runlore.projections.awaiting import Awaited, judge
from runlore.projections.run_state import RunState
from runlore.runtimes.folding import RunFold
from runlore.runtimes.identity import Opened, open_same
from runlore.runtimes.observe import Look, Observer

if TYPE_CHECKING:
    from runlore.runtimes.registry import Registry

_FIRST_PAUSE_S: Final = 0.002
_LONGEST_PAUSE_S: Final = 0.1
_LOOK_EVERY_S: Final = 1.0
"""How often owners are looked for, besides the journals: a dead run is shown dead within 2 s."""
_ASK_EVERY_S: Final = 5.0
"""How often somebody is asked to give a run a keeper: whoever was to do it may have died."""
_MOST_WATCHED: Final = 64
"""Pidfds held at once; the owners of more runs are found dead by looking."""


class Waiting:
    """Runs that are waited for. Close it: it holds pidfds of their owners.

    awaited: what is waited for; a run that will never get there is not waited for any longer.
    unsupervised: called now and then for a run found without keeper, with its state; so that it is given one.
    """

    def __init__(
        self,
        disk: Disk,
        layout: Layout,
        observer: Observer,
        run_ids: Iterable[RunId],
        *,
        awaited: Awaited = "terminal",
        unsupervised: Callable[[RunId, RunState], object] = lambda _run_id, _state: None,
    ) -> None:
        self._observer = observer
        self._awaited: Awaited = awaited
        self._unsupervised, self._ask_at = unsupervised, dict[RunId, float]()
        self._pending = {run_id: RunFold(disk, layout, run_id) for run_id in run_ids}
        self._watched: dict[int, tuple[RunId, Identity]] = {}
        self._seen: dict[RunId, Identity] = {}
        self._pause_s = _FIRST_PAUSE_S
        self._look_at = 0.0
        self.met: dict[RunId, Look] = {}
        """The runs that have got there, as they were seen there; provisional ends count."""
        self.missed: dict[RunId, Look] = {}
        """The runs that never will."""
        self._decided: list[RunId] = []

    @property
    def pending(self) -> list[RunId]:
        """The runs that are waited for still."""
        return list(self._pending)

    @property
    def owners(self) -> dict[RunId, Identity]:
        """The owners of those, as far as they were seen."""
        return {run_id: owner for run_id, owner in self._seen.items() if run_id in self._pending}

    @property
    def decided(self) -> list[RunId]:
        """The runs that are not waited for any longer, in the order in which it was noticed."""
        return list(self._decided)

    def is_over(self, *, any_one: bool = False) -> bool:
        """Say whether there is nothing left to wait for: all have got there, or (any_one) one has.

        One that never will ends the wait for all at once; the wait for any, when none is left.
        """
        if not self._pending:
            return True
        return bool(self.met if any_one else self.missed)

    def check(self) -> bool:
        """Look at every run that is left; say whether any of them need not be waited for any longer.

        Raises:
            NotFound: one of them has no journal. JournalIO: the disk refused.
        """
        thorough = time.monotonic() >= self._look_at
        before = len(self._decided)
        for run_id, folded in list(self._pending.items()):
            grown = folded.advance()
            if grown or thorough:
                self._look(run_id, folded)
        if thorough:
            self._look_at = time.monotonic() + _LOOK_EVERY_S
        return len(self._decided) > before

    def next_pause_s(self) -> float:
        """Return how long to wait before the next check, unless a descriptor becomes readable."""
        pause = self._pause_s
        self._pause_s = min(pause * 2, _LONGEST_PAUSE_S)
        return pause

    @property
    def calm(self) -> bool:
        """Nothing has happened for a while: the pauses have become as long as they get."""
        return self._pause_s >= _LONGEST_PAUSE_S

    def hurry(self) -> None:
        """Look again soon: something happened, and more may follow."""
        self._pause_s = _FIRST_PAUSE_S

    def descriptors(self) -> list[int]:
        """Return what becomes readable when an owner dies."""
        return list(self._watched)

    def wake(self, descriptors: Iterable[int]) -> None:
        """Note that these became readable: the next check looks at everything."""
        for fd in descriptors:
            if self._watched.pop(fd, None) is not None:
                os.close(fd)
                self._look_at = 0.0
                self._pause_s = _FIRST_PAUSE_S

    def sleep(self, timeout_s: float | None) -> None:
        """Wait until the next check is due, at most this long."""
        poll = select.poll()
        for fd in self._watched:
            poll.register(fd, select.POLLIN)
        pause = self.next_pause_s()
        if timeout_s is not None:
            pause = min(pause, max(0.0, timeout_s))
        self.wake(fd for fd, _ in poll.poll(pause * 1000))

    def close(self) -> None:
        """Let go of everything."""
        for fd in self._watched:
            os.close(fd)
        self._watched.clear()
        self._pending.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _look(self, run_id: RunId, folded: RunFold) -> None:
        look = self._observer.look(folded)
        verdict = judge(look.assessment.state, self._awaited)
        if verdict != "pending":
            (self.met if verdict == "met" else self.missed)[run_id] = look
            self._decided.append(run_id)
            del self._pending[run_id]
            self._unwatch(run_id)
            return
        now = time.monotonic()
        if look.assessment.health == "unsupervised" and now >= self._ask_at.get(run_id, now):
            self._ask_at[run_id] = now + _ASK_EVERY_S
            self._unsupervised(run_id, look.assessment.state)
        owner = look.assessment.state.owner
        if owner is not None and self._seen.get(run_id) != owner.identity:
            self._unwatch(run_id)
            self._seen[run_id] = owner.identity
            self._watch(run_id, owner.identity)

    def _watch(self, run_id: RunId, owner: Identity) -> None:
        if len(self._watched) >= _MOST_WATCHED:
            return
        opened = open_same(owner)
        if isinstance(opened, Opened):
            self._watched[opened.fd] = (run_id, owner)

    def _unwatch(self, run_id: RunId) -> None:
        for fd, (watched, _) in list(self._watched.items()):
            if watched == run_id:
                del self._watched[fd]
                os.close(fd)


def waiting_for(registry: "Registry", run_ids: Iterable[RunId], awaited: Awaited = "terminal") -> Waiting:
    """Return what waits for these runs, and gives those a keeper that lost theirs, where this user may."""

    def rescue(run_id: RunId, state: RunState) -> None:
        from runlore.runtimes.rescue import rescue  # noqa: PLC0415 - rare

        try:
            registry.require_writable()
        except RunloreError:
            return
        rescue(registry.layout, run_id, state)

    return Waiting(
        registry.disk,
        registry.layout,
        registry.observer,
        run_ids,
        awaited=awaited,
        unsupervised=rescue,
    )


def wait_over(
    waiting: Waiting,
    *,
    timeout_s: float | None = None,
    any_one: bool = False,
    looked: Callable[[], None] = lambda: None,
) -> bool:
    """Return True once nothing is left to wait for (see `Waiting.is_over`), False if not in time.

    Bounded by the timeout, not by how often anything is looked at; a timeout of 0 looks once.
    looked: called after each look that leaves something to wait for.
    """
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    while True:
        waiting.check()
        if waiting.is_over(any_one=any_one):
            return True
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            return False
        looked()
        waiting.sleep(left)
