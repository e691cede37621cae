"""What is shown of promoting outputs: see `views`. Pure."""

from typing import Literal

from msgspec import Struct

from runlore.journal.values import RunId
from runlore.projections.views import RefusedView

Promoting = Literal["promoted", "already", "mended"]
"""Mended: it was evidence already, and its bytes were missing there, or damaged."""


class PromotedItem(Struct, frozen=True, kw_only=True):
    """One output that is evidence, or was to become it."""

    path: str
    bytes: int
    sha256: str
    done: Promoting | None
    """Null in a dry run, if it is not evidence yet."""


class RunPromotedView(Struct, frozen=True, kw_only=True):
    """What of one run is evidence now, or would be."""

    run_id: RunId
    items: list[PromotedItem]
    """Of the outputs that were meant, by path; not those that could not be promoted."""
    bytes: int


class PromoteView(Struct, frozen=True, kw_only=True):
    """What was promoted, run by run."""

    schema: Literal["runlore.promote/1"] = "runlore.promote/1"
    dry_run: bool
    items: list[RunPromotedView]
    refused: list[RefusedView] = []
    """What could not be promoted, and why; the rest was all the same."""
