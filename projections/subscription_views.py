"""What is shown of the feed and of named subscriptions, as JSON or to people. Pure."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from runlore.journal.values import RunId, Seq


class FeedView(Struct, frozen=True, kw_only=True):
    """What the feed keeps, and for whom."""

    feed_id: str
    segments: int
    bytes: int
    kept_for: list[str]
    """Subscriptions that it keeps more for than it would without them."""


class AckedView(Struct, frozen=True, kw_only=True):
    """The last record that was acked."""

    run_id: RunId
    seq: Seq


class HolderView(Struct, frozen=True, kw_only=True):
    """Who consumes a subscription, by its own word."""

    program: str
    pid: int
    host: str
    since: datetime


class SubscriptionView(Struct, frozen=True, kw_only=True):
    """A named subscription: what it gives, and how far its consumer has come."""

    schema: Literal["runlore.subscription/1"] = "runlore.subscription/1"
    subscription: str
    """Its name."""
    types: list[str] = []
    status: list[str] = []
    name: str | None = None
    """Only of runs of this name; null for all."""
    tags: list[str] = []
    created_at: datetime | None = None
    at: datetime | None = None
    """When it came to where it is."""
    cursor: str | None = None
    """Behind everything that is acked; `events --after-cursor` takes it as well."""
    acked: AckedView | None = None
    count: int = 0
    """Records acked since it was created."""
    held_by: HolderView | None = None
    """Null: nobody consumes it now."""
    reached: bool = False
    """The feed reaches back to it; if not, its next stream begins with `rewound`."""
    is_in_history: bool = False
    """It still goes through what was there before, of which `behind_bytes` says nothing."""
    behind_bytes: int | None = None
    """Of the feed, to be read yet; null where it does not reach back."""
    problem: str | None = None
    """Why its position cannot be read; what it gives is unknown then."""


class SubscriptionsView(Struct, frozen=True, kw_only=True):
    """The named subscriptions of a registry, by name."""

    schema: Literal["runlore.subscriptions/1"] = "runlore.subscriptions/1"
    items: list[SubscriptionView]


class RemovedSubscriptionView(Struct, frozen=True, kw_only=True):
    """A subscription that is no more."""

    schema: Literal["runlore.removed_subscription/1"] = "runlore.removed_subscription/1"
    subscription: str
    cursor: str | None
    """Where it stood; null if that could not be read."""
