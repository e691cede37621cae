"""Kill a keeper at each of its system calls: `python -m tests.crash.keeper_kills EVERY PART OF FOLDER`.

strace delivers SIGKILL when the keeper enters its n-th call of a kind. Nobody helps the run after that:
its wrapper starts the next keeper. EVERY takes only some of the n, PART of OF some of those. Prints one
JSON line.
"""

import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from runlore.journal.disk import REAL
from runlore.journal.errors import NotFound, RunloreError
from runlore.journal.journal_ids import journal_ids
from runlore.journal.values import RunId
from runlore.runtimes import launch
from runlore.runtimes.link import KeeperLink
from runlore.runtimes.registry import Registry
from tests.crash.kept_lives import COMMAND, DEADLINE_S, Traced, kill_everywhere, sealed, wrong_end
from tests.runtimes.keeping import Keeping, Kept


def _life(folder: str, options: list[str]) -> tuple[str, list[str]]:
    """Return what became of a run whose first keeper lives under strace, and what is wrong about that."""
    os.makedirs(f"{folder}/registry", mode=0o700)
    keeping = Keeping(Path(folder, "registry"))
    with launch.exec_keeper() as link, Traced(_keeper_of(link), options) as tracer:
        run_id = _submitted(keeping, link)
        problems = list(_wrong(keeping, run_id))
        tracer.wait(DEADLINE_S)
    tags = keeping.watch(run_id).tags() if run_id else []
    if not problems:
        shutil.rmtree(folder)
    return ("adopted" if "OwnerAdopted" in tags else "ended" if tags else "refused"), problems


def _submitted(keeping: Keeping, link: KeeperLink) -> RunId | None:
    """Submit; a keeper that dies before it answers may have made the run or not."""
    argv = (sys.executable, "-I", "-S", "-c", COMMAND)
    try:
        return link.submit(keeping.spec(*argv)).run_id
    except RunloreError:
        with suppress(NotFound):
            return next(iter(journal_ids(REAL, keeping.layout)), None)
        return None


def _never_began(kept: Kept) -> bool:
    """Say whether the first event was cut: there is a file, and no run."""
    return not kept.tags() and not kept.path("wrapper").exists()


def _wrong(keeping: Keeping, run_id: RunId | None) -> Iterator[str]:
    """Say what is wrong about a run that nobody acted on, once it has ended."""
    if run_id is None:
        return
    kept = keeping.watch(run_id)
    if _never_began(kept):
        return
    if sealed(kept):
        yield from wrong_end(kept)
        return
    view = Registry.open(keeping.layout.root).view(run_id)
    code = view.reason.code if view.reason else ""
    if "RunBooting" in kept.tags() or (view.status, code) != ("failed", "owner_lost"):
        yield f"never ended: {view.status} {view.health} {code} {kept.tags()} {kept.note()}"


def _keeper_of(link: KeeperLink) -> int:
    """Return the pid of the keeper that reads the other end of a link's pipe, once it left its launcher."""
    ours = os.fstat(link._spec_fd).st_ino
    link._launcher.wait()  # type: ignore[union-attr]  # exec_keeper has one
    until = time.monotonic() + DEADLINE_S
    while time.monotonic() < until:
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with suppress(OSError):
                if int(pid) != os.getpid() and _reads(pid, ours):
                    return int(pid)
    sys.exit("no keeper came")


def _reads(pid: str, pipe: int) -> bool:
    return any(os.stat(f"/proc/{pid}/fd/{fd}").st_ino == pipe for fd in os.listdir(f"/proc/{pid}/fd"))


if __name__ == "__main__":
    every, part, of = (int(word) for word in sys.argv[1:4])
    kill_everywhere(_life, every, part, of, sys.argv[4])
