"""What `verify`, `heads`, `doctor` and `repair` show of how sound a registry is: see `schema`. Pure."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from runlore.journal.values import Head, Offset, RunId, Seq, Status
from runlore.projections.findings import Finding


class FindingView(Struct, frozen=True, kw_only=True):
    """One thing that is wrong with a journal."""

    kind: str
    seq: Seq
    offset: Offset
    detail: str


class VerificationView(Struct, frozen=True, kw_only=True):
    """What verify found in one journal."""

    run_id: RunId
    integrity: Literal["sealed", "unsealed", "redacted", "damaged", "anchor_mismatch"]
    records: int
    journal_head: Head | None
    findings: list[FindingView]
    status: Status | None = None
    untold: int = 0
    """Findings beyond those, which are counted and not listed."""


class VerifyView(Struct, frozen=True, kw_only=True):
    """What verify found."""

    schema: Literal["runlore.verify/1"] = "runlore.verify/1"
    items: list[VerificationView]
    counts: dict[str, int]


class HeadView(Struct, frozen=True, kw_only=True):
    """Names the whole history of one run, up to a position."""

    run_id: RunId
    seq: Seq
    journal_head: Head
    sealed: bool


class HeadsView(Struct, frozen=True, kw_only=True):
    """Anchors to keep elsewhere: `runlore verify --heads FILE` compares with them."""

    schema: Literal["runlore.heads/1"] = "runlore.heads/1"
    as_of: datetime
    registry_id: str
    items: list[HeadView]


class DoctorView(Struct, frozen=True, kw_only=True):
    """What is wrong, the gravest first; nothing was changed."""

    schema: Literal["runlore.doctor/1"] = "runlore.doctor/1"
    root: str
    items: list[Finding]
    counts: dict[str, int]
    """Findings by severity."""


class RepairView(Struct, frozen=True, kw_only=True):
    """What repair cut out of a journal, or would."""

    schema: Literal["runlore.repair/1"] = "runlore.repair/1"
    run_id: RunId
    applied: bool
    cause: Literal["crash_tail", "sync_failed", "corruption"] | None
    """Null: there is nothing to repair."""
    offset: Offset
    bytes: int
    records_kept: int
    quarantine: str | None
    detail: str
