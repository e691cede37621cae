"""What keeper and wrapper tell each other, one line of JSON each; version: events.PROTOCOL.

The wrapper alone knows in which order the end of its command and a wish to stop it came, so it answers
a wish (Intend) with Intended only if the command had not ended; otherwise Exited is the answer.
"""

from typing import Final

import msgspec

from runlore.journal.exit_record import ExitRecord
from runlore.journal.values import Identity, Reason


class Go(msgspec.Struct, frozen=True, tag="go"):
    """Keeper: the run is on record as booting; start the command."""


class Intend(msgspec.Struct, frozen=True, tag="intend"):
    """Keeper: the command is about to be stopped, for this reason; put it into the exit record."""

    reason: Reason


class Done(msgspec.Struct, frozen=True, tag="done"):
    """Keeper: everything is on record; nothing of yours is needed any more."""


class Running(msgspec.Struct, frozen=True, tag="running"):
    """Wrapper: the command's own code runs, or has run already."""

    identity: Identity
    since_s: float
    """When it began, on the monotonic clock of this boot."""


class NotSpawned(msgspec.Struct, frozen=True, tag="not_spawned"):
    """Wrapper: the command could not be started; the exit record, on disk, says why."""

    record: ExitRecord
    exit_code: int
    """What a shell would exit with."""


class Intended(msgspec.Struct, frozen=True, tag="intended"):
    """Wrapper: noted while the command had not ended."""


class Exited(msgspec.Struct, frozen=True, tag="exited"):
    """Wrapper: the command has ended; the exit record is on disk."""

    record: ExitRecord


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What has become of the command when a keeper begins; a later one is told by the wrapper."""

    begun: bool = False
    """The wrapper was told to start it: from there on only its end ends the run."""
    running: Running | None = None
    not_spawned: NotSpawned | None = None
    intended: Reason | None = None
    """It was being stopped, for this reason, before it had ended."""
    record: ExitRecord | None = None


FromKeeper = Go | Intend | Done
FromWrapper = Running | NotSpawned | Intended | Exited

_from_keeper: Final[msgspec.json.Decoder[FromKeeper]] = msgspec.json.Decoder(FromKeeper)
_from_wrapper: Final[msgspec.json.Decoder[FromWrapper]] = msgspec.json.Decoder(FromWrapper)


def encode(message: FromKeeper | FromWrapper) -> bytes:
    """Return the message as one line; it fits PIPE_BUF, so it is written whole or not at all."""
    return msgspec.json.encode(message) + b"\n"


def from_keeper(line: bytes) -> FromKeeper:
    """Return what the keeper said."""
    return _from_keeper.decode(line)


def from_wrapper(line: bytes) -> FromWrapper:
    """Return what the wrapper said."""
    return _from_wrapper.decode(line)
