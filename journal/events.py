"""The events: one frozen, keyword-only, tagged struct per fact.

The tag is written first on the line and is ours for ever. New fields have defaults; meanings never
change. Who may write an event, and when, stands in its docstring. Pure.
"""

from typing import Annotated, Final, Literal, get_args

from msgspec import Meta, Struct

from runlore.journal.values import (
    Actor,
    Count,
    Digest,
    Durability,
    ExitCode,
    Handle,
    Identity,
    Observation,
    Origin,
    Owner,
    Reason,
    Recipe,
    Retention,
    Seconds,
    SignalNumber,
    Survivor,
    Usage,
    UtcTime,
)

FORMAT: Final = 1
"""The journal format this release writes; a journal with a larger one is refused for writing."""
PROTOCOL: Final = 1
"""The hand-over protocol between keeper, wrapper and command."""

Fraction = Annotated[float, Meta(ge=0, le=1)]


class Event(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag_field="type"):
    """One immutable fact. Order is `seq`; `at` is a wall clock and may step back."""

    seq: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    at: UtcTime
    by: Actor | None = None
    epoch: Count = 0
    """Fencing number of the owner that wrote it; 0 where no owner did."""


class RunQueued(Event, frozen=True, kw_only=True, gc=False, tag="run.queued"):
    """A run exists. The first line of every journal, by whoever submits it."""

    format: Annotated[int, Meta(ge=1, le=65535)]
    """Format of the journal: the number in the title of the format page."""
    run_id: str
    registry_id: str = ""
    """The registry that minted the run id."""
    recipe: Recipe
    recipe_blob: Digest | None = None
    """Digest of the whole recipe in `blobs/`, when it does not fit a line."""
    name: str = ""
    """A label people choose; several runs may share it."""
    tags: dict[str, str] = {}
    metadata: dict[str, object] = {}
    """What the submitter wanted kept beside the run; never interpreted."""
    key: str = ""
    """Idempotency key of the submission."""
    spec: Digest | None = None
    """Digest of what makes two keyed submissions the same."""
    queue: str = ""
    """The queue it waits in; empty if it was started at once."""
    origin: Origin | None = None
    """The run or record it was made from."""
    parent: str = ""
    """Id of the run that submitted it."""
    retention: Retention | None = None
    durability: Durability = "power"
    """What an acknowledged append to this journal survives."""
    boot_id: str = ""
    """The boot it was queued in; a `process` journal outlives no other."""


class RunBooting(Event, frozen=True, kw_only=True, gc=False, tag="run.booting"):
    """An owner took the run. By that owner, holding the owner lock."""

    runtime: str
    owner: Owner
    protocol: Annotated[int, Meta(ge=1, le=65535)] = PROTOCOL
    """Version of the hand-over between keeper, wrapper and command."""
    masked: tuple[str, ...] = ()
    """Names of the variables whose values are masked wherever they would be recorded."""
    unmasked: dict[str, str] = {}
    """Names of secret variables whose values are not masked, each with why."""


class RunStarted(Event, frozen=True, kw_only=True, gc=False, tag="run.started"):
    """The command runs. By the owner, once."""

    handle: Handle


class RunReadied(Event, frozen=True, kw_only=True, gc=False, tag="run.readied"):
    """The workload says that it is ready; the first one counts.

    By anyone inside the run. The owner of a run that waits for it answers with `run.started`.
    """


class RunProgressed(Event, frozen=True, kw_only=True, gc=False, tag="run.progressed"):
    """How far the workload says it is; last wins. The only event that may lie unsynced."""

    fraction: Fraction | None = None
    message: str = ""
    step: str = ""
    metrics: dict[str, float] = {}


class RunPreviewChanged(Event, frozen=True, kw_only=True, gc=False, tag="run.preview_changed"):
    """A preview's lease changed. By the workload through its owner."""

    state: Literal["starting", "available", "released", "expired", "failed"]
    url: str = ""
    lease_until: UtcTime | None = None
    detail: str = ""


class RunCheckpointed(Event, frozen=True, kw_only=True, gc=False, tag="run.checkpointed"):
    """The workload saved something it can resume from."""

    name: str
    path: str
    sha256: Digest | None = None
    """Digest of its bytes, if the workload stated one."""


class RunResultSet(Event, frozen=True, kw_only=True, gc=False, tag="run.result_set"):
    """The workload's own result document; last wins, shown only with the final event."""

    result: object


class RunStopRequested(Event, frozen=True, kw_only=True, gc=False, tag="run.stop_requested"):
    """Somebody asked the run to stop; the first one counts. Not a status."""

    reason: str = ""
    force: bool = False
    """Do not wait for the command to end by itself."""
    grace_s: Seconds | None = None
    """Time between asking the processes and killing them."""


class RunCollecting(Event, frozen=True, kw_only=True, gc=False, tag="run.collecting"):
    """The command ended and its outputs are being collected. By the owner."""

    how: Literal["exited", "signalled", "unknown"] = "exited"
    exit_code: ExitCode | None = None
    """Of the command; null unless it exited."""
    signal: SignalNumber | None = None
    exited_at: UtcTime | None = None
    """When the command ended, by its parent's clock."""
    usage: Usage | None = None
    survivors: tuple[Survivor, ...] = ()
    """Processes of the run's tree that were still there."""
    transcript_bytes: Count = 0
    dropped_bytes: Count = 0
    """Bytes of output that could not be kept."""


class ArtifactDeclared(Event, frozen=True, kw_only=True, gc=False, tag="artifact.declared"):
    """The workload named a file that is to be collected when its command has ended."""

    path: str
    """Absolute, as the workload sees it; collected only from the run's own folders."""
    kind: str = ""
    """The role the workload gives it; empty for none in particular."""


class ArtifactCollected(Event, frozen=True, kw_only=True, gc=False, tag="artifact.collected"):
    """One declared output, stored or not. By the owner, while collecting."""

    path: str
    """Below the run's output folder or its working folder, `/` between names."""
    outcome: Literal["stored", "skipped", "oversized", "failed"] = "stored"
    sha256: Digest | None = None
    """Of the stored bytes; null if none were stored."""
    bytes: Count = 0
    """Size of what was stored, or else of the file that was found."""
    media_type: str = ""
    kind: str = ""
    """The role the submitter gave it, such as `report`."""
    redaction: str = ""
    """What was done to secrets in it."""
    reason: str = ""
    """Why it was not stored."""
    files: Count = 0
    """Of a truncation: how many files this stands for, `path` being a folder, empty for all of them."""


class Ended(Event, frozen=True, kw_only=True, gc=False):
    """What the four final events share. Exactly one of them per run, by the owner lock's holder."""

    exit_code: ExitCode | None = None
    """Of the command; null if it did not exit or nobody knows."""
    signal: SignalNumber | None = None
    reason: Reason | None = None
    ended_at: UtcTime | None = None
    """When the command ended, from the evidence; never the time of writing."""
    observation: Observation | None = None
    """Present if a reconciler wrote it: what it saw."""


class RunSucceeded(Ended, frozen=True, kw_only=True, gc=False, tag="run.succeeded"):
    """Final: exit code 0 and every declared output durable."""


class RunFailed(Ended, frozen=True, kw_only=True, gc=False, tag="run.failed"):
    """Final: it did not do what was asked; `reason.code` says why."""


class RunTimedOut(Ended, frozen=True, kw_only=True, gc=False, tag="run.timed_out"):
    """Final: stopped at a limit of time."""


class RunCancelled(Ended, frozen=True, kw_only=True, gc=False, tag="run.cancelled"):
    """Final: stopped because somebody asked."""


class RunSealed(Event, frozen=True, kw_only=True, gc=False, tag="run.sealed"):
    """Closes the history so far; written in one write with the event before it."""

    count: Count
    """Records before this one."""
    bytes: Count
    """Bytes before this record."""
    head: Digest
    """The `h` of the record before this one."""


class OwnerAdopted(Event, frozen=True, kw_only=True, gc=False, tag="owner.adopted"):
    """A new keeper took over a live command. By the new owner."""

    owner: Owner
    previous: Identity | None = None
    why: str = ""
    drops_output: bool = False
    """The secret values went with the old owner: what is printed from here on is counted, not kept."""


class RunTagged(Event, frozen=True, kw_only=True, gc=False, tag="run.tagged"):
    """Tags were set or removed. By anyone who may write."""

    tags: dict[str, str] = {}
    removed: tuple[str, ...] = ()
    """Names of tags taken away, after `tags` was applied."""


class RunNoted(Event, frozen=True, kw_only=True, gc=False, tag="run.noted"):
    """Somebody left a note for people."""

    text: str


class RunRenamed(Event, frozen=True, kw_only=True, gc=False, tag="run.renamed"):
    """The run's name changed; an empty name removes it."""

    name: str


class RunPinned(Event, frozen=True, kw_only=True, gc=False, tag="run.pinned"):
    """Keep until unpinned."""

    why: str = ""


class RunUnpinned(Event, frozen=True, kw_only=True, gc=False, tag="run.unpinned"):
    """The pin was taken away."""

    why: str = ""


class ArtifactPromoted(Event, frozen=True, kw_only=True, gc=False, tag="artifact.promoted"):
    """An output became evidence: no rule may remove it."""

    path: str
    """The artifact, as `artifact.collected` names it."""
    sha256: Digest
    bytes: Count = 0
    why: str = ""


class RunAccepted(Event, frozen=True, kw_only=True, gc=False, tag="run.accepted"):
    """Somebody accepted the run's outcome."""

    why: str = ""


class RunExpired(Event, frozen=True, kw_only=True, gc=False, tag="run.expired"):
    """Tombstone: removal was decided, by this rule, on this fold."""

    rule: str
    expected_seq: Count
    """Seq of the record before this one, which the decision rests on."""
    detail: str = ""
    files: Count = 0
    """What lay in the run's folder then."""
    bytes: Count = 0
    """Of disk, behind those files."""


class RunRemoved(Event, frozen=True, kw_only=True, gc=False, tag="run.removed"):
    """Receipt: what was removed."""

    files: Count
    bytes: Count
    detail: str = ""


class RunRestored(Event, frozen=True, kw_only=True, gc=False, tag="run.restored"):
    """The run came back from the trash."""

    detail: str = ""


class JournalRepaired(Event, frozen=True, kw_only=True, gc=False, tag="journal.repaired"):
    """Bytes were cut out of this journal and kept in quarantine."""

    cause: Literal["crash_tail", "sync_failed", "corruption"]
    offset: Count
    """Logical offset of the first byte that was cut."""
    bytes: Count
    sha256: Digest
    """Of the bytes that were cut."""
    quarantine: str = ""
    """File name below `quarantine/`; empty if nothing was cut."""


class JournalContinued(Event, frozen=True, kw_only=True, gc=False, tag="journal.continued"):
    """First line after packing: the history goes on from a packed part."""

    run_id: str
    format: Annotated[int, Meta(ge=1, le=65535)]
    head: Digest
    """The `h` of the last packed record."""
    offset: Count
    """Logical offset of this line: bytes of the packed part."""
    pack: str = ""
    """File name of the pack that holds the first part, when this was written."""


class TextRedacted(Event, frozen=True, kw_only=True, gc=False, tag="text.redacted"):
    """The one permitted rewrite: these lines had a value overwritten in place."""

    seqs: tuple[Count, ...]
    """The lines that were overwritten; all before this one."""
    what: str
    """What kind of text it was; never the text."""
    why: str = ""


class UnknownEvent(Struct, frozen=True, kw_only=True, gc=False):
    """An event of a kind this release does not know; `raw` is its whole line, so a copy loses nothing."""

    seq: int
    at: UtcTime
    type: str
    raw: bytes
    by: Actor | None = None
    epoch: int = 0


KnownEvent = (
    RunQueued
    | RunBooting
    | RunStarted
    | RunReadied
    | RunProgressed
    | RunPreviewChanged
    | RunCheckpointed
    | RunResultSet
    | RunStopRequested
    | RunCollecting
    | ArtifactDeclared
    | ArtifactCollected
    | RunSucceeded
    | RunFailed
    | RunTimedOut
    | RunCancelled
    | RunSealed
    | OwnerAdopted
    | RunTagged
    | RunNoted
    | RunRenamed
    | RunPinned
    | RunUnpinned
    | ArtifactPromoted
    | RunAccepted
    | RunExpired
    | RunRemoved
    | RunRestored
    | JournalRepaired
    | JournalContinued
    | TextRedacted
)
AnyEvent = KnownEvent | UnknownEvent
FinalEvent = RunSucceeded | RunFailed | RunTimedOut | RunCancelled

FINAL: Final[frozenset[type]] = frozenset(get_args(FinalEvent))
UNSYNCED: Final[frozenset[type]] = frozenset({RunProgressed})
"""Event classes that may lie unsynced for at most 100 ms in mode `power`."""


def _tag_of(kind: type[Struct]) -> str:
    tag = kind.__struct_config__.tag
    assert isinstance(tag, str)  # noqa: S101 - every event class states its tag; tested
    return tag


TAGS: Final[dict[str, type]] = {_tag_of(kind): kind for kind in get_args(KnownEvent)}


def tag_of(event: AnyEvent) -> str:
    """Return the event's type as it stands on the line."""
    return event.type if isinstance(event, UnknownEvent) else _tag_of(type(event))
