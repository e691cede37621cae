"""What keeper and wrapper tell each other, one line of JSON each; version: events.PROTOCOL.

The wrapper alone knows in which order the end of its command and a wish to stop it came, so it answers
a wish (Intend) with Intended only if the command had not ended; otherwise Exited is the answer.
"""

from typing import Final, Literal

import msgspec

from runlore.journal.exit_record import ExitRecord
from runlore.journal.values import Identity, Reason

Stage = Literal["setup", "cwd", "exec"]


class Go(msgspec.Struct, frozen=True, tag="go"):
    """Keeper: the run is on record as booting; start the command."""


class Intend(msgspec.Struct, frozen=True, tag="intend"):
    """Keeper: the command is about to be stopped, for this reason; put it into the exit record."""

    reason: Reason


class Done(msgspec.Struct, frozen=True, tag="done"):
    """Keeper: everything is on record; nothing of yours is needed any more."""


class Forked(msgspec.Struct, frozen=True, tag="forked"):
    """Wrapper: the command's process exists and waits at its gate; it has not begun."""

    identity: Identity


class Running(msgspec.Struct, frozen=True, tag="running"):
    """Wrapper: the command's own code runs."""


class SpawnFailed(msgspec.Struct, frozen=True, tag="spawn_failed"):
    """The command's process, before it gave up: why its code could not be started."""

    stage: Stage
    errno: int
    text: str


class Intended(msgspec.Struct, frozen=True, tag="intended"):
    """Wrapper: noted while the command had not ended."""


class Exited(msgspec.Struct, frozen=True, tag="exited"):
    """Wrapper: the command has ended; the exit record is on disk."""

    record: ExitRecord


FromKeeper = Go | Intend | Done
FromWrapper = Forked | Running | SpawnFailed | Intended | Exited

_from_keeper: Final[msgspec.json.Decoder[FromKeeper]] = msgspec.json.Decoder(FromKeeper)
_from_wrapper: Final[msgspec.json.Decoder[FromWrapper]] = msgspec.json.Decoder(FromWrapper)


def encode(message: FromKeeper | FromWrapper) -> bytes:
    """Return the message as one line; it fits PIPE_BUF, so it is written whole or not at all."""
    return msgspec.json.encode(message) + b"\n"


def from_keeper(line: bytes) -> FromKeeper:
    """Return what the keeper said."""
    return _from_keeper.decode(line)


def from_wrapper(line: bytes) -> FromWrapper:
    """Return what the wrapper, or the command's process before its exec, said."""
    return _from_wrapper.decode(line)
