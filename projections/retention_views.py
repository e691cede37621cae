"""What is shown of keeping and removing runs: see `schema`. Pure."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from runlore.journal.values import RunId, Status
from runlore.projections.retention_policy import RetentionPolicy

Done = Literal["moved", "freed", "failed"]


class PrunedView(Struct, frozen=True, kw_only=True):
    """One run that goes or stays, and why."""

    run_id: RunId
    name: str | None
    status: Status | None
    keep: bool
    code: str
    reason: str
    files: int
    bytes: int
    """Of disk."""
    at: datetime | None
    """From when on a rule takes it by its age."""
    done: Done | None = None
    """Null in a dry run, and of a run that stays."""


class TrashedView(Struct, frozen=True, kw_only=True):
    """One removed run whose bytes are still there, all of them or some."""

    run_id: RunId
    name: str | None
    state: Literal["whole", "going", "not_moved", "coming_back", "without_journal"]
    """Whole: `restore` brings it back. All else was cut short, and the next removal goes on with it."""
    rule: str | None
    removed_at: datetime | None
    """When it was decided."""
    until: datetime | None
    """From when on `prune --apply` empties it."""
    files: int
    bytes: int


class TombstoneView(Struct, frozen=True, kw_only=True):
    """The journal of a removed run that is past the age of journals."""

    run_id: RunId
    removed_at: datetime | None
    bytes: int
    done: Done | None = None


class PruneView(Struct, frozen=True, kw_only=True):
    """What the policy removes, or would."""

    schema: Literal["runlore.prune/1"] = "runlore.prune/1"
    dry_run: bool
    as_of: datetime
    has_rules: bool
    """False: nothing in `config.toml` takes a run; the trash is emptied all the same, and journals may go."""
    items: list[PrunedView]
    """Every run that still has its outputs, oldest first."""
    keep: int
    remove: int
    trash: list[TrashedView] = []
    """What is emptied from the trash."""
    journals: list[TombstoneView] = []
    """Tombstones that go as well."""
    journals_kept: dict[str, int] = {}
    """Tombstones past their age that stay, by why: packed."""
    halves: int = 0
    """Half copies among the evidence that nobody has gone on with for a day; they go, too."""
    removed_since: int = 0
    """Of a question about the past: runs of then whose outputs were removed since, so they are no items."""
    moved_bytes: int = 0
    """Moved to the trash: not free yet."""
    freed_bytes: int = 0
    wanted_bytes: int | None = None
    """What was asked for: `--free`."""
    failures: list[str] = []
    """What the disk refused; the next pruning goes on there."""


class TrashView(Struct, frozen=True, kw_only=True):
    """What is in the trash, or was."""

    schema: Literal["runlore.trash/1"] = "runlore.trash/1"
    items: list[TrashedView]
    bytes: int
    emptied: bool = False
    """These are gone now."""
    dry_run: bool = False


class RemovedRunView(Struct, frozen=True, kw_only=True):
    """A run that was removed by name, or would be, or was not."""

    run_id: RunId
    name: str | None
    files: int
    bytes: int
    done: Done | None
    already: bool = False
    """It was so before: `files` and `bytes` are what its journal tells of."""
    exit_code: int = 0
    """What the command exits with if it is the first that was refused."""
    text: str = ""
    """Why not."""


class RemoveView(Struct, frozen=True, kw_only=True):
    """What became of runs that somebody named."""

    schema: Literal["runlore.remove/1"] = "runlore.remove/1"
    items: list[RemovedRunView]
    dry_run: bool = False


class VetoView(Struct, frozen=True, kw_only=True):
    """One reason to keep the run."""

    code: str
    text: str
    hard: bool
    """`rm` does not override it."""


class RetentionRulesView(Struct, frozen=True, kw_only=True):
    """The policy, as it is understood; durations in seconds, null for no such rule."""

    keep_s: float | None
    keep_last: int | None
    max_bytes: int | None
    status: dict[str, float | None]
    """Null: for ever."""
    tags: dict[str, float | None]
    floor_s: float
    journal_s: float | None
    trash_s: float
    automatic: bool


def rules_view(policy: RetentionPolicy) -> RetentionRulesView:
    """Return a policy as it is shown."""
    return RetentionRulesView(
        keep_s=policy.keep_s,
        keep_last=policy.keep_last,
        max_bytes=policy.max_bytes,
        status=dict(policy.by_status),
        tags=dict(policy.by_tag),
        floor_s=policy.floor_s,
        journal_s=policy.journal_s,
        trash_s=policy.trash_s,
        automatic=policy.automatic,
    )


class RetainedView(Struct, frozen=True, kw_only=True):
    """Why one run stays, or by which rule it may go."""

    schema: Literal["runlore.retention/1"] = "runlore.retention/1"
    run_id: RunId
    eligible: bool
    code: str
    reason: str
    at: datetime | None
    files: int
    bytes: int
    vetoes: list[VetoView]
    rules: RetentionRulesView


class LargeRunView(Struct, frozen=True, kw_only=True):
    """A run that takes much disk."""

    run_id: RunId
    name: str | None
    status: Status | None
    bytes: int


class DfView(Struct, frozen=True, kw_only=True):
    """Bytes of disk under the root, by what they are."""

    schema: Literal["runlore.df/1"] = "runlore.df/1"
    root: str
    transcripts: int
    artifacts: int
    other_run_files: int
    journals: int
    packs: int
    blobs: int
    evidence: int
    trash: int
    quarantine: int
    derived: int
    """Feed and index: they may be deleted."""
    total: int
    free: int
    """On the file system, for this user."""
    largest: list[LargeRunView]
    next: str | None
    """A command that frees some of it."""
