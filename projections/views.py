"""Everything that is shown as JSON: one struct per answer, one encoder, the same for every door.

Each answer is an object that names its schema; each record of a stream names its type. Fields only
ever get added. `runlore schema NAME` prints what is behind a name: see `schema`. Pure.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Final, Literal, cast

import msgspec
from msgspec import Struct

from runlore.journal import chain
from runlore.journal.events import UnknownEvent
from runlore.journal.scan import Record
from runlore.journal.values import Durability, Head, Offset, RunId, Seq, Status
from runlore.projections.awaiting import Awaited, Verdict
from runlore.projections.findings import Finding
from runlore.projections.index_views import IndexFindingView, IndexView, SqlView
from runlore.projections.pack_views import PackedView, PackView
from runlore.projections.present import run_view
from runlore.projections.printable import printable
from runlore.projections.retention_views import RetentionRulesView
from runlore.projections.run_view import ActorView, Problem, RunView, TranscriptView, actor_view
from runlore.projections.secret_views import (
    RedactedPlaceView,
    RedactView,
    ScanView,
    SecretFoundView,
    StillThereView,
)
from runlore.projections.subscription_views import FeedView, SubscriptionView
from runlore.projections.timeline import HistoryLine

__all__ = [
    "ActorView",
    "CompletionView",
    "ControlRecord",
    "DoctorView",
    "EmitView",
    "EventRecord",
    "FindingView",
    "HeadView",
    "HeadsView",
    "HistoryLine",
    "HistoryView",
    "IndexFindingView",
    "IndexView",
    "InfoView",
    "InitView",
    "InterventionView",
    "LineRecord",
    "NamesView",
    "PackView",
    "PackedView",
    "Problem",
    "PsRecord",
    "PsView",
    "ReconcileView",
    "ReconciledView",
    "RedactView",
    "RedactedPlaceView",
    "RepairView",
    "RunView",
    "ScanView",
    "SecretFoundView",
    "SignalView",
    "SpecView",
    "SqlView",
    "StillThereView",
    "StopView",
    "StoppedView",
    "SubmitEnd",
    "SubmitErrorView",
    "SubmitReason",
    "SubmitView",
    "SubmittedRecord",
    "TranscriptView",
    "UntouchedView",
    "VerificationView",
    "VerifyView",
    "WaitView",
    "actor_view",
    "counted",
    "encode_view",
    "event_record",
    "run_view",
    "tallied",
]


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


class SubmitView(Struct, frozen=True, kw_only=True):
    """What became of a submission."""

    schema: Literal["runlore.submit/1"] = "runlore.submit/1"
    run_id: RunId
    short_id: str
    name: str | None
    status: Status
    existing: bool = False
    """The idempotency key names a run that was submitted before; this is that run."""


class SubmitErrorView(Struct, frozen=True, kw_only=True):
    """Why a submission made no run, or why the command of its run did not start."""

    code: str
    """Such as bad_input, conflict, no_room, journal_io; or the run's own reason, such as spawn_failed."""
    text: str
    exit_code: int
    """What `run -d` would have exited with for it; 1 for a run that did not start."""


SubmitReason = Literal["done", "dry_run", "bad_input", "fail_fast", "refused", "interrupted"]


class SubmittedRecord(Struct, frozen=True, kw_only=True):
    """What became of one line that was given to `submit`; in the order of the lines."""

    type: Literal["submitted", "refused"]
    """`refused`: no run was made."""
    line: int
    """Counted from 1, empty lines included."""
    run_id: RunId | None = None
    key: str | None = None
    existing: bool = False
    """The key names a run that was submitted before; this is that run."""
    error: SubmitErrorView | None = None


class SubmitEnd(Struct, frozen=True, kw_only=True):
    """The last record of `submit`: how much was done, and why it ended there."""

    type: Literal["end"] = "end"
    reason: SubmitReason
    """`bad_input`: the file has a wrong line, so nothing was started. `refused`: by the registry itself."""
    lines: int
    """Lines that were looked at, but for empty ones."""
    started: int
    existing: int
    failed: int
    """Runs that are on record, and whose commands did not start."""
    refused: int
    untried: int | None
    """Lines of the file that were not tried; null for a stream, which was not read on."""


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


class RefusedView(Struct, frozen=True, kw_only=True):
    """A run to which what was asked could not be done, and why."""

    run_id: RunId
    exit_code: int
    """What the command exits with if it is the first of them."""
    text: str


class StoppedView(Struct, frozen=True, kw_only=True):
    """What came of asking one run to stop."""

    run_id: RunId
    status: Status
    first: bool
    """False: somebody had asked before; that request and its reason stand."""
    at: datetime | None
    reason: str
    by: ActorView | None = None


class StopView(Struct, frozen=True, kw_only=True):
    """What came of asking runs to stop."""

    schema: Literal["runlore.stop/1"] = "runlore.stop/1"
    items: list[StoppedView]
    dry_run: bool = False
    refused: list[RefusedView] = []
    """Those that could not be asked; all others were."""


class LabelledView(Struct, frozen=True, kw_only=True):
    """Runs that were labelled together, as they are now."""

    schema: Literal["runlore.labelled/1"] = "runlore.labelled/1"
    items: list[RunView]
    dry_run: bool = False
    """They are only those that would have been."""
    refused: list[RefusedView] = []
    """Those that could not be; all others were."""


class EmitView(Struct, frozen=True, kw_only=True):
    """What was said from inside a run, on record."""

    schema: Literal["runlore.emit/1"] = "runlore.emit/1"
    run_id: RunId
    seq: Seq
    type: str


class UntouchedView(Struct, frozen=True, kw_only=True):
    """A process that was left as it is."""

    pid: int
    command: str
    why: str


class InterventionView(Struct, frozen=True, kw_only=True):
    """What was done to the processes of one run."""

    run_id: RunId
    status: Status
    paused: bool
    changed: bool
    """False: nothing needed to be signalled."""
    pids: list[int]
    """The processes that were signalled; a pid is no identity, so never signal it later."""
    left: list[UntouchedView]
    """Those that belong to the run and were left alone, and why."""


class SignalView(Struct, frozen=True, kw_only=True):
    """What came of signalling runs: `signal`, `pause` and `unpause`."""

    schema: Literal["runlore.signal/1"] = "runlore.signal/1"
    signal: str
    items: list[InterventionView]


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


class SettingsProblemView(Struct, frozen=True, kw_only=True):
    """One thing that is wrong with the settings."""

    line: int | None
    """Null where it is the file itself."""
    text: str


class RedactionView(Struct, frozen=True, kw_only=True):
    """What is secret beside what registered values and names say; empty lists where nothing was set."""

    allow: list[str]
    deny: list[str]
    patterns: list[str]


class LimitsView(Struct, frozen=True, kw_only=True):
    """What there may be at most."""

    keepers: int
    """Runs that may be kept at once in this registry."""
    keepers_from: Literal["config", "memory"]
    """Who says so: config.toml, or how much memory this machine or container has."""


class CollectionLimitsView(Struct, frozen=True, kw_only=True):
    """How much of one run is collected; what is beyond is counted, and on record."""

    max_files: int
    max_bytes: int


class ConfigView(Struct, frozen=True, kw_only=True):
    """The settings in effect, and what is wrong with their file."""

    schema: Literal["runlore.config/1"] = "runlore.config/1"
    path: str
    exists: bool
    items: list[SettingsProblemView]
    """What is wrong. An unknown section or key, or a wrong kind of value, lets nothing be recorded; a value
    that means nothing lets nothing be removed by a rule, or in `artifacts` nothing be started."""
    redaction: RedactionView
    limits: LimitsView
    retention: RetentionRulesView | None = None
    """The rules as they are understood."""
    artifacts: CollectionLimitsView | None = None


class InitView(Struct, frozen=True, kw_only=True):
    """The registry that was made, or found."""

    schema: Literal["runlore.init/1"] = "runlore.init/1"
    root: str
    registry_id: str
    created_at: datetime
    existing: bool


class SpecView(Struct, frozen=True, kw_only=True):
    """What `run --dry-run` would submit; nothing was created."""

    schema: Literal["runlore.spec/1"] = "runlore.spec/1"
    root: str
    command: str
    argv: list[str]
    cwd: str
    env: dict[str, str]
    secrets: list[str] = []
    """Names of secret variables; the command does not start without them."""
    secret_files: dict[str, str] = {}
    """Names of secret variables, each with the file that holds its value."""
    missing: str = ""
    """Which of them could not be had now."""
    name: str | None
    tags: dict[str, str]
    metadata: dict[str, object]
    key: str | None
    parent: str | None
    timeout_s: float | None
    idle_timeout_s: float | None = None
    output_limit: int | None = None
    artifacts: list[str] = []
    reports: list[str] = []
    required: list[str] = []
    stdin: bool
    detached: bool
    await_ready_s: float | None = None
    pin: bool = False
    """Keep it until it is unpinned."""


class NamesView(Struct, frozen=True, kw_only=True):
    """The names of all schemas."""

    schema: Literal["runlore.names/1"] = "runlore.names/1"
    items: list[str]


class CompletionView(Struct, frozen=True, kw_only=True):
    """The completion script of a shell."""

    schema: Literal["runlore.completion/1"] = "runlore.completion/1"
    shell: Literal["bash", "zsh", "fish"]
    script: str


class HistoryView(Struct, frozen=True, kw_only=True):
    """What happened to a run, oldest first."""

    schema: Literal["runlore.history/1"] = "runlore.history/1"
    run_id: RunId
    items: list[HistoryLine]


EventObject = Annotated[
    object,
    msgspec.Meta(
        extra_json_schema={
            "type": "object",
            "required": ["type", "seq", "at"],
            "description": "An event: see `runlore schema event`, and expect types not there yet.",
        }
    ),
]


class EventRecord(Struct, frozen=True, kw_only=True, tag_field="type", tag="record"):
    """An event plus where it lies."""

    run_id: RunId
    seq: Seq
    offset: Offset
    event: EventObject


class LineRecord(Struct, frozen=True, kw_only=True, tag_field="type", tag="line"):
    """One line, or part of a line, of a command's output."""

    run_id: RunId
    stream: Literal["stdout", "stderr"]
    at: datetime
    text: str
    """Bytes that are no UTF-8 stand as `\\\\xNN`."""
    newline: bool = True
    """False: the line goes on, or the output ended without a newline."""
    lost: int = 0
    """Not text: so many bytes of the stream are missing here."""


class ControlRecord(Struct, frozen=True, kw_only=True):
    """What a stream says about itself: `ready` first, `end` last, with the cursor to resume from."""

    type: Literal["ready", "rewound", "lagged", "end"]
    cursor: str | None = None
    reason: str | None = None


def event_record(record: Record) -> EventRecord:
    """Return a journal's record as it stands in a stream; an unknown event keeps all its fields."""
    event: object = record.event
    if isinstance(event, UnknownEvent):
        parts = chain.split_line(event.raw)
        event = msgspec.json.decode(parts[0] + b"}" if parts else event.raw)
    return EventRecord(run_id=record.run_id, seq=record.seq, offset=record.offset, event=event)


def counted(names: Iterable[str | None]) -> dict[str, int]:
    """Return how often each name comes, in alphabetical order; None counts as `unreadable`."""
    return tallied(Counter(names))


def tallied(counts: Mapping[str | None, int]) -> dict[str, int]:
    """Return counts by name in alphabetical order; None counts as `unreadable`."""
    named = {name or "unreadable": count for name, count in counts.items()}
    return {name: named[name] for name in sorted(named)}


_DEL: Final = b"\x7f"
_encoder: Final = msgspec.json.Encoder()


def encode_view(view: object) -> bytes:
    """Return a view as one JSON object on one line, without a newline.

    What is no Unicode text (a path in another encoding) comes out as visible escapes, never as a failure.
    Characters that a terminal or a reader's eye could fall for (C1, DEL, bidi) are escaped as JSON has it,
    so the text means the same and may be printed anywhere.
    """
    try:
        data = _encoder.encode(view)
    except UnicodeEncodeError:
        data = _encoder.encode(_clean(msgspec.to_builtins(view)))
    return data if data.isascii() and _DEL not in data else _escaped(data)


def _escaped(data: bytes) -> bytes:
    text = data.decode("utf-8")
    return data if text.isprintable() else "".join(map(_escape, text)).encode("utf-8")


def _escape(character: str) -> str:
    if printable(character) == character:
        return character
    units = character.encode("utf-16-be")
    return "".join(f"\\u{high:02x}{low:02x}" for high, low in zip(units[::2], units[1::2], strict=True))


def _clean(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in cast("dict[str, object]", value).items()}
    if isinstance(value, list):
        return [_clean(item) for item in cast("list[object]", value)]
    return value
