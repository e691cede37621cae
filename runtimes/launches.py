"""Many launches under way at once, answered in the order in which they were asked for.

A bounded number of keepers is being started at any time, so neither descriptors nor memory grow with how
many there will be. Nothing here waits but `wait`; runs need this process only until they are accepted.
"""

import os
import select
import time
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from runlore.journal.errors import NoRoom, RunloreError
from runlore.journal.settings_file import read_settings
from runlore.journal.values import RunId
from runlore.runtimes.messages import Accepted, NotStarted
from runlore.runtimes.room import cap_of, live_keepers
from runlore.runtimes.spec import RunSpec
from runlore.runtimes.starting import wait_started, why_not

if TYPE_CHECKING:
    from runlore.runtimes.link import KeeperLink
    from runlore.runtimes.nursery_link import Nursery
    from runlore.runtimes.registry import Registry

AT_ONCE: Final = min(16, max(4, 2 * (os.cpu_count() or 1)))
"""Keepers that are being started at any time."""
_WINDOW: Final = 512
"""Answers that may wait for an earlier one that takes long."""
_LOOK_S: Final = 0.25
"""How often somebody who waits for room looks for it."""
_PATIENCE_S: Final = 30.0
"""How long who was interrupted waits to learn whether a run exists."""


class Launched(Struct, frozen=True, kw_only=True):
    """What became of one submission."""

    number: int
    run_id: RunId | None = None
    """None if no run was made."""
    key: str = ""
    existing: bool = False
    unmasked: dict[str, str] = {}
    error: RunloreError | None = None
    """Why there is no run, or why its command did not start."""


class _Launch:
    """One submission until its answer is known."""

    def __init__(self, number: int, spec: RunSpec | None) -> None:
        self.number, self.spec = number, spec
        self.link: KeeperLink | None = None
        self.accepted: Accepted | None = None
        self.look_at = 0.0
        """When to look for room again, on the monotonic clock; for who has no link and no answer."""
        self.answer: Launched | None = None

    def settle(self, *, error: RunloreError | None = None) -> None:
        """Know the answer, and hear no more of it."""
        accepted = self.accepted
        self.answer = Launched(
            number=self.number,
            run_id=accepted.run_id if accepted else None,
            key=self.spec.key if self.spec else "",
            existing=accepted is not None and accepted.existing,
            unmasked=accepted.unmasked if accepted else {},
            error=error,
        )
        self.hang_up()

    def hang_up(self) -> None:
        if self.link is not None:
            self.link.close()
            self.link = None


class Launches:
    """Launches in one registry. Not for several threads at once.

    patient: a submission for which there is no room waits until there is, instead of being refused.
    """

    def __init__(
        self, registry: "Registry", nursery: "Nursery", *, patient: bool = False, at_once: int = AT_ONCE
    ) -> None:
        self._registry, self._nursery = registry, nursery
        self._patient, self._at_once = patient, at_once
        self._queue: deque[_Launch] = deque()

    def takes(self, spec: RunSpec | None = None) -> bool:
        """Say whether one more may be asked for now; of two with one key the second waits for the first."""
        going = self._going()
        if len(going) >= self._at_once or len(self._queue) >= _WINDOW:
            return False
        if self._patient and spec is not None and not self._may_ask(going):
            return False
        return spec is None or not spec.key or all(spec.key != each.spec.key for each in going if each.spec)

    @property
    def is_idle(self) -> bool:
        """Every submission has its answer."""
        return not self._going()

    def ask(self, number: int, spec: RunSpec) -> None:
        """Begin to launch a run."""
        launch = _Launch(number, spec)
        self._queue.append(launch)
        self._begin(launch)

    def refuse(self, number: int, error: RunloreError) -> None:
        """Answer a submission that never was one, in its place in the order."""
        launch = _Launch(number, None)
        launch.settle(error=error)
        self._queue.append(launch)

    def answers(self) -> Iterator[Launched]:
        """Yield the answers that are known, as far as no earlier one is missing; each once."""
        while self._queue and (answer := self._queue[0].answer) is not None:
            self._queue.popleft()
            yield answer

    def wait(self, *others: int, within_s: float | None = None) -> set[int]:
        """Return once a launch has got on, or one of the other descriptors can be read; which of those."""
        poll = select.poll()
        links = {each.link.fileno(): each for each in self._going() if each.link is not None}
        for fd in (*links, *others):
            poll.register(fd, select.POLLIN)
        looks = [each.look_at - time.monotonic() for each in self._going() if each.link is None]
        limits = [*looks, *([within_s] if within_s is not None else [])]
        ready = {fd for fd, _ in poll.poll(max(0.0, min(limits)) * 1000 if limits else None)}
        for fd in ready & links.keys():
            self._get_on(links[fd])
        self._look_for_room()
        return ready.intersection(others)

    def wait_no_more_for_room(self) -> None:
        """Refuse what found no room so far."""
        for launch in self._going():
            if launch.link is None:
                launch.settle(error=NoRoom("there was no room yet; nothing was submitted"))

    def conclude(self) -> None:
        """Begin nothing more, and know of every run whether it exists; whether it starts is on record."""
        self.wait_no_more_for_room()
        until = time.monotonic() + _PATIENCE_S
        for launch in self._going():
            assert launch.link is not None  # noqa: S101 - the others are settled
            try:
                if launch.accepted is None:
                    launch.accepted = launch.link.wait_accepted(max(0.0, until - time.monotonic()))
                if launch.accepted is None:
                    raise RunloreError("whether it was submitted is not known; look at `runlore ps`")
            except RunloreError as error:
                launch.settle(error=error)
            else:
                launch.settle()

    def close(self) -> None:
        """Hear no more of what is under way; runs that exist go on."""
        for launch in self._queue:
            launch.hang_up()

    def _may_ask(self, going: list[_Launch]) -> bool:
        """Say whether there is room for one more, or nobody is being told yet whether there is.

        So runs begin in their order where room is scarce, and what needs none is not kept waiting for it.
        """
        if any(launch.link is None for launch in going):
            return False
        asked = sum(launch.accepted is None for launch in going)
        return not asked or asked < self._free()

    def _free(self) -> int:
        try:
            limits = read_settings(self._registry.root).limits
        except RunloreError:
            return self._at_once  # the next keeper says what is wrong with them
        return cap_of(limits).keepers - live_keepers(self._registry.layout)

    def _going(self) -> list[_Launch]:
        return [launch for launch in self._queue if launch.answer is None]

    def _begin(self, launch: _Launch) -> None:
        assert launch.spec is not None  # noqa: S101 - what was refused is settled
        try:
            launch.link = self._nursery.keeper()
            launch.link.ask(launch.spec)
        except RunloreError as error:
            launch.settle(error=error)

    def _get_on(self, launch: _Launch) -> None:
        """Take in what the keeper has said."""
        link = launch.link
        assert link is not None  # noqa: S101 - it was polled
        link.wait_news(0)
        try:
            launch.accepted = launch.accepted or link.wait_accepted(0)
        except NoRoom as error:
            if self._patient:
                launch.hang_up()
                launch.look_at = time.monotonic() + _LOOK_S
            else:
                launch.settle(error=error)
            return
        except RunloreError as error:
            launch.settle(error=error)
            return
        if launch.accepted is not None and launch.accepted.existing:
            launch.settle()
        elif launch.accepted is not None and (news := link.wait_started(0)) is not None:
            if isinstance(news, NotStarted) and news.code == "owner_lost":
                news = wait_started(link, self._registry, launch.accepted.run_id)
            launch.settle(error=why_not(launch.accepted.run_id, news))

    def _look_for_room(self) -> None:
        """Launch again what found no room, as soon as there is some."""
        now = time.monotonic()
        due = [each for each in self._going() if each.link is None and each.look_at <= now]
        if not due:
            return
        free = self._free()
        for place, launch in enumerate(due):
            if place < free:
                self._begin(launch)
            else:
                launch.look_at = now + _LOOK_S
