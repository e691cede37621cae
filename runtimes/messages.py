"""What a keeper tells the caller that started it: one line of JSON each; an empty line is a nudge.

A nudge says "the transcript has grown, look again" and carries no truth. Errors travel by the name of
their class, so that the caller raises what it would have raised itself.
"""

from collections.abc import Callable
from typing import Final, Literal

import msgspec

from runlore.journal import errors
from runlore.journal.errors import RunloreError
from runlore.journal.values import Reason, ReasonCode, RunId, Status

NUDGE: Final = b""


class Accepted(msgspec.Struct, frozen=True, tag="accepted"):
    """The run exists: its first event is on disk. From here on it needs nobody."""

    run_id: RunId
    existing: bool = False
    """The key named a run that was there already; nothing was started."""
    unmasked: dict[str, str] = {}
    """Names given as secrets whose values are not masked, each with why."""


class Started(msgspec.Struct, frozen=True, tag="started"):
    """The command runs, and the journal says so."""

    pid: int


class NotStarted(msgspec.Struct, frozen=True, tag="not_started"):
    """The command never ran; the run has ended, and the journal says why."""

    code: ReasonCode
    text: str
    exit_code: int
    """What a foreground `run` exits with: 127 not found, 126 not executable, 125 anything of ours."""


class NotReady(msgspec.Struct, frozen=True, tag="not_ready"):
    """The command ran, and was over before it said that it was ready; the journal says how."""

    code: str
    text: str

    @classmethod
    def of(cls, ended: "Ended") -> "NotReady":
        """Return what there is to say of a run that ended so."""
        if ended.reason is not None and ended.reason.code == "boot_timeout":
            return cls(ended.reason.code, ended.reason.text)
        how = f": {ended.reason.text}" if ended.reason and ended.reason.text else ""
        code = ended.reason.code if ended.reason else ended.status
        return cls(code, f"it {ended.status.replace('_', ' ')} before it was ready{how}")


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """The run has its final event and its seal."""

    status: Status
    exit_code: int | None = None
    signal: int | None = None
    reason: Reason | None = None


class Refusal(msgspec.Struct, frozen=True, tag="refused"):
    """No run was made."""

    error: str
    text: str


Message = Accepted | Started | NotStarted | NotReady | Ended | Refusal

_decoder: Final[msgspec.json.Decoder[Message]] = msgspec.json.Decoder(Message)


def encode(message: Message) -> bytes:
    """Return the message as one line."""
    return msgspec.json.encode(message) + b"\n"


def decode(line: bytes) -> Message | Literal[b""]:
    """Return the message on a line, or NUDGE."""
    return _decoder.decode(line) if line else NUDGE


def refusal(error: Exception, clean: Callable[[str], str]) -> Refusal:
    """Return what tells the caller about `error`; `clean` takes secrets out of its text."""
    if isinstance(error, RunloreError):
        return Refusal(type(error).__name__, clean(str(error)))
    return Refusal(
        "RunloreError",
        f"the keeper failed before the run existed: {type(error).__name__}: {clean(str(error))}",
    )


def as_error(refused: Refusal) -> RunloreError:
    """Return the error to raise for a refusal: of the same class where that is built from a message alone."""
    kind = getattr(errors, refused.error, RunloreError)
    while "__init__" in vars(kind) and kind is not RunloreError:
        kind = kind.__bases__[0]
    error: RunloreError = kind(refused.text)
    return error
