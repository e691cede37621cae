"""Signal, pause and unpause a run's processes: each one looked at and compared right before, or left alone.

A note says who did what. Nothing else here changes what a run is: its owner goes on keeping it, and
whatever the signal does to the command is put on record by whoever sees it end.
"""

import os
import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from runlore.journal import machine
from runlore.journal.errors import AlreadyEnded, BadInput, Elsewhere, NoHandle, Unverifiable
from runlore.journal.layout import Layout
from runlore.journal.values import Identity, RunId
from runlore.projections.run_state import OWN_PROCESS, RunState
from runlore.runtimes import identity, signals
from runlore.runtimes.appearance import OURS
from runlore.runtimes.folding import RunFold
from runlore.runtimes.identity import Gone, read_stat
from runlore.runtimes.labelling import note
from runlore.runtimes.observe import Look
from runlore.runtimes.signals import Refused, Sent
from runlore.runtimes.tree import Member, members

if TYPE_CHECKING:
    from runlore.runtimes.registry import Registry

_PATIENCE_S: Final = 5.0
"""How long a process may take to stop: one that waits for a disk cannot at once."""
_PAUSE_S: Final = 0.002
_QUIET_LOOKS: Final = 2


class Untouched(Struct, frozen=True, kw_only=True):
    """A process of the run that was left as it is, and why."""

    pid: int
    command: str
    why: str


class Intervention(Struct, frozen=True, kw_only=True):
    """What was done to a run's processes."""

    pids: tuple[int, ...]
    """Those that were signalled now."""
    left: tuple[Untouched, ...] = ()


class Target(Struct, frozen=True, kw_only=True):
    """A run whose command lives, and may be signalled from here."""

    layout: Layout
    run_id: RunId
    state: RunState
    command: Identity

    @property
    def owners(self) -> list[Identity]:
        """Our own processes above its tree; of a run that is its own process there are none."""
        state, handle = self.state, self.state.handle
        if state.runtime == OWN_PROCESS:
            return []
        known = (state.owner.identity if state.owner else None, handle.wrapper if handle else None)
        return [each for each in known if each is not None]


def send(registry: "Registry", run_id: RunId, number: int, *, tree: bool = False) -> Intervention:
    """Send a signal to the run's command, or to everything of the run: see `Run.signal`."""
    if not 0 < number < signal.NSIG:
        raise BadInput(f"signal {number} does not exist; they are 1 to {signal.NSIG - 1}")
    name = _signal_name(number)
    wanted = _target(registry, run_id, f"send {name} to")
    done = _send_all(_tree(wanted), number) if tree else _send_one(wanted, number, name)
    return _noted(registry, run_id, done, f"{name} sent to {_whom(done.pids)}")


def pause(registry: "Registry", run_id: RunId, reason: str = "") -> Intervention:
    """Stop everything of the run with SIGSTOP, also what is forked meanwhile; done when nothing runs."""
    done = _until_all(_target(registry, run_id, "pause"), signal.SIGSTOP, lambda stat: not stat.stopped)
    return _noted(registry, run_id, done, "paused", reason)


def unpause(registry: "Registry", run_id: RunId, reason: str = "") -> Intervention:
    """Let everything of the run that is stopped go on."""
    done = _until_all(_target(registry, run_id, "unpause"), signal.SIGCONT, lambda stat: stat.stopped)
    return _noted(registry, run_id, done, "unpaused", reason)


# -- what goes on record


def _noted(
    registry: "Registry", run_id: RunId, done: Intervention, deed: str, reason: str = ""
) -> Intervention:
    """Return what was done, after leaving on record who did it; where nothing was, there is no note."""
    if done.pids:
        note(registry, run_id, f"{deed}: {reason}" if reason.strip() else deed)
    return done


def _whom(pids: tuple[int, ...]) -> str:
    return f"process {pids[0]}" if len(pids) == 1 else f"{len(pids)} processes"


def _signal_name(number: int) -> str:
    """Return `SIGKILL` for 9; real-time signals keep their number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


# -- whether it may be touched


def _target(registry: "Registry", run_id: RunId, what: str) -> Target:
    """Return the run, if its command lives and can be told from a stranger here; `what` is to be done.

    Raises:
        NotPermitted: nobody may leave a note here. AlreadyEnded: it is over. NoHandle: it has no command yet.
        Elsewhere: it belongs to another machine, boot or container.
        Unverifiable: nobody can say here whose processes they are.
    """
    registry.require_writable()
    look = registry.observer.look(RunFold(registry.disk, registry.layout, run_id))
    state = look.assessment.state
    if state.ended:
        raise AlreadyEnded(run_id, what, so=f"there is nothing to {what}")
    command = state.handle.identity if state.handle else None
    owner = state.owner.identity if state.owner else None
    _require_here(state, command or owner, look, what)
    if command is None or state.status == "collecting_artifacts":
        raise NoHandle(
            f"run {run_id} is {state.status} and has no process to {what}; `runlore show {run_id}` tells more"
        )
    return Target(layout=registry.layout, run_id=run_id, state=state, command=command)


def _require_here(state: RunState, known: Identity | None, look: Look, what: str) -> None:
    """Return if the run's processes are those of this machine, this boot and this pid namespace."""
    if known is not None and known.boot_id and known.boot_id != machine.boot_id():
        host = state.owner.host if state.owner else "another machine"
        raise Elsewhere(
            f"run {state.run_id} belongs to another boot or machine ({host}); {what} it from there"
        )
    if known is not None and known.pid_ns != machine.pid_namespace():
        raise Elsewhere(
            f"run {state.run_id} lives in another pid namespace (a container); {what} it from in there"
        )
    if look.assessment.health == "unknown":
        detail = (look.seen.detail if look.seen else "") or "its owner cannot be verified"
        raise Unverifiable(f"run {state.run_id} was not touched: {detail}; see `runlore show {state.run_id}`")


# -- signals


def _tree(wanted: Target) -> list[Member]:
    """Return the run's processes, without keepers, wrappers, and this process if it is one of them.

    A pid counts as the keeper's or wrapper's only if that very process lived until the search was over.
    """
    roots = [each for each in wanted.owners if identity.look(each) == "alive"]
    lock = wanted.layout.tree_lock(wanted.run_id)
    while True:
        found = members(wanted.run_id, {each.pid for each in roots}, tree_lock=lock)
        alive = [each for each in roots if identity.look(each) == "alive"]
        if alive == roots:
            break
        roots = alive
    known = {member.identity.pid for member in found}
    if wanted.command.pid not in known and identity.look(wanted.command) == "alive":
        found.append(Member(wanted.command, "command"))
    return [member for member in found if member.name not in OURS and member.identity.pid != os.getpid()]


def _send_one(wanted: Target, number: int, name: str) -> Intervention:
    """Send a signal to the command.

    Raises:
        AlreadyEnded: the command ended just now. Unverifiable: the kernel or the comparison refused.
    """
    answer = signals.send(wanted.command, number)
    if isinstance(answer, Gone):
        raise AlreadyEnded(wanted.run_id, name, so=f"there is nothing to send {name} to")
    if isinstance(answer, Refused):
        raise Unverifiable(f"run {wanted.run_id}: {answer.why}")
    return Intervention(pids=(wanted.command.pid,))


def _send_all(wanted: list[Member], number: int) -> Intervention:
    pids: list[int] = []
    left: list[Untouched] = []
    for member in wanted:
        answer = signals.send(member.identity, number)
        if isinstance(answer, Sent):
            pids.append(member.identity.pid)
        elif isinstance(answer, Refused):
            left.append(Untouched(pid=member.identity.pid, command=member.name, why=answer.why))
    return Intervention(pids=tuple(pids), left=tuple(left))


def _until_all(wanted: Target, number: int, needs_it: Callable[[identity.ProcessStat], bool]) -> Intervention:
    """Signal whoever needs it until nobody does, or only those who cannot be signalled or do not obey.

    One look may miss the child of a process that was stopped while the look went by: two in a row do not.
    """
    reached: dict[int, None] = {}
    refused: dict[int, Untouched] = {}
    deadline = time.monotonic() + _PATIENCE_S
    waiting: list[Member] = []
    quiet = 0
    while quiet < _QUIET_LOOKS and time.monotonic() < deadline:
        needy = [member for member in _tree(wanted) if _needs(member, needs_it)]
        waiting = [member for member in needy if member.identity.pid not in refused]
        quiet = 0 if waiting else quiet + 1
        if waiting:
            done = _send_all(waiting, number)
            reached |= dict.fromkeys(done.pids)
            refused |= {each.pid: each for each in done.left}
            time.sleep(_PAUSE_S)  # the kernel stops a process when it next leaves the kernel
    for member in waiting:
        pid = member.identity.pid
        why = f"process {pid} does not obey yet: it waits inside the kernel"
        refused.setdefault(pid, Untouched(pid=pid, command=member.name, why=why))
    return Intervention(pids=tuple(reached), left=tuple(refused.values()))


def _needs(member: Member, needs_it: Callable[[identity.ProcessStat], bool]) -> bool:
    stat = read_stat(member.identity.pid)
    return stat is not None and not stat.dead and needs_it(stat)
