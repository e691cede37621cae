"""A named subscription in the hands of its consumer: at least once, from where the last ack was.

A record goes out only when its journal is on the disk. What is not acked comes again, to whoever consumes
next; the position moves with an ack, or when there is nothing to be acked. Decision:
docs/explanation/decisions/0031-a-named-subscription-moves-by-acks.md
"""

import math
import os
import select
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from runlore.journal import positions
from runlore.journal.disk import Disk
from runlore.journal.errors import BadInput, BrokenPosition, Conflict, RunloreError
from runlore.journal.layout import Layout
from runlore.journal.position import Acked, Choice, Position
from runlore.journal.position_lock import PositionLock
from runlore.journal.scan import Record
from runlore.journal.values import Actor, RunId
from runlore.watcher import cursor
from runlore.watcher.census import spot_at
from runlore.watcher.cursor import Spot
from runlore.watcher.follower import Follower
from runlore.watcher.looks import Looks
from runlore.watcher.nudges import Nudge
from runlore.watcher.standing import Standing
from runlore.watcher.steps import Told
from runlore.watcher.stream import OfStream, Records, Stream, Terms
from runlore.watcher.subscription import Asked, Subscription, begin, registry_id
from runlore.watcher.syncing import Syncing
from runlore.watcher.wanted import Wanted
from runlore.watcher.window import Window

if TYPE_CHECKING:
    from runlore.watcher.durable_aio import AsyncDurableRecords

MAX_UNACKED: Final = 1000
"""Records that may be out without an ack."""
_READING_BYTES: Final = 4
_LONGEST_S: Final = 1.0


class DurableStream(Stream):
    """A stream that remembers what it handed out until that is acked."""

    def __init__(
        self,
        follower: Follower,
        terms: Terms,
        nudge: Nudge | None,
        *,
        standing: Standing,
        most: int,
    ) -> None:
        super().__init__(follower, terms, nudge, None)
        self._standing = standing
        self.window: Final[Window] = Window(os.urandom(_READING_BYTES).hex(), most)
        self._is_between = False
        """A record may have left the follower and not have come to the window yet: Ctrl-C hits anywhere."""
        self._owes_repeats = False
        """It was said that records may come again, and they have not all come: the next is to be told too."""

    @property
    def position(self) -> Position:
        """Where the subscription stands on the disk."""
        return self._standing.position

    def take(self) -> Record | Told | None:
        """Return the next of what was prepared; None if there is no more: `step`.

        Raises:
            Conflict: as many records are out as may be without an ack; or it was interrupted so that one
                may be out of which nobody knows.
        """
        self._require_whole()
        if self.window.is_full:
            raise Conflict(
                f"{self.window.most:,} records of subscription {self.position.name} are out and not one of "
                "them is acked; ack them, or allow for more"
            )
        self._is_between = True
        item = super().take()
        if isinstance(item, Record):
            self.window.add(item, self.cursor)
        elif item is not None and item.type == "rewound":
            self._owes_repeats = True
        self._is_between = False
        return item

    def step(self) -> bool:
        """Prepare more; say whether there may be some, or the stream is over, without waiting."""
        self._require_whole()
        more = super().step()
        if not more and not self.window.unacked:
            self._standing.move(self.cursor, far_only=True)
            self._owes_repeats = False
        return more

    def _require_whole(self) -> None:
        if self._is_between:
            raise Conflict(
                f"reading subscription {self.position.name} was interrupted in the middle of a record; "
                "consume it again, from the last ack on"
            )

    def ack(self, number: int) -> None:
        """Note, durably, that all records up to a number are dealt with; once more is no matter.

        Raises:
            Conflict, JournalIO: that could not be written down; they will come again.
        """
        delivery = self.window.through(number)
        if delivery is not None:
            count = number - self.window.handed_out + self.window.unacked
            self._standing.acked(delivery.record, delivery.cursor, count)
            self.window.drop_through(number)
            self._owes_repeats = False

    def close(self) -> None:
        """Let go of everything; what was not acked will come again."""
        try:
            if not (self.window.unacked or self._is_between or self._owes_repeats):
                with suppress(RunloreError, RuntimeError):  # nothing is lost by it: it stands where it stood
                    self._standing.move(self.cursor, far_only=False)
        finally:
            try:
                super().close()
            finally:
                self._standing.close()


class OfDurable(OfStream):
    """What can be asked of a named subscription's stream besides what any stream tells."""

    def __init__(self, stream: DurableStream) -> None:
        super().__init__(stream)
        self._durable = stream

    @property
    def unacked(self) -> int:
        """How many records are out without an ack."""
        return self._durable.window.unacked

    @property
    def is_full(self) -> bool:
        """As many records are out as may be without an ack; asking for more is an error."""
        return self._durable.window.is_full

    @property
    def position(self) -> Position:
        """Where the subscription stands: behind the last ack."""
        return self._durable.position

    def _number(self, record: Record | None) -> int:
        window = self._durable.window
        return window.handed_out if record is None else window.number_of(record)


class DurableRecords(OfDurable, Records):
    """Records of a named subscription, for `for`; `ack` what is dealt with. Not for several threads."""

    def ack(self, record: Record | None = None) -> None:
        """Return once it is written down that this record and all before it are dealt with.

        Without a record: all that were handed out. What is not acked comes again next time. Acking
        twice, or one before the last that was acked, changes nothing.

        Raises:
            BadInput: this record was not handed out here. Conflict, JournalIO: it was not written down.
        """
        self._durable.ack(self._number(record))

    # -- for whoever waits for acks as well

    def token(self) -> str:
        """Return what acks the record that came out last, and all before it."""
        return self._durable.window.token()

    def number(self, token: str) -> int:
        """Return the number that a token means.

        Raises:
            BadInput: it means none of this reading.
        """
        return self._durable.window.number(token)

    def ack_number(self, number: int) -> None:
        """Do what `ack` does, for the record of a number."""
        self._durable.ack(number)

    def next_now(self) -> Record | Told | None:
        """Return what `next_item` returns, without waiting; None also while as many are out as may be."""
        stream = self._durable
        while not stream.reason and not stream.window.is_full:
            item = stream.take()
            if item is not None:
                return item
            if not stream.step():
                break
        return None

    def wait(self, *descriptors: int, at_once: bool = False) -> list[int]:
        """Return once there may be more to come, or one of these is readable; return those that are.

        While nothing may come, because nothing is acked or the stream is over, only they end the wait;
        a second is the longest. at_once: only see whether they are readable.
        """
        stream, poll = self._durable, select.poll()
        pause = 0.0 if at_once else _LONGEST_S
        for fd in descriptors:
            poll.register(fd, select.POLLIN)
        if not stream.reason and not stream.window.is_full:
            poll.register(stream.fileno(), select.POLLIN)
            pause = min(pause, stream.pause_s())
        ready = [fd for fd, _event in poll.poll(math.ceil(pause * 1000))]
        stream.woken(0)
        return [fd for fd in ready if fd in descriptors]


class Consumption(Struct, frozen=True, kw_only=True):
    """What a consumer asks for beside the name."""

    name: str
    by: Actor
    max_unacked: int = MAX_UNACKED
    follow: bool = True


class DurableSubscription(Subscription):
    """A named subscription, within `with` or `async with`, whose stream goes on behind the last ack.

    allow: raises where this registry may not be written. wanted: makes of the choice on record what the
    stream is to hand out; it may see to a feed.

    Raises, on entering:
        NotFound: no subscription of that name. Busy: somebody else consumes it. BrokenPosition: what it
        has seen cannot be read. NotPermitted, BadInput, JournalIO: as the message says.
    """

    def __init__(
        self,
        disk: Disk,
        layout: Layout,
        consumption: Consumption,
        allow: Callable[[], None],
        wanted: Callable[[Choice], Wanted],
    ) -> None:
        super().__init__(disk, layout, Asked, lambda _asked: None)
        self._consumption, self._allow, self._wanted = consumption, allow, wanted

    def __enter__(self) -> DurableRecords:
        stream = self._stream = self._begun()
        return DurableRecords(stream)

    async def __aenter__(self) -> "AsyncDurableRecords":
        from runlore.watcher.durable_aio import AsyncDurableRecords  # noqa: PLC0415 - only for such programs

        await super().__aenter__()
        stream = self._stream
        assert isinstance(stream, DurableStream)  # noqa: S101 - what _begun returns
        return AsyncDurableRecords(stream)

    def _begun(self) -> DurableStream:
        if self._stream is not None:
            raise RuntimeError("this subscription is being consumed already; one consumer at a time")
        asked = self._consumption
        if asked.max_unacked < 1:
            raise BadInput(f"at most {asked.max_unacked} records without an ack: at least 1")
        disk, layout = self._disk, self._layout
        positions.load(disk, layout, asked.name)  # no lock is made for what is not there
        self._allow()
        lock = PositionLock.take(disk, layout, asked.name, asked.by)
        try:
            position = positions.load(disk, layout, asked.name)
            standing = _standing(disk, layout, lock, position)
            terms = Asked(wanted=self._wanted(position.choice), after=position.cursor, follow=asked.follow)
            return begin(
                disk,
                layout,
                terms,
                lambda follower, nudge: DurableStream(
                    follower, terms, nudge, standing=standing, most=asked.max_unacked
                ),
                sync=Syncing(disk, layout),
                doubt=_doubt(disk, layout, position.acked),
            )
        except BaseException:
            lock.release()
            raise


def _standing(disk: Disk, layout: Layout, lock: PositionLock, position: Position) -> Standing:
    """Return where the subscription stands.

    Raises:
        BrokenPosition: that is no place in this registry.
    """
    registry = registry_id(disk, layout)
    try:
        cursor.decode(position.cursor, registry)
    except BadInput as error:
        why, _, _ = str(error).partition(";")
        raise BrokenPosition(layout.position(position.name), position.name, why) from None
    return Standing(disk, layout, lock, position, registry)


def _doubt(disk: Disk, layout: Layout, acked: Acked | None) -> tuple[RunId, str] | None:
    """Return the run whose last acked record is not in its journal any more, and what to say of it."""
    if acked is None or Looks(disk, layout).file(acked.run_id) is None:
        return None
    if spot_at(disk, layout, acked.run_id, acked.end) == Spot(acked.seq, acked.end, acked.h):
        return None
    return (
        acked.run_id,
        f"run {acked.run_id}: the record that was acked last, seq {acked.seq}, is not there any more",
    )
