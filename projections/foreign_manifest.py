"""What other tools write beside their runs, read as a record: a summary in JSON, or the attributes of Guild.

Only what a record has is taken; the file itself is imported with the others, so nothing in it is lost.
Pure.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, cast

import msgspec

from runlore.journal.errors import BadInput
from runlore.projections import labels
from runlore.projections.import_record import ImportRecord, Said
from runlore.projections.json_keys import repeated_key

SURE: Final = "retention-summary.json"
"""Whoever writes a file of this name describes a run with it."""
PERHAPS: Final = ("manifest.json", "run.json")
"""Names that mean other things as well: they describe a run if they name and judge one."""
MOST_BYTES: Final = 16 << 20
GUILD: Final = ".guild/attrs"
GUILD_ATTRS: Final = ("exit_status", "started", "stopped", "cmd", "host")
_MOST_ATTR: Final = 1 << 16
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_ID: Final = ("run_id", "runId", "id")
_STATUS: Final = ("status", "state", "outcome", "result")
_STARTED: Final = ("started_at", "startedAt", "started", "start_time", "created_at", "createdAt")
_ENDED: Final = (
    "ended_at",
    "endedAt",
    "finished_at",
    "finishedAt",
    "completed_at",
    "completedAt",
    "end_time",
)
_COMMAND: Final = ("argv", "command", "cmd")
_EXIT: Final = ("exit_code", "exitCode", "exit_status", "returncode")
_TOOL: Final = ("tool", "source", "generator", "producer", "created_by")
_DIGEST: Final = ("sha256", "digest", "hash")
_OUTCOMES: Final[Mapping[str, Said]] = {
    **dict.fromkeys(
        ("succeeded", "success", "passed", "pass", "ok", "completed", "complete", "done"), "succeeded"
    ),
    **dict.fromkeys(("failed", "failure", "fail", "error", "errored", "crashed"), "failed"),
    **dict.fromkeys(("timed_out", "timeout", "timedout", "expired"), "timed_out"),
    **dict.fromkeys(("cancelled", "canceled", "aborted", "stopped", "interrupted"), "cancelled"),
    **dict.fromkeys(("unknown", "lost", "stale", "terminated"), "unknown"),
}
_SHELL: Final = frozenset("|&;<>()$`\"'\\*?[]#~{}\n")
_fields: Final = msgspec.json.Decoder(dict[str, object])
_Fields = Mapping[str, object]


def describes_a_run(data: bytes) -> bool:
    """Say whether a file of one of the doubtful names is about a run."""
    try:
        found = _fields.decode(data)
    except (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError):
        return False
    return _first(found, _ID) is not None and _first(found, _STATUS) is not None


def from_summary(data: bytes, name: str, oldest: datetime, newest: datetime) -> ImportRecord:
    """Return what a summary tells of its run.

    oldest, newest: times of the files beside it, for a summary that tells none.

    Raises:
        BadInput: it cannot be understood; the message names the field.
    """
    try:
        found, twice = _fields.decode(data), repeated_key(data)
    except RecursionError:
        raise BadInput(f"{name} nests too deep") from None
    except (msgspec.MsgspecError, UnicodeError, ValueError) as error:
        raise BadInput(f"{name} is no JSON object: {error}") from None
    if twice is not None:
        raise BadInput(f"{name}, {twice.told()}")
    run_id, status = _first(found, _ID), _first(found, _STATUS)
    if not isinstance(run_id, str | int) or isinstance(run_id, bool):
        raise BadInput(f"{name} has no run_id")
    if not isinstance(status, str):
        raise BadInput(f"{name} has no status")
    ended = _time(found, _ENDED, name) or newest
    run_name, more = _labelled(found)
    return _record(
        name,
        source=_tool(found),
        external_id=str(run_id),
        started_at=_time(found, _STARTED, name) or min(oldest, ended),
        ended_at=ended,
        argv=_argv(_first(found, _COMMAND), name),
        exit_code=_first(found, _EXIT),
        signal=found.get("signal"),
        outcome=_OUTCOMES.get(status.lower().replace("-", "_").replace(" ", "_"), "unknown"),
        name=run_name,
        metadata={"status": status, **more},
        cwd=_text(found, ("cwd", "working_dir", "workingDirectory")),
        host=_text(found, ("host", "hostname")),
        artifacts=_outputs(_first(found, ("artifacts", "files")), name),
    )


def from_guild(attrs: Mapping[str, bytes], run_id: str, oldest: datetime, newest: datetime) -> ImportRecord:
    """Return what the attributes of a Guild run tell.

    Raises:
        BadInput: one cannot be understood.
    """
    text = {name: _attr(name, data) for name, data in attrs.items()}
    status = text.get("exit_status", "")
    code = int(status) if status.lstrip("-").isascii() and status.lstrip("-").isdigit() else None
    stopped = _micros("stopped", text.get("stopped", "")) or newest
    return _record(
        GUILD,
        source="guild",
        external_id=run_id,
        started_at=_micros("started", text.get("started", "")) or min(oldest, stopped),
        ended_at=stopped,
        argv=_yaml_words(text.get("cmd", "")),
        exit_code=code if code is not None and code >= 0 else None,
        signal=-code if code is not None and code < 0 else None,
        outcome="unknown" if code is None else None,
        host=text.get("host", ""),
    )


def _record(what: str, **fields: object) -> ImportRecord:
    """Return the record, every field of the kind it has to be."""
    try:
        return msgspec.convert(
            {key: value for key, value in fields.items() if value is not None}, ImportRecord
        )
    except msgspec.ValidationError as error:
        raise BadInput(f"{what} tells what no run can be: {error}") from None


def _first(found: _Fields, names: tuple[str, ...]) -> object:
    return next((found[name] for name in names if found.get(name) is not None), None)


def _text(found: _Fields, names: tuple[str, ...]) -> str:
    value = _first(found, names)
    return value if isinstance(value, str) else ""


def _time(found: _Fields, names: tuple[str, ...], what: str) -> datetime | None:
    """Return a time, given as text with an offset or as seconds since 1970."""
    value = _first(found, names)
    if value is None:
        return None
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        given = msgspec.convert(value, datetime)
    except (msgspec.ValidationError, ValueError, OverflowError, OSError):
        given = None
    if given is None or given.tzinfo is None:
        raise BadInput(f"{what}: {names[0]} is no time with an offset, such as 2026-11-20T20:14:00Z")
    return given


def _argv(command: object, what: str) -> tuple[str, ...]:
    """Return the words of a command; of a line that is more than words, a shell and the line."""
    if command is None:
        return ()
    if isinstance(command, str):
        return ("sh", "-c", command) if _SHELL.intersection(command) else tuple(command.split())
    words = cast("list[object]", command) if isinstance(command, list) else []
    if not words or not all(isinstance(word, str) for word in words):
        raise BadInput(f"{what}: the command is neither a text nor a list of words")
    return tuple(cast("list[str]", words))


def _tool(found: _Fields) -> str:
    """Return the name of the tool: what the file says, or else what its schema begins with."""
    tool = _first(found, _TOOL)
    if isinstance(tool, Mapping):
        tool = cast("_Fields", tool).get("name")
    if isinstance(tool, str) and tool:
        return tool
    schema = found.get("schema")
    word = schema.partition("/")[0].partition("@")[0] if isinstance(schema, str) else ""
    return word or "summary"


def _labelled(found: _Fields) -> tuple[str | None, dict[str, object]]:
    """Return the run's name; one that no run can have here is kept as what it is."""
    name = _first(found, ("name", "title", "label"))
    if not isinstance(name, str):
        return None, {}
    try:
        return labels.name(name), {}
    except BadInput:
        return None, {"name": name}


def _outputs(given: object, what: str) -> tuple[dict[str, object], ...]:
    """Return the files that are listed: paths, objects with a path, or objects by path."""
    if isinstance(given, Mapping):
        by_path = cast("_Fields", given)
        given = [{"path": path, **_object(each)} for path, each in by_path.items()]
    if given is None:
        return ()
    if not isinstance(given, list):
        raise BadInput(f"{what}: artifacts is no list")
    return tuple(_output(each, what) for each in cast("list[object]", given))


def _output(each: object, what: str) -> dict[str, object]:
    if isinstance(each, str):
        return {"path": each}
    fields = _object(each)
    path, digest, kind = fields.get("path") or fields.get("name"), _first(fields, _DIGEST), fields.get("kind")
    if not isinstance(path, str):
        raise BadInput(f"{what}: an artifact has no path")
    if digest is not None and not isinstance(digest, str):
        raise BadInput(f"{what}: the digest of {path[:80]!a} is no text")
    plain = digest.lower().removeprefix("sha256:") if isinstance(digest, str) else None
    return {"path": path, "sha256": plain, "kind": kind if isinstance(kind, str) else ""}


def _object(value: object) -> dict[str, object]:
    if isinstance(value, str):
        return {"sha256": value}
    return dict(cast("_Fields", value)) if isinstance(value, Mapping) else {}


def _attr(name: str, data: bytes) -> str:
    if len(data) > _MOST_ATTR:
        raise BadInput(f"{GUILD}/{name} is longer than {_MOST_ATTR:,} bytes")
    try:
        return data.decode().strip()
    except UnicodeDecodeError:
        raise BadInput(f"{GUILD}/{name} is no UTF-8") from None


def _micros(name: str, text: str) -> datetime | None:
    """Return a time that is given as microseconds since 1970; None if it is not there."""
    if not text:
        return None
    try:
        return _EPOCH + timedelta(microseconds=int(text))
    except (ValueError, OverflowError):
        raise BadInput(f"{GUILD}/{name} is no time in microseconds") from None


def _yaml_words(text: str) -> tuple[str, ...]:
    """Return the items of a plain YAML list, which is how Guild writes a command; else the line as it is."""
    lines = [line for line in text.split("\n") if line.strip()]
    if not lines or not all(line.startswith("- ") for line in lines):
        return tuple(text.split())
    return tuple(_unquoted(line[2:].strip()) for line in lines)


def _unquoted(word: str) -> str:
    for quote in ("'", '"'):
        if len(word) > 1 and word[0] == word[-1] == quote:
            return word[1:-1].replace("''", "'") if quote == "'" else word[1:-1]
    return word
