"""The registry that programs get: everything `runtimes` knows of runs, and live streams of what happens."""

import os
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from runlore.runtimes import registry as base

if TYPE_CHECKING:
    from runlore.named import NamedSubscription
    from runlore.projections.subscription_views import SubscriptionView
    from runlore.runtimes.run import Run
    from runlore.watcher.stream import Slow
    from runlore.watcher.subscription import Subscription


class Registry(base.Registry):
    """The runs under one root. Holds nothing open; may be shared by threads and kept for ever.

    writable: False refuses every act that would write, whatever the file system allows.
    """

    def subscribe(
        self,
        *,
        after: str | None = None,
        types: str | Iterable[str] = (),
        runs: "Iterable[str | Run] | None" = None,
        status: str | Iterable[str] = (),
        name: str | None = None,
        tags: Iterable[str] | Mapping[str, str] = (),
        since: str | datetime | None = None,
        until: str | datetime | None = None,
        history: bool | None = None,
        slow: "Slow | None" = None,
        buffer: int = 1000,
    ) -> "Subscription":
        """Return what is a live stream of records within `with` or `async with`, in one order over all runs.

        async with registry.subscribe(types={"run.failed"}) as records:
            async for record in records: ...

        after: the cursor of an earlier stream: goes on behind it, with every record once while the feed
        reaches back so far; else everything comes again, and `rewound` counts that. Without a cursor it
        begins with what happens from now on; history: with everything there is (as with `since`).
        types: event types or patterns such as "run.*". runs: only these, as runs or selectors. status,
        name, tags: only records of runs that were so once the record had happened. slow, buffer:
        `Slow.DISCONNECT` ends a stream that is more than so many records behind.

        Raises:
            BadInput: something of this is none of what it could be. On entering also, for the cursor, and
            NotFound: no such run.
        """
        from runlore import live  # noqa: PLC0415 - few need it

        return live.subscribe(
            self,
            after=after,
            types=types,
            runs=runs,
            status=status,
            name=name,
            tags=tags,
            since=since,
            until=until,
            history=history,
            slow=slow,
            buffer=buffer,
        )

    def follow(
        self,
        run: "str | Run",
        *,
        after: str | None = None,
        last: int | None = None,
        types: str | Iterable[str] = (),
    ) -> "Subscription":
        """Return what is, within `with` or `async with`, a stream of one run's records that ends with it.

        From its first record on, behind a cursor, or with only so many of the `last` records of what is
        there; the run's last records are in it, and its `reason` says why it ended. A run whose owner died
        has ended, too.

        Raises:
            BadInput: a type is none, or `last` is no number from 0 on or goes with a cursor. On entering
            also, for the cursor, and NotFound, Ambiguous: no such run, or several.
        """
        from runlore import live  # noqa: PLC0415 - few need it

        return live.follow(self, run, after=after, last=last, types=types)

    def subscription(self, name: str, *, max_unacked: int = 1000, follow: bool = True) -> "NamedSubscription":
        """Return the subscription of this name, whether or not it was created yet.

        registry.subscription("mail").create(types="run.failed")
        with registry.subscription("mail") as records:
            for record in records:
                send(record)
                records.ack()

        Within `with` or `async with` it is a stream that goes on behind the last ack, whoever made it: at
        least once, one consumer at a time. max_unacked: so many records may be out without an ack; asking
        for more is a Conflict. follow: False ends the stream when everything there is came out.

        Raises:
            BadInput: no subscription may have this name.
        """
        from runlore.named import NamedSubscription  # noqa: PLC0415 - few need it

        return NamedSubscription(self, name, max_unacked=max_unacked, follow=follow)

    def subscriptions(self) -> "list[SubscriptionView]":
        """Return what is known of each named subscription, by name.

        Raises:
            JournalIO: they cannot be listed.
        """
        from runlore.runtimes.subscription_views import subscription_views  # noqa: PLC0415 - few need it

        return subscription_views(self.disk, self.layout)


def open_registry(root: str | os.PathLike[str] | None = None, *, create: bool = True) -> Registry:
    """Return the registry at `root`, or the one that the command line would use: see `Registry.open`."""
    return Registry.open(root, create=create)
