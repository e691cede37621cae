"""What is shown of waiting for runs: see `schema`. Pure."""

from typing import Literal

from msgspec import Struct

from runlore.journal.values import RunId
from runlore.projections.awaiting import Awaited, Verdict
from runlore.projections.run_view import RunView


class WaitView(Struct, frozen=True, kw_only=True):
    """What was waited for."""

    schema: Literal["runlore.wait/1"] = "runlore.wait/1"
    items: list[RunView]
    counts: dict[str, int]
    timed_out: bool = False
    awaited: Awaited = "terminal"
    """What was waited for: a status, `ready`, or `terminal`, which is any end."""
    verdicts: dict[RunId, Verdict] = {}
    """For each run: it was there, it never will be, or that cannot be told yet."""
