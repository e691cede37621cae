"""Look at a run's owner and command, and at its journal around them; the judgement itself is pure.

Nothing here writes, locks or signals: the kernel is asked whether a lock is held (F_OFD_GETLK leaves no
trace), whether a pidfd's process lives, and what the exit record says. So it works on a read-only
mount, as another user, in another container; what cannot be told from there is `unverifiable`.
"""

import os
from functools import cached_property
from typing import Final

from msgspec import Struct

from runlore.journal import machine
from runlore.journal.disk import REAL, Disk
from runlore.journal.exit_record import ExitRecord
from runlore.journal.layout import Layout
from runlore.journal.values import Identity, RunId
from runlore.projections.health import Assessment, CommandSeen, OwnerSeen, Seen, assess
from runlore.projections.run_state import OWN_PROCESS, RunState
from runlore.runtimes import exit_file, heartbeat, identity
from runlore.runtimes.folding import RunFold

_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK
_ATTEMPTS: Final = 16


class Look(Struct, frozen=True, kw_only=True):
    """A run as it is now, and what that rests on."""

    assessment: Assessment
    seen: Seen | None = None
    """The second of the two looks; None if the run has ended and nobody had to look."""


def look(layout: Layout, run_id: RunId, *, disk: Disk = REAL) -> Look:
    """Return the run as it is now; see `Observer.look`."""
    return Observer(disk, layout).look(RunFold(disk, layout, run_id))


def is_paused(state: RunState) -> bool:
    """Say whether the run's command is stopped by a signal; False where that cannot be told."""
    command = state.handle.identity if state.handle else None
    if command is None or state.collecting is not None:
        return False
    stat = identity.read_stat(command.pid)  # costs less than the comparison, and says no nearly always
    return stat is not None and stat.stopped and identity.look(command) == "alive"


class Observer:
    """Looks at the runs of one registry; asks once what does not change between looks."""

    def __init__(self, disk: Disk, layout: Layout) -> None:
        self._disk, self._layout = disk, layout

    def look(self, folded: RunFold) -> Look:
        """Return the run as it is now: its whole journal, judged with two looks around it.

        Observe, read to the end, observe and read again: `lost` and `unsupervised` rest on two free
        looks around an unchanged, unfinished journal. An ended run costs no look at all.

        Raises:
            NotFound: no such journal. JournalIO: the disk refused.
        """
        folded.advance()
        for _ in range(_ATTEMPTS):
            if folded.has_ended():
                break
            first = self.observe(folded.run_id, folded.state)
            folded.advance()
            if folded.has_ended():
                break
            if first.owner != "free":
                return Look(assessment=assess(folded.state, first, first), seen=first)
            second = self.observe(folded.run_id, folded.state)
            if not folded.advance():
                return Look(assessment=assess(folded.state, first, second), seen=second)
        if folded.has_ended():
            return Look(assessment=Assessment(state=folded.state, health="ended"))
        return Look(assessment=Assessment(state=folded.state, health="unknown"))

    def observe(self, run_id: RunId, state: RunState, *, holding: bool = False) -> Seen:
        """Return one look at the run's owner, its command and its exit record.

        The exit record is read last: if command and wrapper were gone by then, it is all there will be.
        holding: the caller has won the owner lock, after looks that found it free.
        """
        here = machine.boot_id()
        boot_changed = bool(state.boot_id and here and state.boot_id != here)
        owner: OwnerSeen = "free"
        detail = ""
        if not holding:
            owner, detail = self._owner(run_id, state, boot_changed=boot_changed)
        if owner == "held":
            beat = heartbeat.read(self._disk, self._layout.in_run(run_id, "heartbeat"))
            age_s = heartbeat.age_s(beat, self._disk.monotonic())
            paused = is_paused(state)
            if paused and state.runtime == OWN_PROCESS:
                age_s = None  # who was stopped on purpose cannot beat
            return Seen(owner=owner, at=self._disk.now(), heartbeat_age_s=age_s, paused=paused)
        command: CommandSeen = "unverifiable"
        if owner == "free":
            command = "gone" if boot_changed else self._command(run_id, state)
        record, unreadable = self._exit(run_id)
        if unreadable:
            owner, detail = "unverifiable", unreadable
        elif record is not None and record.journal_io:
            detail = "the journal refused its keeper: journal_io"
        return Seen(
            owner=owner,
            at=self._disk.now(),
            command=command,
            paused=command == "alive" and is_paused(state),
            exit=record,
            boot_changed=boot_changed,
            detail=detail,
        )

    def _owner(self, run_id: RunId, state: RunState, *, boot_changed: bool) -> tuple[OwnerSeen, str]:
        """Ask the kernel who holds the owner lock; where locks stay on one machine, its word is final."""
        detail = ""
        try:
            held = self._is_locked(self._layout.owner_lock(run_id))
        except FileNotFoundError:
            held, detail = False, "its lock file is missing"
        except OSError as error:
            return "unverifiable", f"its lock file cannot be asked: {error.strerror}"
        if held:
            return "held", ""
        if boot_changed and self._is_shared:
            return "unverifiable", "its owner is of another boot, and the file system is a network's"
        if self._owner_lives(state, forgotten=not detail):
            return "unverifiable", f"{detail or 'nobody holds its lock'}, but its owner lives"
        return "free", detail

    def _owner_lives(self, state: RunState, *, forgotten: bool) -> bool:
        """Say whether the process that was the owner lives, whatever the lock says: this may be a copy.

        A keeper never lets go of an unfinished run; a process that tracks its own may forget one.
        """
        if state.owner is None or (forgotten and state.runtime == OWN_PROCESS):
            return False
        return identity.look(state.owner.identity) == "alive"

    def _command(self, run_id: RunId, state: RunState) -> CommandSeen:
        """Say whether command or wrapper lives, by identity; by their lock where that cannot be compared."""
        if state.runtime == OWN_PROCESS:
            return "gone"
        known = self._identities(run_id, state)
        looks = {identity.look(each) for each in known}
        if "alive" in looks:
            return "alive"
        if known and "unverifiable" not in looks:
            return "gone"
        try:
            if self._is_locked(self._layout.tree_lock(run_id)):
                return "alive"
        except FileNotFoundError:
            pass
        except OSError:
            return "unverifiable"
        return "unverifiable" if known else "gone"

    def _identities(self, run_id: RunId, state: RunState) -> list[Identity]:
        """Return the processes to look for; a wrapper records itself before it starts anything."""
        handle = state.handle
        wrapper = handle.wrapper if handle else None
        if wrapper is None:
            from runlore.runtimes.wrapper import recorded_identity  # noqa: PLC0415 - rare, and loads ctypes

            wrapper = recorded_identity(self._layout.in_run(run_id, "wrapper"))
        return [each for each in (handle.identity if handle else None, wrapper) if each is not None]

    def _exit(self, run_id: RunId) -> tuple[ExitRecord | None, str]:
        try:
            return exit_file.read(self._disk, self._layout.in_run(run_id, "exit")), ""
        except OSError as error:
            return None, f"its exit record cannot be read: {error.strerror}"

    def _is_locked(self, path: str) -> bool:
        fd = self._disk.open(path, _FLAGS)
        try:
            return self._disk.is_locked(fd)
        finally:
            self._disk.close(fd)

    @cached_property
    def _is_shared(self) -> bool:
        """Locks of other machines may not be seen here."""
        kind = machine.file_system(self._layout.root)
        return not kind or machine.is_network(kind)
