"""Named subscriptions: made, consumed with acks, moved and removed; the one implementation for all doors."""

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, cast

from runlore import live
from runlore.journal import positions
from runlore.journal.errors import BrokenPosition, Conflict, NotFound
from runlore.journal.position import Choice, Position, check_name
from runlore.journal.position_lock import PositionLock
from runlore.projections.subscription_views import SubscriptionView
from runlore.runtimes.registry import Registry
from runlore.runtimes.subscription_views import subscription_view
from runlore.watcher.durable import (
    MAX_UNACKED,
    Consumption,
    DurableRecords,
    DurableSubscription,
)
from runlore.watcher.standing import place
from runlore.watcher.wanted import Wanted

if TYPE_CHECKING:
    from runlore.watcher.durable_aio import AsyncDurableRecords


class NamedSubscription:
    """A subscription that is remembered under a name; within `with` or `async with` it is a stream.

    The stream goes on behind the last ack of whoever consumed it last, and nobody else consumes it
    meanwhile. What is not acked comes again.

    Raises, on entering:
        NotFound: it was not created. Busy: somebody else consumes it; the message says who.
        BrokenPosition: its position is damaged. NotPermitted, JournalIO: it cannot be written.
    """

    def __init__(
        self, registry: Registry, name: str, *, max_unacked: int = MAX_UNACKED, follow: bool = True
    ) -> None:
        self.name: Final = check_name(name)
        self._registry = registry
        consumption = Consumption(name=name, by=registry.by, max_unacked=max_unacked, follow=follow)
        self._stream = DurableSubscription(
            registry.disk, registry.layout, consumption, registry.require_writable, self._wanted
        )

    def __repr__(self) -> str:
        return f"<runlore.NamedSubscription {self.name}>"

    def __enter__(self) -> DurableRecords:
        return self._stream.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.__exit__(kind, error, trace)

    async def __aenter__(self) -> "AsyncDurableRecords":
        return await self._stream.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stream.__aexit__(kind, error, trace)

    def create(
        self,
        *,
        begin: str = "now",
        types: str | Iterable[str] = (),
        status: str | Iterable[str] = (),
        name: str | None = None,
        tags: Iterable[str] | Mapping[str, str] = (),
    ) -> Self:
        """Return this, once it is on record.

        begin: `now` gives what happens from now on, `start` everything there is as well, a cursor what
        follows it. types, status, name, tags: see `Registry.subscribe`; name is the name of runs.

        Raises:
            Conflict: there is one of that name. BadInput: something of this is none of what it could be.
            NotPermitted, JournalIO: it cannot be written.
        """
        choice = _choice(types, status, name, tags)
        self._check(choice)
        with self._locked() as lock:
            if self._exists():
                raise Conflict(
                    f"there is a subscription {self.name} already; `runlore subscriptions show {self.name}` "
                    f"shows it, `runlore subscriptions reset {self.name}` lets it begin anew"
                )
            try:
                self._store(choice, begin)
            except BaseException:
                if not self._exists():
                    lock.remove()
                raise
        return self

    def reset(self, to: str = "start") -> SubscriptionView:
        """Return what is known of it, once its next stream begins elsewhere: at `start`, `now`, or a cursor.

        Of one whose position is damaged nobody knows what it was to give, so it gives everything then.

        Raises:
            NotFound: there is none of that name. Busy: somebody consumes it.
            BadInput: that is no place. NotPermitted, JournalIO: it cannot be written.
        """
        self._require()  # no lock is made for what is not there
        with self._locked():
            before = self._require()
            self._store(before.choice if before else Choice(), to, before)
        return self.view()

    def remove(self) -> SubscriptionView:
        """Return what was known of it, once it is no more.

        Raises:
            NotFound: there is none of that name. Busy: somebody consumes it.
            NotPermitted, JournalIO: it cannot be removed.
        """
        view = self.view()
        with self._locked() as lock:
            positions.remove(self._registry.disk, self._registry.layout, self.name)
            lock.remove()
        return view

    def view(self) -> SubscriptionView:
        """Return what is known of it.

        Raises:
            NotFound: there is none of that name.
        """
        return subscription_view(self._registry.disk, self._registry.layout, self.name)

    def _locked(self) -> PositionLock:
        registry = self._registry
        registry.require_writable()
        return PositionLock.take(registry.disk, registry.layout, self.name, registry.by)

    def _exists(self) -> bool:
        try:
            self._require()
        except NotFound:
            return False
        return True

    def _require(self) -> Position | None:
        """Return its position; None if that is damaged."""
        try:
            return positions.load(self._registry.disk, self._registry.layout, self.name)
        except BrokenPosition:
            return None

    def _store(self, choice: Choice, at: str, before: Position | None = None) -> None:
        """Stand at a place, as if nothing had been acked yet."""
        registry = self._registry
        live.see_to_feed(registry)
        cursor, told = place(registry.disk, registry.layout, at=at)
        now = registry.disk.now()
        position = Position(
            name=self.name,
            created_at=before.created_at if before else now,
            choice=choice,
            cursor=cursor,
            feed=told.position,
            is_in_history=told.history is not None,
            at=now,
            count=before.count if before else 0,
        )
        positions.store(registry.disk, registry.layout, position)

    def _check(self, choice: Choice) -> Wanted:
        return live.wanted_of(
            self._registry, types=choice.types, status=choice.status, name=choice.name, tags=choice.tags
        )

    def _wanted(self, choice: Choice) -> Wanted:
        """Return what a stream is to hand out, with a feed to find its place in again."""
        live.see_to_feed(self._registry)
        return self._check(choice)


def _choice(
    types: str | Iterable[str],
    status: str | Iterable[str],
    name: str | None,
    tags: Iterable[str] | Mapping[str, str],
) -> Choice:
    if isinstance(tags, Mapping):
        tags = [f"{key}={value}" for key, value in cast("Mapping[str, str]", tags).items()]
    return Choice(
        types=(types,) if isinstance(types, str) else tuple(types),
        status=(status,) if isinstance(status, str) else tuple(status),
        name=name,
        tags=tuple(tags),
    )
