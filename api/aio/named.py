"""A named subscription for asynchronous programs."""

from collections.abc import Iterable, Mapping
from functools import partial
from types import TracebackType
from typing import Final, Self

from runlore.aio.threads import act, ask
from runlore.named import NamedSubscription
from runlore.projections.subscription_views import SubscriptionView
from runlore.watcher.durable_aio import AsyncDurableRecords


class AsyncNamedSubscription:
    """A subscription that is remembered under a name; `sync` is the one behind it."""

    def __init__(self, subscription: NamedSubscription) -> None:
        self.sync: Final = subscription
        self.name: Final = subscription.name

    def __repr__(self) -> str:
        return f"<runlore.AsyncNamedSubscription {self.name}>"

    async def __aenter__(self) -> AsyncDurableRecords:
        return await self.sync.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.sync.__aexit__(kind, error, trace)

    async def create(
        self,
        *,
        begin: str = "now",
        types: str | Iterable[str] = (),
        status: str | Iterable[str] = (),
        name: str | None = None,
        tags: Iterable[str] | Mapping[str, str] = (),
    ) -> Self:
        """Return this, once it is on record: see `NamedSubscription.create`."""
        await act(partial(self.sync.create, begin=begin, types=types, status=status, name=name, tags=tags))
        return self

    async def reset(self, to: str = "start") -> SubscriptionView:
        """Return what is known of it, once it begins elsewhere: see `NamedSubscription.reset`."""
        return await act(partial(self.sync.reset, to))

    async def remove(self) -> SubscriptionView:
        """Return what was known of it, once it is no more: see `NamedSubscription.remove`."""
        return await act(self.sync.remove)

    async def view(self) -> SubscriptionView:
        """Return what is known of it: see `NamedSubscription.view`."""
        return await ask(self.sync.view)
