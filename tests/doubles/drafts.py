"""Drafts of events, for those who only care that there are some."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Literal

from runlore.journal.events import (
    FORMAT,
    Event,
    RunBooting,
    RunCollecting,
    RunFailed,
    RunNoted,
    RunProgressed,
    RunQueued,
    RunStarted,
    RunStopRequested,
    RunSucceeded,
    RunTagged,
)
from runlore.journal.ids import mint
from runlore.journal.values import Handle, Identity, Owner, Reason, Recipe, RunId, Seq

Draft = Callable[[Seq, datetime], Event]

ANY_TIME: Final = datetime(2026, 11, 20, 20, 14, tzinfo=UTC)
"""A time for events whose time does not matter."""
BOOT: Final = "00000000-0000-0000-0000-00000000aaaa"
"""A boot that is not this one: after a power cut the machine has come up again."""
_OWNER: Final = Owner(host="here", identity=Identity(boot_id=BOOT, pid_ns=1, pid=4711))


def new_run_id(number: int = 1) -> RunId:
    """Return a run id; another number gives another id."""
    return mint(datetime(2026, 11, 20, 20, 14), number.to_bytes(5, "big"))  # noqa: DTZ001 - UTC by nature


def queued(
    run_id: RunId,
    *,
    durability: Literal["power", "process"] = "power",
    key: str = "",
    boot_id: str = BOOT,
    name: str = "nightly",
    recipe_blob: str | None = None,
    parent: str = "",
) -> Draft:
    """Draft the first event."""
    return lambda seq, at: RunQueued(
        seq=seq,
        at=at,
        format=FORMAT,
        run_id=run_id,
        recipe=Recipe(argv=("true",), cwd="/"),
        recipe_blob=recipe_blob,
        name=name,
        key=key,
        parent=parent,
        spec="ab" * 32 if key else None,
        durability=durability,
        boot_id=boot_id,
    )


def noted(text: str = "look at this") -> Draft:
    """Draft a note: a synced event anybody may append at any time."""
    return lambda seq, at: RunNoted(seq=seq, at=at, text=text)


def tagged(key: str = "env", value: str = "prod") -> Draft:
    """Draft a tag."""
    return lambda seq, at: RunTagged(seq=seq, at=at, tags={key: value})


def progressed(message: str = "loading", fraction: float = 0.5) -> Draft:
    """Draft the one event that may lie unsynced."""
    return lambda seq, at: RunProgressed(seq=seq, at=at, epoch=1, fraction=fraction, message=message)


def stop_requested() -> Draft:
    """Draft a request anybody may make."""
    return lambda seq, at: RunStopRequested(seq=seq, at=at, reason="enough")


def booting() -> Draft:
    """Draft the owner's first event."""
    return lambda seq, at: RunBooting(seq=seq, at=at, epoch=1, runtime="background", owner=_OWNER)


def started() -> Draft:
    """Draft the start of the command."""
    return lambda seq, at: RunStarted(seq=seq, at=at, epoch=1, handle=Handle(pid=4712))


def collecting() -> Draft:
    """Draft the end of the command."""
    return lambda seq, at: RunCollecting(seq=seq, at=at, epoch=1, exit_code=0)


def succeeded() -> Draft:
    """Draft the good end."""
    return lambda seq, at: RunSucceeded(seq=seq, at=at, epoch=1, exit_code=0)


def failed() -> Draft:
    """Draft a bad end."""
    reason = Reason(code="exit_nonzero", text="it said no")
    return lambda seq, at: RunFailed(seq=seq, at=at, epoch=1, exit_code=1, reason=reason)


LIFE: Final[tuple[Callable[[], Draft], ...]] = (booting, started, collecting, succeeded)
"""What follows `queued` in a short and happy life."""
EVERY_END: Final = (succeeded, failed)
