"""One run to be submitted, as a line of JSON: what may stand there, and what is wrong with anything else.

Pure. No message quotes a value: it may be a secret.
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from runlore.journal.errors import BadInput
from runlore.projections.json_keys import repeated_key

MOST_BYTES: Final = 4 << 20
"""Of a line. The kernel takes no command line of half of that."""
_Seconds = Annotated[float | str | None, Meta(description="seconds, or a text such as 5m or 1h30m")]
_Bytes = Annotated[int | str | None, Meta(description="bytes, or a text such as 10M")]


class RunLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One run to be submitted; the fields are those of `registry.submit` in Python."""

    argv: tuple[str, ...]
    name: str | None = None
    tags: dict[str, str] = {}
    metadata: dict[str, object] | None = None
    key: str | None = None
    env: dict[str, str] = {}
    secrets: tuple[str, ...] = ()
    """Names of variables that whoever submits has exported; there is no place for values."""
    secret_files: dict[str, str] = {}
    cwd: str | None = None
    timeout: _Seconds = None
    await_ready: _Seconds = None
    idle_timeout: _Seconds = None
    output_limit: _Bytes = None
    artifacts: tuple[str, ...] = ()
    reports: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    pin: bool = False


FIELDS: Final = RunLine.__struct_fields__
_MEANT: Final = {
    "command": "argv",
    "cmd": "argv",
    "args": "argv",
    "environment": "env",
    "dir": "cwd",
    "working_dir": "cwd",
    "labels": "tags",
    "label": "tags",
    "id": "key",
    "stdin": "",
    "interactive": "",
}
"""What others call it; empty for what a run of many cannot have."""
_keys: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_lines: Final = msgspec.json.Decoder(RunLine)


def parse(data: bytes) -> RunLine:
    """Return the run on a line.

    Raises:
        BadInput: it is none; the message says what is wrong, and where in the line.
    """
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise BadInput(f"byte {error.start + 1} is no UTF-8") from None
    try:
        for field in _keys.decode(data):
            if field not in FIELDS:
                raise BadInput(_unknown(field))
        line = _lines.decode(data)
        if (twice := repeated_key(data)) is not None:
            raise BadInput(f"the key {twice.key[:40]!a} stands twice in one object; leave one of the two")
        return line
    except BadInput:
        raise
    except msgspec.ValidationError as error:
        raise BadInput(f"this is no run: {error}{_hint(data)}") from None
    except RecursionError:
        raise BadInput("this nests too deep") from None
    except (msgspec.MsgspecError, UnicodeError, ValueError) as error:
        raise BadInput(f"this is not JSON: {error}") from None


def _hint(data: bytes) -> str:
    return "" if data.lstrip()[:1] == b"{" else '; a line looks like {"argv": ["make", "test"]}'


def _unknown(field: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - only for a typing error

    word = field.lower().replace("-", "_")
    meant = _MEANT.get(word)
    if meant == "":
        return f"no field {field[:40]!a}: a run of many has no standard input of its own"
    near = [meant] if meant else get_close_matches(word, FIELDS, 1, 0.6)
    return f"no field {field[:40]!a}" + (
        f"; did you mean {near[0]}?" if near else f"; there is {', '.join(FIELDS)}"
    )
