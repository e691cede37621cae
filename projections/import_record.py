"""A record of a run that was executed elsewhere, as JSON: what may stand there, and how it is read.

One object, an array of them, or one a line. No message quotes a value: it may be a secret. Pure.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from runlore.journal.errors import BadInput
from runlore.journal.values import Digest, ExitCode, SignalNumber, UtcTime
from runlore.projections.json_keys import repeated_key

R = TypeVar("R")

MOST_BYTES: Final = 4 << 20
"""Of one record."""
MOST_FILE: Final = 64 << 20
"""Bytes of a file, or a stream, of records."""
MOST_RECORDS: Final = 10_000
MOST_OUTPUTS: Final = 10_000
"""Artifacts of one record."""
MOST_LOGS: Final = 64
Said = Literal["succeeded", "failed", "timed_out", "cancelled", "unknown"]
_Commit = Annotated[
    str,
    Meta(description="hex digits", extra_json_schema={"pattern": "^[0-9a-f]{7,64}(?!\n)$", "maxLength": 64}),
]
"""Looked at with the rest of the run, which says more of what is wrong than a pattern does."""


class GitRecord(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The state of the code."""

    commit: _Commit
    branch: str = ""
    dirty: bool = False
    """There were changes beside the commit."""
    patch_sha256: Digest | None = None
    """Of the patch that holds them."""


class LogRecord(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the command printed: a file, or the text itself."""

    stream: Literal["stdout", "stderr"] = "stdout"
    path: str | None = None
    """Of a file beside the record."""
    text: str | None = None


class OutputRecord(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file that the run made."""

    path: str
    """Below the folder of the record."""
    sha256: Digest | None = None
    """Checked against the file, if it is given."""
    kind: str = ""


class ImportRecord(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One run that some other tool executed. It ended: `exit_code`, `signal` or `outcome` says how."""

    source: str
    """The tool."""
    external_id: str
    """The tool's own id of the run; with `source` it is imported once."""
    started_at: UtcTime
    ended_at: UtcTime
    argv: tuple[str, ...] = ()
    """The words of its command."""
    exit_code: ExitCode | None = None
    signal: SignalNumber | None = None
    outcome: Said | None = None
    """What the tool says; left out, it follows from the exit code. unknown: nobody saw it end."""
    name: str | None = None
    tags: dict[str, str] = {}
    metadata: dict[str, object] = {}
    cwd: str = ""
    host: str = ""
    git: GitRecord | None = None
    logs: tuple[LogRecord, ...] = ()
    artifacts: tuple[str | OutputRecord, ...] = ()


FIELDS: Final = ImportRecord.__struct_fields__
_MEANT: Final = {
    "command": "argv",
    "cmd": "argv",
    "args": "argv",
    "tool": "source",
    "id": "external_id",
    "run_id": "external_id",
    "start": "started_at",
    "started": "started_at",
    "end": "ended_at",
    "ended": "ended_at",
    "finished_at": "ended_at",
    "stopped_at": "ended_at",
    "returncode": "exit_code",
    "exit_status": "exit_code",
    "status": "outcome",
    "labels": "tags",
    "dir": "cwd",
    "hostname": "host",
    "outputs": "artifacts",
    "stdout": "logs",
    "stderr": "logs",
}
"""What others call it."""
_raw_many: Final = msgspec.json.Decoder(list[msgspec.Raw])
_raw_one: Final = msgspec.json.Decoder(msgspec.Raw)
_keys: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_records: Final = msgspec.json.Decoder(ImportRecord)


class Numbered(Struct, frozen=True):
    """A record, and which one of its file it is, counted from 1."""

    number: int
    record: ImportRecord


def parse(data: bytes) -> list[Numbered]:
    """Return the records of a file or a stream, all of them well formed.

    Raises:
        BadInput: one is not, or there are none, or too many; nothing is to be imported then.
    """
    if len(data) > MOST_FILE:
        raise BadInput(f"more than {MOST_FILE:,} bytes of records; divide them")
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise BadInput(f"byte {error.start + 1} is no UTF-8") from None
    found: list[Numbered] = []
    place = above = 0
    for number, raw in enumerate(_split(data), 1):
        at = data.index(raw, place)  # nothing but blanks and commas stands between two records
        above += data.count(b"\n", place, at)
        found.append(Numbered(number, _record(number, raw, above)))
        above, place = above + raw.count(b"\n"), at + len(raw)
    if not found:
        raise BadInput("there is no record in it")
    _require_once(found)
    return found


def converted(records: Iterable[Mapping[str, object] | ImportRecord]) -> list[Numbered]:
    """Return records that a program made; times may be aware datetimes.

    Raises:
        BadInput: one is none.
    """
    found: list[Numbered] = []
    for number, each in enumerate(records, 1):
        if number > MOST_RECORDS:
            raise BadInput(_too_many())
        if isinstance(each, ImportRecord):
            found.append(Numbered(number, each))
            continue
        for field in each:
            if field not in FIELDS:
                raise BadInput(f"record {number}: {_unknown(str(field))}")
        try:
            found.append(Numbered(number, msgspec.convert(each, ImportRecord)))
        except msgspec.ValidationError as error:
            raise BadInput(f"record {number}: this is no record of a run: {error}") from None
        except RecursionError:
            raise BadInput(f"record {number}: this nests too deep") from None
    _require_once(found)
    return found


def _split(data: bytes) -> Iterator[bytes]:
    """Yield the objects of an array, of lines, or the one that is all of it."""
    text = data.strip()
    if text.startswith(b"["):
        try:
            many = _raw_many.decode(text)
        except (msgspec.MsgspecError, RecursionError, ValueError) as error:
            raise BadInput(f"this is not JSON: {_said(error)}") from None
        yield from map(bytes, _bounded(many))
        return
    lines = [line for line in text.split(b"\n") if line.strip()]
    if len(lines) > 1 and not _is_json(text):
        yield from _bounded(lines)
    elif text:
        yield text


def _bounded(records: list[R]) -> list[R]:
    if len(records) > MOST_RECORDS:
        raise BadInput(_too_many())
    return records


def _is_json(data: bytes) -> bool:
    try:
        _raw_one.decode(data)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return False
    return True


def _record(number: int, data: bytes, above: int) -> ImportRecord:
    """Return one record; above: lines that stand before it."""
    if len(data) > MOST_BYTES:
        raise BadInput(f"record {number} is longer than {MOST_BYTES:,} bytes")
    try:
        for field in _keys.decode(data):
            if field not in FIELDS:
                raise BadInput(f"record {number}: {_unknown(field)}")
        record = _records.decode(data)
        if (twice := repeated_key(data)) is not None:
            raise BadInput(f"record {number}, {twice.told(above)}")
        return record
    except BadInput:
        raise
    except msgspec.ValidationError as error:
        raise BadInput(f"record {number}: this is no record of a run: {error}") from None
    except RecursionError:
        raise BadInput(f"record {number}: this nests too deep") from None
    except (msgspec.MsgspecError, UnicodeError, ValueError) as error:
        raise BadInput(f"record {number}: this is not JSON: {error}") from None


def _require_once(records: list[Numbered]) -> None:
    """Return if no two records say different things of one run.

    Raises:
        BadInput: two do.
    """
    first: dict[tuple[str, str], Numbered] = {}
    for each in records:
        known = first.setdefault((each.record.source, each.record.external_id), each)
        if known.record != each.record:
            raise BadInput(
                f"records {known.number} and {each.number} have the same source and external_id, "
                "and say different things; nothing was imported"
            )


def _unknown(field: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - only for a typing error

    word = field.lower().replace("-", "_")
    meant = _MEANT.get(word)
    near = [meant] if meant else get_close_matches(word, FIELDS, 1, 0.6)
    told = f"; did you mean {near[0]}?" if near else f"; there is {', '.join(FIELDS)}"
    return f"no field {field[:40]!a}{told}"


def _too_many() -> str:
    return f"more than {MOST_RECORDS:,} records; divide them"


def _said(error: Exception) -> str:
    return "it nests too deep" if isinstance(error, RecursionError) else str(error)
