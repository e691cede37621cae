"""The run view: what `show --json` prints, what `ps --json` lists, and what HTTP will answer.

Fields only ever get added; every field is always there, null until something is known. Times are RFC
3339 UTC, durations seconds, sizes bytes. Pure.
"""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from runlore.journal.values import Actor, Durability, Head, ReasonCode, RunId, Status

ShownHealth = Literal["live", "stalled", "unsupervised", "lost", "unknown"]


class ActorView(Struct, frozen=True, kw_only=True):
    """Who did it."""

    user: str
    host: str
    pid: int | None
    program: str


class ReasonView(Struct, frozen=True, kw_only=True):
    """Why the run ended as it did: a code for programs, a sentence for people."""

    code: ReasonCode
    text: str
    by: ActorView | None


class HandleView(Struct, frozen=True, kw_only=True):
    """How the runtime finds its command; a pid is no identity, so never signal it."""

    runtime: str
    pid: int | None
    wrapper_pid: int | None
    target: str | None


class OwnerView(Struct, frozen=True, kw_only=True):
    """The last process known to have held the owner lock."""

    host: str
    pid: int
    user: str
    version: str


class GitView(Struct, frozen=True, kw_only=True):
    """The state of the code, as another tool told it."""

    commit: str
    branch: str | None
    dirty: bool
    patch_sha256: str | None


class OriginView(Struct, frozen=True, kw_only=True):
    """Where the run comes from."""

    kind: str
    run_id: str | None
    external_id: str | None
    source: str | None = None
    """The tool that an imported run comes from."""
    imported_at: datetime | None = None
    host: str | None = None
    """The machine that an imported run ran on."""
    git: GitView | None = None


class PreviewView(Struct, frozen=True, kw_only=True):
    """The preview's lease."""

    state: str
    url: str | None
    lease_until: datetime | None
    detail: str


class ProgressView(Struct, frozen=True, kw_only=True):
    """What the workload said last."""

    at: datetime
    fraction: float | None
    message: str
    step: str
    metrics: dict[str, float]


class ResourcesView(Struct, frozen=True, kw_only=True):
    """What the command used, and all of its tree that somebody had waited for when it ended."""

    cpu_s: float
    max_rss_bytes: int


class ArtifactsView(Struct, frozen=True, kw_only=True):
    """The stored outputs."""

    count: int
    bytes: int
    bundle: str | None = None
    manifest: str | None = None


class TranscriptView(Struct, frozen=True, kw_only=True):
    """The captured output; null where only the transcript itself could tell and nobody looked."""

    ref: str
    bytes: int | None = None
    lines: int | None = None
    dropped: int | None = None


class RemovalView(Struct, frozen=True, kw_only=True):
    """That the run's outputs were removed, or are in the trash; its journal stays as a tombstone."""

    at: datetime
    """When it was decided."""
    rule: str
    detail: str
    by: ActorView | None
    removed_at: datetime | None
    """When the bytes were gone for good; null if nobody has recorded that."""
    files: int
    bytes: int
    can_return: bool | None = None
    """Whether `restore` can bring them back; null where nobody looked for them."""


class EvidenceView(Struct, frozen=True, kw_only=True):
    """How many outputs were promoted; of the last one when, by whom and why."""

    outputs: int
    at: datetime
    by: ActorView | None
    why: str


class AcceptanceView(Struct, frozen=True, kw_only=True):
    """When the run's outcome was accepted, by whom and why."""

    at: datetime
    by: ActorView | None
    why: str


class RetentionView(Struct, frozen=True, kw_only=True):
    """Whether cleanup may take the run; null where nobody looked."""

    eligible: bool | None = None
    at: datetime | None = None
    """From when on a rule takes it by its age; null if none does."""
    reason: str | None = None
    """Why it is kept, or by which rule it may go."""
    pinned: bool = False
    promoted: bool = False
    accepted: bool = False
    evidence: EvidenceView | None = None
    acceptance: AcceptanceView | None = None
    removal: RemovalView | None = None


class SecretsView(Struct, frozen=True, kw_only=True):
    """The variables that were known to hold secrets when an owner took the run; never their values."""

    masked: list[str]
    """Their values are masked wherever they would be recorded."""
    unmasked: dict[str, str]
    """Their values are not masked, and why."""
    output_kept: bool
    """False: the values went with the run's keeper, so output was counted and not kept from then on."""


class StopView(Struct, frozen=True, kw_only=True):
    """The first request to stop; not a status."""

    at: datetime
    reason: str
    force: bool
    by: ActorView | None


class ObservationView(Struct, frozen=True, kw_only=True):
    """What a reconciler saw before it wrote the final event."""

    at: datetime
    owner: str
    command: str
    exit_record: bool
    boot_changed: bool
    detail: str


class SeenView(Struct, frozen=True, kw_only=True):
    """What the health of a run that has not ended rests on: one look, just now."""

    at: datetime
    owner: Literal["held", "free", "unverifiable"]
    """The owner lock, as the kernel told it."""
    command: Literal["alive", "gone", "unverifiable"] | None
    """Null where an owner lives: then nobody had to look."""
    heartbeat_age_s: float | None
    """On the monotonic clock; null if there is none of this boot."""
    text: str
    """The same as a sentence."""


class Problem(Struct, frozen=True, kw_only=True):
    """Why a journal cannot be read to its end; what is shown is what stands before that."""

    kind: Literal["damaged", "unreadable"]
    detail: str
    seq: int | None = None
    offset: int | None = None


class RunView(Struct, frozen=True, kw_only=True):
    """One run, as shown to a person or a program."""

    schema: Literal["runlore.run/1"] = "runlore.run/1"
    run_id: RunId
    short_id: str
    name: str | None
    status: Status | None
    """Null only beside a `problem`."""
    provisional: bool
    """Nobody has written this outcome down yet; `runlore reconcile` does."""
    health: ShownHealth | None
    """Null once the run has ended, while it waits in a queue, and where nobody looked."""
    reason: ReasonView | None
    exit_code: int | None
    signal: int | None
    created_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    duration_s: float | None
    last_activity_at: datetime | None
    runtime: str | None
    handle: HandleView | None
    owner: OwnerView | None
    command: str | None
    cwd: str | None
    tags: dict[str, str]
    metadata: dict[str, object]
    key: str | None
    origin: OriginView | None
    parent: str | None
    attempt: int | None
    preview: PreviewView | None
    progress: ProgressView | None
    result: object
    """The workload's result document; null until the run has ended."""
    resources: ResourcesView | None
    artifacts: ArtifactsView | None
    transcript: TranscriptView | None
    retention: RetentionView
    rerun: str | None
    """A command that runs it again; what was redacted in it has to be filled in."""
    seq: int
    journal_head: Head | None
    owner_epoch: int
    sealed: bool
    compatibility: Literal["newer_format", "no_manifest"] | None
    """no_manifest: imported from files that nobody described, so that how it ended is not known."""
    durability: Durability
    stop: StopView | None
    observation: ObservationView | None
    seen: SeenView | None = None
    """What `health`, or an end that nobody has written down yet, rests on; null without either."""
    secrets: SecretsView | None = None
    """Null before the run booted, and where there were none."""
    paused: bool = False
    """Its command is stopped by a signal, as `runlore pause` does it; not a status."""
    problem: Problem | None


def actor_view(actor: Actor | None) -> ActorView | None:
    """Return who it was, as shown."""
    if actor is None:
        return None
    return ActorView(user=actor.user, host=actor.host, pid=actor.pid or None, program=actor.program)
