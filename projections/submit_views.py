"""What is shown of starting runs, one or many, and of what would be started: see `schema`. Pure."""

from typing import Literal

from msgspec import Struct

from runlore.journal.values import RunId, Status


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
