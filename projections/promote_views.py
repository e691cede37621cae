"""What is shown of promoting outputs: see `schema`. Pure."""

from typing import Literal

from msgspec import Struct

from runlore.journal.values import RunId
from runlore.projections.acting_views import RefusedView

Promoting = Literal["promoted", "already", "mended"]
"""Mended: it was evidence already, and its bytes were missing there, or damaged."""


class PromotionView(Struct, frozen=True, kw_only=True):
    """One output that is evidence, or would be."""

    run_id: RunId
    path: str
    bytes: int
    sha256: str
    done: Promoting | None
    """Null in a dry run, if it is not evidence yet."""


class PromoteView(Struct, frozen=True, kw_only=True):
    """The outputs that are evidence now, run by run and by path; not those that could not be promoted."""

    schema: Literal["runlore.promote/1"] = "runlore.promote/1"
    dry_run: bool
    items: list[PromotionView]
    refused: list[RefusedView] = []
    """What could not be promoted, and why; the rest was all the same."""
