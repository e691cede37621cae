"""What is shown of a registry and of this program, beside any run: see `schema`. Pure."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from runlore.journal.values import Durability
from runlore.projections.subscription_views import FeedView, SubscriptionView


class InfoView(Struct, frozen=True, kw_only=True):
    """Which registry this is, and how it was found."""

    schema: Literal["runlore.info/1"] = "runlore.info/1"
    version: str
    root: str
    source: Literal["option", "environment", "project", "user"]
    exists: bool
    writable: bool
    registry_id: str | None
    format: int | None
    created_at: datetime | None
    runs: int
    counts: dict[str, int]
    """Runs by status."""
    packs: int = 0
    """Files that hold journals of old runs."""
    packable: int = 0
    """Journals that `runlore pack` would move into packs."""
    durability: Durability
    """What new runs' events survive."""
    file_system: str
    network: bool
    """Locks of other machines cannot be believed on it."""
    python: str
    kernel: str
    host: str
    detail: str = ""
    """Why it does not exist, or cannot be written."""
    feed: FeedView | None = None
    """Null where there is none of this boot."""
    subscriptions: list[SubscriptionView] = []


class InitView(Struct, frozen=True, kw_only=True):
    """The registry that was made, or found."""

    schema: Literal["runlore.init/1"] = "runlore.init/1"
    root: str
    registry_id: str
    created_at: datetime
    existing: bool


class NamesView(Struct, frozen=True, kw_only=True):
    """The names of all schemas."""

    schema: Literal["runlore.names/1"] = "runlore.names/1"
    items: list[str]


class CompletionView(Struct, frozen=True, kw_only=True):
    """The completion script of a shell."""

    schema: Literal["runlore.completion/1"] = "runlore.completion/1"
    shell: Literal["bash", "zsh", "fish"]
    script: str
