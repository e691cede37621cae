"""A stream of records in the hands of a program, synchronous or asynchronous; both share all but the wait.

Nothing runs beside the subscriber but the thread that nudges: what is not asked for is not read, so a
stalled subscriber costs next to nothing and no buffer grows. The feed is the buffer.
"""

import enum
import os
import select
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Final, Literal, Protocol, Self

from runlore.journal.scan import Record
from runlore.watcher.follower import Follower
from runlore.watcher.nudges import Nudge
from runlore.watcher.steps import Told

Reason = Literal["", "ended", "caught_up", "until", "slow", "closed"]
_NOTHING: Final = nullcontext()
_BYTES_A_LINE: Final = 60
"""Of the feed, about."""


class Slow(enum.Enum):
    """What happens to a subscriber that does not keep up."""

    BLOCK = "block"
    """It gets everything, however late."""
    DISCONNECT = "disconnect"
    """Its stream ends with a cursor, so that it can resume."""


class Ending(Protocol):
    """What a stream is to end with: the runs it follows."""

    def is_over(self) -> bool:
        """Say whether nothing more is to be waited for; asked before every look at the journals."""
        ...

    def descriptors(self) -> list[int]:
        """Return what becomes readable when it is time to ask again."""
        ...

    def wake(self, descriptors: list[int]) -> None:
        """Note that these became readable."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


class Terms(Protocol):
    """What was agreed on with the subscriber."""

    @property
    def follow(self) -> bool: ...
    @property
    def slow(self) -> Slow: ...
    @property
    def buffer(self) -> int: ...
    @property
    def until(self) -> datetime | None: ...


class Stream:
    """The part that needs no event loop: what is there, and what to wait on when nothing is."""

    def __init__(self, follower: Follower, terms: Terms, nudge: Nudge | None, ending: Ending | None) -> None:
        self._follower, self._terms, self._nudge, self._ending = follower, terms, nudge, ending
        self._poll = select.epoll()
        self._watched: set[int] = set()
        self._pid = os.getpid()
        self._closing: Reason = "" if terms.follow else "caught_up"
        self._rounds = 0
        self._asked_at, self._endings = 0.0, -1
        self._was_live = False
        self.reason: Reason = ""
        """Why it ended; empty while it has not."""
        self.rewound: int = 0
        """How often it was said that records may come again."""
        if nudge is not None:
            self._poll.register(nudge.fd, select.EPOLLIN)
        if self._closing:
            follower.look()

    @property
    def cursor(self) -> str:
        """Where to resume behind the last record that came out."""
        return self._follower.cursor

    @property
    def notice(self) -> str:
        """Why the registry is looked at now and then instead of being watched; empty if it is watched."""
        return self._nudge.notice if self._nudge else ""

    def take(self) -> Record | Told | None:
        """Return the next of what was prepared; None if there is no more: `step`."""
        item = self._follower.take()
        if isinstance(item, Told) and item.type == "rewound":
            self.rewound += 1
        return item

    def step(self) -> bool:
        """Prepare more; say whether there may be some, or the stream is over, without waiting."""
        if self._pid != os.getpid():
            raise RuntimeError("a stream does not go on in a forked child; subscribe again with its cursor")
        if self.reason:
            return True
        follower = self._follower
        if self._nudge is not None:
            self._nudge.clear()  # before looking: what comes while we look nudges again
        self._see_whether_it_ends()
        if self._closing and follower.rounds > self._rounds:  # all of what was there came out
            self.reason = self._closing
            return True
        if follower.pull():
            self._measure()
            return True
        self._was_live = True
        return False

    def _see_whether_it_ends(self) -> None:
        if self._closing:
            return
        now, until = time.monotonic(), self._terms.until
        if until is not None and datetime.now(until.tzinfo) >= until:
            self._close("until")
        elif self._ending is not None and (self._endings != self._follower.endings or now >= self._asked_at):
            self._endings, self._asked_at = self._follower.endings, now + _ASK_EVERY_S
            if self._ending.is_over():
                self._close("ended")
            self._watch(set(self._ending.descriptors()))

    def _close(self, reason: Reason) -> None:
        """Read once more what is there by now, then end."""
        self._closing, self._rounds = reason, self._follower.rounds
        self._follower.look()

    def _measure(self) -> None:
        """End the stream of a subscriber that lags behind what happens, if that was agreed on."""
        if self._terms.slow is not Slow.DISCONNECT or not self._was_live:
            return
        if self._follower.bytes_behind() > self._terms.buffer * _BYTES_A_LINE:
            self.reason = "slow"

    def _watch(self, descriptors: set[int]) -> None:
        for fd in self._watched - descriptors:
            try:
                self._poll.unregister(fd)
            except (OSError, ValueError):
                continue  # it was closed, and with that forgotten
        for fd in descriptors - self._watched:
            self._poll.register(fd, select.EPOLLIN)
        self._watched = descriptors

    # -- wait

    def pause_s(self) -> float:
        """Return how long to wait at most."""
        pause = self._follower.poll_in_s()
        if self._ending is not None:
            pause = min(pause, max(0.0, self._asked_at - time.monotonic()))
        if (until := self._terms.until) is not None:
            pause = min(pause, max(0.0, (until - datetime.now(until.tzinfo)).total_seconds()))
        return pause

    def fileno(self) -> int:
        """What becomes readable when something may have happened."""
        return self._poll.fileno()

    def woken(self, timeout_s: float) -> None:
        """Wait, and take notice of what woke us."""
        ready = [fd for fd, _ in self._poll.poll(timeout_s) if fd in self._watched]
        if ready and self._ending is not None:
            self._ending.wake(ready)
            self._watched.difference_update(ready)
            self._asked_at = 0.0

    def close(self) -> None:
        """Let go of everything; the cursor stays."""
        self.reason = self.reason or "closed"
        if self._ending is not None:
            self._ending.close()
        self._poll.close()
        self._follower.close()
        if self._nudge is not None:
            self._nudge.close()


_ASK_EVERY_S: Final = 0.5


class OfStream:
    """What can be asked of a stream at any time, whichever way its records come."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    @property
    def cursor(self) -> str:
        """Where to resume behind the last record that came out."""
        return self._stream.cursor

    @property
    def reason(self) -> str:
        """Why it ended: ended (the runs), caught_up, until, slow, closed; empty while it goes on."""
        return self._stream.reason

    @property
    def rewound(self) -> int:
        """How often records may have come again: the feed did not reach back, or a journal was replaced."""
        return self._stream.rewound

    @property
    def notice(self) -> str:
        """Why the registry is looked at now and then instead of being watched; empty if it is watched."""
        return self._stream.notice


class Records(OfStream):
    """Records as they come, for `for`. Not for several threads at once."""

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Record:
        while True:
            item = self.next_item()
            if isinstance(item, Record):
                return item
            if item is None:
                raise StopIteration

    def items(self, whole: AbstractContextManager[object] = _NOTHING) -> Iterator[Record | Told | None]:
        """Yield records, what the stream says about itself, and None before each wait.

        whole: entered before something is taken, and left once the next is asked for. It is never waited in.
        """
        while not self._stream.reason:
            with whole:
                item = self._stream.take()
                if item is not None:
                    yield item
                    continue
            if not self._stream.step():
                yield None
                self._stream.woken(self._stream.pause_s())

    def next_item(self) -> Record | Told | None:
        """Return the next record or what the stream says about itself; None once it is over."""
        if not self._stream.reason and (ready := self._stream.take()) is not None:
            return ready
        for item in self.items():
            if item is not None:
                return item
        return None
