"""A run that some other tool executed, checked, and the events that tell it here.

The `at` of each event is what the evidence tells, so that every list, duration and question about the
past is right without knowing about imports; `origin.imported_at` says when it was written. Pure.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from msgspec import Struct, structs

from runlore.journal import events as e
from runlore.journal.errors import BadInput
from runlore.journal.values import (
    Actor,
    Durability,
    GitState,
    Handle,
    Origin,
    Owner,
    Reason,
    Recipe,
    RunId,
)
from runlore.projections import labels
from runlore.projections.artifact_paths import folded, refusal
from runlore.projections.import_record import (
    MOST_LOGS,
    MOST_OUTPUTS,
    ImportRecord,
    LogRecord,
    OutputRecord,
)
from runlore.projections.run_state import IMPORTED

ToldBy = Literal["record", "manifest", "files"]
MOST_ARGV: Final = 128 * 1024
"""Bytes of a command line that fit a line of a journal."""
_LONGEST_CWD: Final = 4096
_COMMIT: Final = re.compile("[0-9a-f]{7,64}")
_SKEW: Final = timedelta(minutes=1)
_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FINAL: Final[Mapping[str, type[e.FinalEvent]]] = {
    "succeeded": e.RunSucceeded,
    "failed": e.RunFailed,
    "timed_out": e.RunTimedOut,
    "cancelled": e.RunCancelled,
    "unknown": e.RunFailed,
}


class ForeignRun(Struct, frozen=True, kw_only=True):
    """A run of another tool, every field of it fit to be stored."""

    source: str
    external_id: str
    started_at: datetime
    ended_at: datetime
    outcome: str
    reason: str
    exit_code: int | None
    signal: int | None
    argv: tuple[str, ...]
    cwd: str
    host: str
    name: str
    tags: dict[str, str]
    metadata: dict[str, object]
    git: GitState | None
    told_by: ToldBy
    logs: tuple[LogRecord, ...]
    outputs: tuple[OutputRecord, ...]

    @property
    def key(self) -> str:
        """The idempotency key under which it is imported once."""
        return f"import:{self.source}:{self.external_id}"


class Made(Struct, frozen=True, kw_only=True):
    """What this registry adds to it."""

    run_id: RunId
    registry_id: str
    spec: str
    by: Actor
    owner: Owner
    masked: tuple[str, ...] = ()
    unmasked: dict[str, str] = {}
    durability: Durability = "power"
    boot_id: str = ""
    imported_at: datetime
    transcript_bytes: int = 0
    collected: tuple[e.ArtifactCollected, ...] = ()


def checked(record: ImportRecord, now: datetime, told_by: ToldBy = "record") -> ForeignRun:
    """Return the run that a record tells of.

    Raises:
        BadInput: it cannot be one; the message names the field.
    """
    _require_times(record, now)
    outputs = tuple(OutputRecord(path=each) if isinstance(each, str) else each for each in record.artifacts)
    _require_files(record.logs, outputs)
    outcome, reason = _outcome(record)
    if told_by == "files":
        reason = "imported from files alone: no manifest says how it ended"
    return ForeignRun(
        source=labels.of_record("source", record.source),
        external_id=labels.of_record("external_id", record.external_id),
        started_at=record.started_at.astimezone(UTC),
        ended_at=record.ended_at.astimezone(UTC),
        outcome=outcome,
        reason=reason,
        exit_code=record.exit_code,
        signal=record.signal,
        argv=_argv(record.argv),
        cwd=_cwd(record.cwd),
        host=labels.of_record("host", record.host) if record.host else "",
        name=labels.name(record.name) if record.name is not None else "",
        tags=labels.tags(record.tags),
        metadata=labels.metadata(record.metadata),
        git=_git(record),
        told_by=told_by,
        logs=record.logs,
        outputs=outputs,
    )


def events_of(run: ForeignRun, made: Made) -> Sequence[e.KnownEvent]:
    """Return the history of the run, in order, up to its final event; the seal is for whoever writes it."""
    final = _FINAL[run.outcome]
    how: Literal["exited", "signalled", "unknown"] = "unknown"
    if run.exit_code is not None or run.signal is not None:
        how = "exited" if run.exit_code is not None else "signalled"
    known: list[e.KnownEvent] = [
        _queued(run, made),
        e.RunBooting(
            seq=1,
            at=run.started_at,
            by=made.by,
            epoch=1,
            runtime=IMPORTED,
            owner=made.owner,
            masked=made.masked,
            unmasked=made.unmasked,
        ),
        e.RunStarted(seq=1, at=run.started_at, by=made.by, epoch=1, handle=Handle(runtime=IMPORTED)),
        e.RunCollecting(
            seq=1,
            at=run.ended_at,
            by=made.by,
            epoch=1,
            how=how,
            exit_code=run.exit_code,
            signal=run.signal,
            exited_at=run.ended_at,
            transcript_bytes=made.transcript_bytes,
        ),
        *(structs.replace(each, at=run.ended_at, by=made.by, epoch=1) for each in made.collected),
        final(
            seq=1,
            at=run.ended_at,
            by=made.by,
            epoch=1,
            exit_code=run.exit_code,
            signal=run.signal,
            reason=Reason(code="imported", text=run.reason),
            ended_at=run.ended_at,
        ),
    ]
    return [structs.replace(event, seq=seq) for seq, event in enumerate(known, 1)]


def _queued(run: ForeignRun, made: Made) -> e.RunQueued:
    return e.RunQueued(
        seq=1,
        at=run.started_at,
        by=made.by,
        format=e.FORMAT,
        run_id=made.run_id,
        registry_id=made.registry_id,
        recipe=Recipe(argv=run.argv, cwd=run.cwd, runtime=IMPORTED),
        name=run.name,
        tags=run.tags,
        metadata=run.metadata,
        key=run.key,
        spec=made.spec,
        origin=Origin(
            kind="imported",
            external_id=run.external_id,
            source=run.source,
            imported_at=made.imported_at,
            told_by=run.told_by,
            host=run.host,
            git=run.git,
        ),
        durability=made.durability,
        boot_id=made.boot_id,
    )


def _require_times(record: ImportRecord, now: datetime) -> None:
    if record.started_at < _FIRST:
        raise BadInput("started_at lies before 1970")
    if record.ended_at < record.started_at:
        raise BadInput("ended_at lies before started_at")
    if record.ended_at > now + _SKEW:
        raise BadInput("ended_at lies in the future; only runs that have ended are imported")


def _require_files(logs: Sequence[LogRecord], outputs: Sequence[OutputRecord]) -> None:
    if len(outputs) > MOST_OUTPUTS:
        raise BadInput(f"{len(outputs):,} artifacts; at most {MOST_OUTPUTS:,}")
    if len(logs) > MOST_LOGS:
        raise BadInput(f"{len(logs):,} logs; at most {MOST_LOGS}")
    for number, log in enumerate(logs):
        if (log.path is None) == (log.text is None):
            raise BadInput(f"logs[{number}] has a path or a text, one of the two")
        if log.path is not None:
            _require_path(f"logs[{number}]", log.path)
    _require_told_apart(outputs)


def _require_told_apart(outputs: Sequence[OutputRecord]) -> None:
    taken: dict[str, str] = {}
    for number, output in enumerate(outputs):
        what = f"artifacts[{number}]"
        _require_path(what, output.path)
        if output.kind:
            labels.of_record(f"{what}.kind", output.kind)
        other = taken.setdefault(folded(output.path), output.path)
        if other != output.path:
            raise BadInput(f"{what}, {output.path[:80]!a}, and another differ in upper and lower case only")
    if len(taken) != len(outputs):
        raise BadInput("artifacts: one is named twice")


def _require_path(what: str, path: str) -> None:
    if why := refusal(path):
        raise BadInput(f"{what}, {path[:80]!a}: {why}")


def _outcome(record: ImportRecord) -> tuple[str, str]:
    """Return the outcome, and the sentence that says where it comes from."""
    code, signal, said = record.exit_code, record.signal, record.outcome
    if code is None and signal is None and said is None:
        raise BadInput(
            'how it ended is missing: exit_code, signal or outcome; `"outcome": "unknown"` if nobody saw it'
        )
    if code is not None and signal is not None:
        raise BadInput("exit_code and signal exclude each other: one of them ended the command")
    if said == "succeeded" and (code or signal is not None):
        raise BadInput("outcome says succeeded, and exit_code or signal says otherwise")
    outcome = said or ("succeeded" if code == 0 else "failed")
    facts = [f"exit code {code}"] if code is not None else []
    facts += [f"signal {signal}"] if signal is not None else []
    if outcome == "unknown" and not facts:
        return outcome, f"nobody saw it end, says {record.source}"
    return outcome, f"{record.source} recorded: {', '.join([outcome.replace('_', ' '), *facts])}"


def _argv(argv: tuple[str, ...]) -> tuple[str, ...]:
    size = sum(len(word.encode("utf-8", "surrogatepass")) + 1 for word in argv)
    if size > MOST_ARGV:
        raise BadInput(f"argv takes {size:,} bytes; at most {MOST_ARGV:,}")
    if any("\0" in word for word in argv):
        raise BadInput("argv holds a NUL, which no command line does")
    return argv


def _cwd(cwd: str) -> str:
    if "\0" in cwd or len(cwd.encode("utf-8", "surrogatepass")) > _LONGEST_CWD:
        raise BadInput(f"cwd holds a NUL, or is longer than {_LONGEST_CWD:,} bytes")
    return cwd


def _git(record: ImportRecord) -> GitState | None:
    git = record.git
    if git is None:
        return None
    if not _COMMIT.fullmatch(git.commit):
        raise BadInput(
            "git.commit is no id of a commit, which has 7 to 64 hex digits in lower case; give what "
            "`git rev-parse HEAD` printed, or leave git out"
        )
    branch = labels.of_record("git.branch", git.branch) if git.branch else ""
    return GitState(commit=git.commit, branch=branch, dirty=git.dirty, patch_sha256=git.patch_sha256)
