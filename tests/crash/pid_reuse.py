"""Give the pids of dead processes to strangers: `python -m tests.crash.pid_reuse CYCLES FOLDER`.

Wants to be the first process of a pid namespace of its own (`unshare --pid --fork --mount-proc`), where
nobody else takes the pids. Prints one JSON line.
"""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Final

from runlore.journal import events
from runlore.journal.disk import REAL
from runlore.journal.errors import RunloreError
from runlore.journal.values import Identity
from runlore.projections.health import Health
from runlore.runtimes import exit_file, observe, tree
from runlore.runtimes.identity import look, read_stat
from runlore.runtimes.launch import exec_adopter
from runlore.runtimes.registry import Registry
from tests.runtimes.keeping import Keeping, Kept, until

_HARMED: Final = frozenset("TtZXx")
"""States in /proc of a process that somebody has stopped or ended; any other it may be in by itself."""


class Cycles:
    """Runs of whose processes some die, and strangers who get their pids."""

    def __init__(self, folder: str) -> None:
        os.mkdir(f"{folder}/registry", 0o700)
        self._keeping = Keeping(Path(folder, "registry"))
        self._registry = Registry.open(self._keeping.layout.root)
        self._strangers: list[subprocess.Popen[bytes]] = []
        self.counts = Counter[str]()
        self.broken: list[str] = []

    def one(self) -> None:
        """Let every kind of run lose its pids to strangers once."""
        for life in (self._all_dead, self._wrapper_dead, self._keeper_dead, self._command_dead):
            kept = self._keeping.submit("sleep", "600")
            kept.started()
            try:
                life(kept)
                self._expect_unharmed(life.__name__)
            finally:
                kept.hang_up()
                self._dismiss()

    def _all_dead(self, kept: Kept) -> None:
        """Nothing of the run is left: whoever looks or acts takes nobody else for it."""
        keeper, wrapper, command = kept.keeper(), kept.wrapper(), _command(kept)
        os.kill(wrapper.pid, signal.SIGSTOP)
        for who in (keeper, wrapper, command):
            os.kill(who.pid, signal.SIGKILL)
            self._give_away(who)
        self._expect(_health(kept), "lost")
        exec_adopter(os.fsencode(kept.layout.root), kept.run_id)
        until(self._nobody_but_strangers, "the adopter's end")
        self._expect("OwnerAdopted" in kept.tags(), False)
        with suppress(RunloreError):
            self._registry.get(kept.run_id).stop(force=True)
        self._registry.reconcile([kept.run_id])
        ended = kept.event(events.RunFailed)
        self._expect(ended.reason.code if ended.reason else "", "owner_lost")

    def _wrapper_dead(self, kept: Kept) -> None:
        """The keeper lost its wrapper and stops its run."""
        wrapper = kept.wrapper()
        os.kill(wrapper.pid, signal.SIGKILL)
        self._give_away(wrapper)
        self._stopped(kept)

    def _keeper_dead(self, kept: Kept) -> None:
        """The run waits for its next keeper, which stops it."""
        keeper, wrapper = kept.keeper(), kept.wrapper()
        os.kill(wrapper.pid, signal.SIGSTOP)
        os.kill(keeper.pid, signal.SIGKILL)
        self._give_away(keeper)
        self._expect(_health(kept), "unsupervised")
        os.kill(wrapper.pid, signal.SIGCONT)
        self._stopped(kept)

    def _command_dead(self, kept: Kept) -> None:
        """The keeper is told to stop a command that has ended and whose pid is somebody else's."""
        keeper, command = kept.keeper(), _command(kept)
        os.kill(keeper.pid, signal.SIGSTOP)
        os.kill(command.pid, signal.SIGKILL)
        until(lambda: exit_file.read(REAL, str(kept.path("exit"))))
        self._give_away(command)
        kept.stop(force=True)
        os.kill(keeper.pid, signal.SIGCONT)
        ended = kept.end()
        self._expect((ended.status, ended.signal), ("failed", signal.SIGKILL))

    def _stopped(self, kept: Kept) -> None:
        kept.stop(force=True)
        self._expect(kept.end().status, "cancelled")
        self._expect(look(_command(kept)), "gone")

    def _give_away(self, who: Identity) -> None:
        """Make a stranger that has the pid of a process that was killed."""
        self._strangers.append(until(lambda: self._stranger(who.pid), f"a stranger with pid {who.pid}"))
        self.counts["reuses"] += 1
        self._expect(look(who), "gone")

    def _stranger(self, pid: int) -> "subprocess.Popen[bytes] | None":
        """Return a process that was given this pid; None if the kernel has not quite done with it."""
        self._reap()
        if read_stat(pid) is not None:
            return None
        Path("/proc/sys/kernel/ns_last_pid").write_text(str(pid - 1))
        stranger = subprocess.Popen(["sleep", "600"])
        if stranger.pid == pid:
            return stranger
        stranger.kill()
        stranger.wait()
        return None

    def _nobody_but_strangers(self) -> bool:
        self._reap()
        return {stat.pid for stat in tree.children_of(os.getpid())} <= self._pids()

    def _reap(self) -> None:
        """Reap orphans, which come to the first process of a namespace."""
        for stat in tree.children_of(os.getpid()):
            if stat.dead and stat.pid not in self._pids():
                os.waitpid(stat.pid, os.WNOHANG)

    def _pids(self) -> set[int]:
        return {stranger.pid for stranger in self._strangers}

    def _expect(self, found: object, wanted: object) -> None:
        if found != wanted:
            self.broken.append(f"{sys._getframe(1).f_code.co_name}: {found} instead of {wanted}")

    def _expect_unharmed(self, life: str) -> None:
        for stranger in self._strangers:
            state = Path(f"/proc/{stranger.pid}/stat").read_text().rpartition(")")[2].split()[0]
            if state in _HARMED:
                self.broken.append(f"{life}: a stranger was signalled, and is {state} now")

    def _dismiss(self) -> None:
        for stranger in self._strangers:
            stranger.kill()
            stranger.wait()
        self._strangers.clear()
        self._reap()


def _command(kept: Kept) -> Identity:
    identity = kept.event(events.RunStarted).handle.identity
    assert identity is not None
    return identity


def _health(kept: Kept) -> Health:
    return observe.look(kept.layout, kept.run_id).assessment.health


def main(cycles: str, folder: str) -> None:
    """Go through the cycles, until something is broken."""
    all_of_them = Cycles(folder)
    for _ in range(int(cycles)):
        if not all_of_them.broken:
            all_of_them.one()
    print(json.dumps({**all_of_them.counts, "broken": all_of_them.broken}))


if __name__ == "__main__":
    main(*sys.argv[1:])
