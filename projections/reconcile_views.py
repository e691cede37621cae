"""What is shown of writing down how runs ended that nobody kept: see `schema`. Pure."""

from typing import Literal

from msgspec import Struct

from runlore.journal.values import RunId, Status


class ReconciledView(Struct, frozen=True, kw_only=True):
    """What was, or would be, written down for one run."""

    run_id: RunId
    status: Status
    reason: str | None
    written: bool
    detail: str


class ReconcileView(Struct, frozen=True, kw_only=True):
    """What reconcile found to write down."""

    schema: Literal["runlore.reconcile/1"] = "runlore.reconcile/1"
    items: list[ReconciledView]
    counts: dict[str, int]
    dry_run: bool = False
