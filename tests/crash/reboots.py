"""Restart the machine, as far as a registry can tell: `python -m tests.crash.reboots ROUNDS FOLDER`.

Wants a mount namespace of its own (`unshare --mount`), where another file stands for the kernel's boot
id. A command that goes on across the restart is the stranger who has a recorded pid by then. Prints
one JSON line.
"""

import json
import os
import signal
import subprocess
import sys
import uuid
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Final

from runlore.journal import events, machine
from runlore.journal.disk import REAL
from runlore.journal.errors import AlreadyEnded
from runlore.journal.values import Identity
from runlore.runtimes import exit_file, observe
from runlore.runtimes.identity import look
from runlore.runtimes.launch import exec_adopter
from runlore.runtimes.registry import Registry
from tests.runtimes.keeping import Keeping, Kept, python, until
from tests.runtimes.kept_runs import Owned

BOOT_ID: Final = "/proc/sys/kernel/random/boot_id"
NOTES_SIGNALS: Final = """
import os, signal, time
def note(number, frame):
    with open("signalled", "a") as file:
        file.write(f"{number}\\n")
for number in range(1, 32):
    if number not in (9, 17, 19):
        signal.signal(number, note)
print("ready", flush=True)
while True:
    time.sleep(600)
"""
CODE: Final = 7


class Reboots:
    """Runs of one boot, looked at and acted on in the next."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._fake = self._folder / "boot_id"
        self._reboot()
        subprocess.run(["mount", "--bind", self._fake, BOOT_ID], check=True)
        machine.boot_id.cache_clear()
        (self._folder / "registry").mkdir(0o700)
        self._keeping = Keeping(self._folder / "registry")
        self._registry = Registry.open(self._keeping.layout.root)
        self.counts = Counter[str]()
        self.broken: list[str] = []

    def one(self) -> None:
        """Leave runs in every state of life, restart, and see what becomes of them."""
        running, command = self._running()
        ended = self._ended()
        waiting = self._keeping.watch(Owned(self._keeping.layout, queue="nightly").die())
        orphaned = self._keeping.watch(Owned(self._keeping.layout).die())
        self._reboot()
        self._expect_dead(running)
        self._act_on(running)
        written = {view.run_id for view in self._registry.reconcile() if view.written}
        self._expect(written, {ended.run_id, orphaned.run_id})  # the third is settled
        for kept in (running, orphaned):
            self._expect_lost(kept)
        result = self._registry.view(ended.run_id)
        self._expect((result.status, result.exit_code), ("failed", CODE))
        self._expect(self._registry.view(waiting.run_id).status, "queued")
        self._expect((self._folder / "signalled").exists(), False)
        self._expect(os.path.exists(f"/proc/{command.pid}"), True)
        os.kill(command.pid, signal.SIGKILL)
        self.counts["reboots"] += 1

    def _running(self) -> tuple[Kept, Identity]:
        """A run whose command runs; its keepers are dead, as after a restart."""
        kept = self._keeping.submit(*python(NOTES_SIGNALS))
        kept.started()
        until(kept.output)
        command = kept.event(events.RunStarted).handle.identity
        assert command is not None
        _kill_both(kept)
        self._expect(observe.look(kept.layout, kept.run_id).assessment.health, "unsupervised")
        return kept, command

    def _ended(self) -> Kept:
        """A run whose command ended, on record in its exit file alone."""
        gate = self._folder / "gate"
        gate.unlink(missing_ok=True)
        os.mkfifo(gate)
        kept = self._keeping.submit("sh", "-c", f"read line < gate; exit {CODE}")
        kept.started()
        os.kill(kept.keeper().pid, signal.SIGSTOP)
        gate.write_text("go on\n")
        until(lambda: exit_file.read(REAL, str(kept.path("exit"))))
        _kill_both(kept)
        return kept

    def _reboot(self) -> None:
        self._fake.write_text(f"{uuid.uuid4()}\n")
        machine.boot_id.cache_clear()

    def _expect_dead(self, kept: Kept) -> None:
        """Its owner is dead at once, and nobody of another boot is looked for."""
        found = observe.look(kept.layout, kept.run_id)
        self._expect((found.assessment.health, found.assessment.provisional), ("lost", True))
        self._expect(found.seen and found.seen.boot_changed, True)

    def _act_on(self, kept: Kept) -> None:
        """Adopt and stop it: there is nothing to adopt and nothing to stop.

        A request is taken while the process that was to adopt it writes down how it ended, for then it has
        an owner; nothing comes of that either.
        """
        exec_adopter(os.fsencode(kept.layout.root), kept.run_id)
        with suppress(AlreadyEnded):
            self._registry.get(kept.run_id).stop(force=True)
            self.counts["stops while it was concluded"] += 1
        self._expect("OwnerAdopted" in kept.tags(), False)

    def _expect_lost(self, kept: Kept) -> None:
        """Whoever holds the run's lock writes that down: the process that was to adopt it, or we."""
        until(lambda: "RunFailed" in kept.tags())
        final = kept.event(events.RunFailed)
        seen = final.observation
        self._expect(final.reason.code if final.reason else "", "owner_lost")
        self._expect(final.exit_code, None)
        self._expect(seen is not None and seen.boot_changed, True)

    def _expect(self, found: object, wanted: object) -> None:
        if found != wanted:
            where = sys._getframe(1)
            self.broken.append(f"{where.f_code.co_name} {where.f_lineno}: {found} instead of {wanted}")


def _kill_both(kept: Kept) -> None:
    keeper, wrapper = kept.keeper(), kept.wrapper()
    os.kill(wrapper.pid, signal.SIGSTOP)
    for who in (keeper, wrapper):
        os.kill(who.pid, signal.SIGKILL)
    until(lambda: {look(keeper), look(wrapper)} == {"gone"})
    kept.hang_up()


def main(rounds: str, folder: str) -> None:
    """Restart again and again, until something is broken."""
    reboots = Reboots(folder)
    for _ in range(int(rounds)):
        if not reboots.broken:
            reboots.one()
    print(json.dumps({**reboots.counts, "broken": reboots.broken}))


if __name__ == "__main__":
    main(*sys.argv[1:])
