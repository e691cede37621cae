"""The small frozen structs that events carry: who, what process, what command, why.

Every integer is bounded, every time is aware; see `docs/reference/journal-format.md`.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final, Literal, NewType

from msgspec import Meta, Struct

if TYPE_CHECKING:
    RunId = NewType("RunId", str)
    """`20261120-201400-k3f9x2ab`; see `runlore.journal.ids`."""
    Seq = NewType("Seq", int)
    """Position of an event in its journal: 1, 2, 3 … without gaps."""
    Offset = NewType("Offset", int)
    """Bytes from the first byte of the run's history (logical: a packed part counts)."""
    Head = NewType("Head", str)
    """64 hex digits: the `h` of a record, which names the whole history up to it."""
else:  # calling a NewType costs as much as a small function, and appends are hot
    RunId, Seq, Offset, Head = str, int, int, str

MAX_INT: Final = 2**53 - 1
"""The largest integer every JSON reader represents exactly (RFC 8259, section 6)."""

UtcTime = Annotated[datetime, Meta(tz=True)]
Count = Annotated[int, Meta(ge=0, le=MAX_INT)]
Seconds = Annotated[float, Meta(ge=0, le=1e12)]
SignalNumber = Annotated[int, Meta(ge=1, le=128)]
ExitCode = Annotated[int, Meta(ge=0, le=255)]
Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$", max_length=64)]
"""Hex SHA-256. (The length is stated because `$` also matches before a last newline.)"""

Stream = Literal["stdout", "stderr"]
Durability = Literal["power", "process"]
Status = Literal[
    "queued",
    "booting",
    "running",
    "collecting_artifacts",
    "succeeded",
    "failed",
    "timed_out",
    "cancelled",
]
ReasonCode = Literal[
    "exit_nonzero",
    "signal",
    "oom",
    "spawn_failed",
    "timeout",
    "idle_timeout",
    "boot_timeout",
    "cancelled",
    "owner_lost",
    "evidence_missing",
    "output_lost",
    "dependency_failed",
    "journal_io",
    "imported",
]


class Actor(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Who caused an event: enough to ask them, not enough to act on."""

    user: str = ""
    host: str = ""
    pid: Count = 0
    program: str = ""
    """The program that wrote it."""


class Identity(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Enough to tell a process from a later one that reused its pid.

    A pid is unique only together with the namespace and boot it was given in. Start ticks alone
    repeat within one clock tick; the inode of a pidfd (pidfs, Linux 6.9) does not. 0 = not known.
    """

    boot_id: str
    """The kernel's id of its boot."""
    pid_ns: Count
    """Inode of its pid namespace."""
    pid: Count
    start_ticks: Count = 0
    """Clock ticks from boot to its start."""
    pidfd_inode: Count = 0
    """Inode of a pidfd of it."""


class Owner(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """The process that holds a run's owner lock."""

    host: str
    identity: Identity
    user: str = ""
    version: str = ""
    """Release of this project that it runs."""


class Handle(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """How a runtime finds its command again."""

    runtime: str = "background"
    """The adapter that spawned it."""
    pid: Count = 0
    identity: Identity | None = None
    """Of the command."""
    wrapper: Identity | None = None
    """Of the command's parent."""
    target: str = ""
    """The runtime's own name for it, e.g. a tmux window; empty for background runs."""


class Recipe(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """What is needed to run it again. Values here have passed the redactor."""

    argv: tuple[str, ...]
    """As text; bytes that are not UTF-8 appear as U+FFFD."""
    cwd: str
    argv_bytes: tuple[str, ...] = ()
    """Base64 of each argument, present only if one of them is not UTF-8."""
    env: dict[str, str] = {}
    """Typed variables only; inherited values are never recorded."""
    secrets: tuple[str, ...] = ()
    """Names of variables whose values came from `--secret`; never the values."""
    secret_files: dict[str, str] = {}
    """Names of variables whose values came from files, each with the file's path; never the values."""
    runtime: str = "background"
    stdin: bool = False
    """Whether its standard input is fed by the submitter."""
    timeout_s: Seconds | None = None
    """Longest time it may run."""
    idle_timeout_s: Seconds | None = None
    """Longest time it may print nothing."""
    output_limit: Count | None = None
    """Bytes of transcript to keep."""
    await_ready_s: Seconds | None = None
    """Longest time it may take to say that it is ready; until then it is booting."""
    artifacts: tuple[str, ...] = ()
    """Patterns of declared outputs."""
    reports: tuple[str, ...] = ()
    """Patterns of declared outputs that are reports."""
    required: tuple[str, ...] = ()
    """Patterns of which each must have a stored output, or the run has not succeeded."""
    template: str = ""
    """Name of the template it was made from."""


class GitState(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """The state of the code, as a record from elsewhere tells it."""

    commit: str
    branch: str = ""
    dirty: bool = False
    """There were changes beside the commit."""
    patch_sha256: Digest | None = None
    """Of the patch that holds them."""


class Origin(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Where a run comes from: another run, or a record of some other tool."""

    kind: Literal["rerun", "retry", "resume", "requeue", "imported"]
    run_id: str = ""
    """The run it comes from."""
    external_id: str = ""
    """The other tool's id."""
    attempt: Count = 0
    """1 for the first retry."""
    source: str = ""
    """The other tool."""
    imported_at: UtcTime | None = None
    """When an imported run was written down here; the `at` of its events tells what happened elsewhere."""
    told_by: Literal["", "record", "manifest", "files"] = ""
    """What an imported run is known from; `files`: nobody said how it ended."""
    host: str = ""
    """The machine it ran on."""
    git: GitState | None = None


class Retention(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """What the submitter asked about keeping this run."""

    pinned: bool = False
    """Keep until unpinned."""
    keep_s: Seconds | None = None
    """Keep for at least this long after the end."""
    retain_until: UtcTime | None = None
    """Keep at least until then."""


class Reason(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Why a run ended as it did: a code for programs, a sentence for people."""

    code: ReasonCode
    text: str = ""
    by: Actor | None = None
    """Who caused it, if somebody did."""


class Usage(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """What the command used, from wait4(2).

    With it all of its tree that somebody had waited for when it ended, its orphans included.
    """

    cpu_s: Seconds = 0.0
    """User and system time."""
    max_rss_bytes: Count = 0
    """Largest resident set."""


class Survivor(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A process of the run's tree that outlived its command; named, not waited for."""

    pid: Count
    command: str = ""
    """Its name, made printable."""


class Observation(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """What a reconciler saw before it wrote down a status that nobody else could write."""

    at: UtcTime
    owner: Literal["held", "free", "unverifiable"]
    """The owner lock, as the kernel told it."""
    command: Literal["alive", "gone", "unverifiable"] = "unverifiable"
    """The command's process."""
    exit_record: bool = False
    """Whether the command's parent left an exit record."""
    boot_changed: bool = False
    """Whether the machine booted since."""
    detail: str = ""
