"""What is shown of many runs at once, by `ps` and `ls`: see `schema`. Pure."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from runlore.projections.run_view import RunView


class PsView(Struct, frozen=True, kw_only=True):
    """Runs, newest first."""

    schema: Literal["runlore.ps/1"] = "runlore.ps/1"
    as_of: datetime
    items: list[RunView]
    counts: dict[str, int]
    """Runs that match, by status, whether shown or not; `unreadable` for those without one."""
    damaged: int = 0
    """How many of them have a `problem`."""
    truncated: bool = False
    """More runs match than are shown."""
    next: str | None = None
    """Where the next page begins: `--after-cursor`."""


class PsRecord(PsView, frozen=True, kw_only=True, tag_field="type", tag="ps"):
    """The same in a stream, `ps --watch --json`: once at first, and again whenever something changed."""
