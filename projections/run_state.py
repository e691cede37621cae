"""What a journal says about its run: the state that the status projection folds.

It keeps the landmark events themselves where their data is theirs alone, and fields where several
events write the same thing. msgspec can encode it and read it back. Pure.
"""

from datetime import UTC, datetime
from typing import Final

from msgspec import Struct, structs

from runlore.journal.events import (
    ArtifactPromoted,
    FinalEvent,
    RunAccepted,
    RunBooting,
    RunCollecting,
    RunExpired,
    RunPreviewChanged,
    RunProgressed,
    RunQueued,
    RunRemoved,
    RunResultSet,
    RunStopRequested,
)
from runlore.journal.lifecycle import TERMINAL
from runlore.journal.values import (
    Durability,
    ExitCode,
    Handle,
    Observation,
    Origin,
    Owner,
    Reason,
    Recipe,
    RunId,
    Seq,
    SignalNumber,
    Status,
    Usage,
)

BEGINNING: Final = datetime.min.replace(tzinfo=UTC)
"""Earlier than any event."""
OWN_PROCESS: Final = "process"
"""Runtime of a run that is the process which owns it: no command outlives its owner, nothing is captured."""

IMPORTED: Final = "imported"
"""Runtime of a run that other tools ran."""


class Working(Struct, gc=False):
    """The state inside one fold: changed in place, never handed out."""

    run_id: RunId = RunId("")
    format: int = 0
    seq: Seq = Seq(0)
    """Position of the last event."""
    reached_at: datetime = BEGINNING
    """Effective time: the largest `at` so far."""
    last_activity_at: datetime = BEGINNING
    """When the run itself last did anything; BEGINNING if it did not yet."""
    status: Status | None = None
    """None before `run.queued`, and for a journal whose beginning lies elsewhere."""
    queued: RunQueued | None = None
    name: str = ""
    tags: dict[str, str] = {}
    created_at: datetime | None = None
    booting: RunBooting | None = None
    booted_at: datetime | None = None
    owner: Owner | None = None
    """The last process known to have held the owner lock."""
    epoch: int = 0
    handle: Handle | None = None
    started_at: datetime | None = None
    ready: bool = False
    """The workload said so; whether anybody waits for it is in the recipe."""
    progress: RunProgressed | None = None
    """The last one whole: what the workload does not repeat is not shown."""
    preview: RunPreviewChanged | None = None
    result: RunResultSet | None = None
    stop: RunStopRequested | None = None
    """The first request; later ones change nothing."""
    stop_at: datetime | None = None
    collecting: RunCollecting | None = None
    declares: bool = False
    """Outputs were declared, by the submitter or by the workload."""
    artifact_count: int = 0
    artifact_bytes: int = 0
    final: FinalEvent | None = None
    ended_at: datetime | None = None
    """When the command ended, from the evidence; never before `started_at`."""
    output_dropped: bool = False
    """Nobody was left who knew its secrets, so its output was counted and not kept from then on."""
    pinned: bool = False
    promoted: bool = False
    promotions: int = 0
    promotion: ArtifactPromoted | None = None
    """The last of them."""
    accepted: bool = False
    acceptance: RunAccepted | None = None
    """The first one."""
    expired: RunExpired | None = None
    """The decision that removed its outputs; None once they came back."""
    expired_at: datetime | None = None
    removed: RunRemoved | None = None
    """The receipt: they are gone for good."""
    removed_at: datetime | None = None
    restored: bool = False
    """Somebody took it back from the trash."""
    sealed_seq: Seq = Seq(0)


class RunState(Working, frozen=True, gc=False):  # type: ignore[misc]  # msgspec can freeze a subclass
    """What a journal says about its run, up to `seq`. Never changes; a later fold gives a new one."""

    @property
    def ended(self) -> bool:
        """The run has its final event."""
        return self.status in TERMINAL

    @property
    def sealed(self) -> bool:
        """The last event is a seal."""
        return self.seq > 0 and self.sealed_seq == self.seq

    @property
    def recipe(self) -> Recipe | None:
        """What was asked for."""
        return self.queued.recipe if self.queued else None

    @property
    def key(self) -> str:
        """The idempotency key; empty without one."""
        return self.queued.key if self.queued else ""

    @property
    def origin(self) -> Origin | None:
        """The run or record this one comes from."""
        return self.queued.origin if self.queued else None

    @property
    def durability(self) -> Durability:
        """What an acknowledged append of this journal survives."""
        return self.queued.durability if self.queued else "power"

    @property
    def boot_id(self) -> str:
        """The boot its last owner, or else its submitter, lived in; empty if not known."""
        if self.owner is not None:
            return self.owner.identity.boot_id
        return self.queued.boot_id if self.queued else ""

    @property
    def runtime(self) -> str:
        """The adapter that runs it, or is to."""
        if self.booting is not None:
            return self.booting.runtime
        return self.queued.recipe.runtime if self.queued else ""

    @property
    def exit_code(self) -> ExitCode | None:
        """The command's exit code, if it ended by itself and anybody saw it."""
        source = self._exit()
        return source.exit_code if source else None

    @property
    def signal(self) -> SignalNumber | None:
        """The signal that ended the command."""
        source = self._exit()
        return source.signal if source else None

    @property
    def usage(self) -> Usage | None:
        """What the command used."""
        return self.collecting.usage if self.collecting else None

    @property
    def reason(self) -> Reason | None:
        """Why it ended as it did."""
        return self.final.reason if self.final else None

    @property
    def observation(self) -> Observation | None:
        """What a reconciler saw, if one wrote the final event."""
        return self.final.observation if self.final else None

    def _exit(self) -> "RunCollecting | FinalEvent | None":
        """The first event that knows how the command ended: later ones may not replace it."""
        first = self.collecting
        if first is not None and (first.exit_code is not None or first.signal is not None):
            return first
        return self.final


def thaw(state: RunState) -> Working:
    """Return a copy that a fold may change. Containers in it are replaced, never changed."""
    return Working(*structs.astuple(state))


def freeze(working: Working) -> RunState:
    """Return what a fold has made."""
    return RunState(*structs.astuple(working))
