"""What goes through `runlore hold`: the messages it is told, and the answers it gives, a line of JSON each.

The messages have the words of `emit`. A field that no message has is refused, because a typing error
must not go unnoticed; answers get new fields, as everything that is shown. Pure.
"""

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from runlore.journal.errors import BadInput
from runlore.journal.events import Fraction
from runlore.journal.values import ExitCode, RunId, Seconds, Seq, Status

Preview = Literal["starting", "available", "released", "expired", "failed"]


class Begin(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="begin"):
    """There is a run from now on. The first message, once."""

    name: str | None = None
    tags: dict[str, str] = {}
    metadata: dict[str, object] = {}
    argv: tuple[Annotated[str, Meta(min_length=1)], ...] = ()
    """What is shown as its command; else `hold` itself."""
    cwd: str = ""
    """Absolute; else the current folder."""


class Ready(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="ready"):
    """It is ready for what it is for."""


class Progress(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="progress"):
    """How far it is; the last one counts."""

    fraction: Fraction | None = None
    message: str = ""
    step: str = ""
    metrics: dict[str, float] = {}


class Result(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="result"):
    """Its own result, at most 64 KiB; the last one counts."""

    result: object


class PreviewChanged(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="preview"):
    """What became of its preview."""

    state: Preview
    url: str = ""
    lease_s: Seconds | None = None
    """For how long from now on it may be used."""
    detail: str = ""


class Checkpoint(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="checkpoint"):
    """Something was saved to resume from."""

    name: str
    path: str
    sha256: str | None = None


class Note(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="note"):
    """Something for people."""

    text: str


class Finish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="finish"):
    """The run is over. The last message; nothing behind it is read."""

    status: Literal["succeeded", "failed", "cancelled"] | None = None
    """Else what the exit code says; succeeded without one."""
    exit_code: ExitCode | None = None
    reason: str = ""
    result: object = msgspec.UNSET


Message = Begin | Ready | Progress | Result | PreviewChanged | Checkpoint | Note | Finish


class Begun(Struct, frozen=True, kw_only=True, tag="begun"):
    """The run exists and is running, owned by this `hold`."""

    line: int
    run_id: RunId
    short_id: str
    root: str
    seq: Seq


class Ack(Struct, frozen=True, kw_only=True, tag="ack"):
    """That line of input is on record, durable."""

    line: int
    seq: Seq | None
    """Its position in the journal; null for progress that is kept back for 0.1 s, or until a later one."""


class Refused(Struct, frozen=True, kw_only=True, tag="error"):
    """That line of input changed nothing."""

    line: int
    code: int
    """As the command line exits: 2 bad input, 4 not permitted, 5 conflict, 65 damaged, 74 disk."""
    message: str


class StopRequested(Struct, frozen=True, kw_only=True, tag="stop_requested"):
    """Somebody wants the run to stop. Not an answer: it comes when it comes, once."""

    at: datetime
    reason: str
    force: bool


class Ended(Struct, frozen=True, kw_only=True, tag="ended"):
    """The run has its final event. The last line of output."""

    line: int
    run_id: RunId
    status: Status
    exit_code: int | None
    reason: str


Answer = Begun | Ack | Refused | StopRequested | Ended

_decoder: Final[msgspec.json.Decoder[Message]] = msgspec.json.Decoder(Message)


def decode(line: bytes) -> Message:
    """Return the message on a line.

    Raises:
        BadInput: it is none; the text says where it goes wrong.
    """
    try:
        return _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError) as error:
        raise BadInput(f"not a message: {error}") from None
