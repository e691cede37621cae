"""Kill a keeper at each of its system calls: `python -m tests.crash.keeper_kills EVERY PART OF FOLDER`.

strace delivers SIGKILL when the keeper enters its n-th call of a kind. Nobody helps the run after that:
its wrapper starts the next keeper. EVERY takes only some of the n, PART of OF some of those. Prints one
JSON line.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from runlore.journal import events
from runlore.journal.disk import REAL
from runlore.journal.errors import NotFound, RunloreError
from runlore.journal.reader import journal_ids
from runlore.journal.values import RunId, Stream
from runlore.journal.verify import verify
from runlore.runtimes import launch
from runlore.runtimes.link import KeeperLink
from runlore.runtimes.registry import Registry
from tests.runtimes.keeping import Keeping, Kept

LINES: Final = 40
EXIT_CODE: Final = 42
COMMAND: Final = (
    "import os, time\n"
    f"for number in range({LINES}):\n"
    "    os.write(1 + number % 2, b'%d\\n' % number)\n"
    "    time.sleep(0.001)\n"
    "open('ran', 'a').write('once')\n"
    f"os._exit({EXIT_CODE})"
)
OUTPUT: Final[dict[Stream, bytes]] = {
    "stdout": b"".join(b"%d\n" % number for number in range(0, LINES, 2)),
    "stderr": b"".join(b"%d\n" % number for number in range(1, LINES, 2)),
}
DEADLINE_S: Final = 30.0


def main(every: str, part: str, of: str, folder: str) -> None:
    """Count the calls of an undisturbed keeper, then kill one at each of them."""
    log = f"{folder}/log"
    _life(f"{folder}/rehearsal", ["-o", log])
    with open(log, encoding="ascii", errors="replace") as file:
        calls = Counter(line.partition("(")[0] for line in file if "(" in line)
    points = [(call, number) for call, times in sorted(calls.items()) for number in range(1, times + 1)]
    found = Counter[str]()
    broken: list[str] = []
    for call, number in points[int(part) :: int(every) * int(of)]:
        inject = ["-o", "/dev/null", "-e", f"inject={call}:signal=SIGKILL:when={number}"]
        verdict, problems = _life(tempfile.mkdtemp(dir=folder), inject)
        found[verdict] += 1
        broken += [f"{call} {number}: {problem}" for problem in problems]
    print(json.dumps({"kills": found.total(), **found, "broken": broken}))


def _life(folder: str, options: list[str]) -> tuple[str, list[str]]:
    """Return what became of a run whose first keeper lives under strace, and what is wrong about that."""
    os.makedirs(f"{folder}/registry", mode=0o700)
    keeping = Keeping(Path(folder, "registry"))
    with launch.exec_keeper() as link, _Traced(link, options) as tracer:
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
    if _sealed(kept):
        yield from _wrong_end(kept)
        return
    view = Registry.open(keeping.layout.root).view(run_id)
    code = view.reason.code if view.reason else ""
    if "RunBooting" in kept.tags() or (view.status, code) != ("failed", "owner_lost"):
        yield f"never ended: {view.status} {view.health} {code} {kept.tags()} {kept.note()}"


def _wrong_end(kept: Kept) -> Iterator[str]:
    ended = kept.event(events.RunFailed)
    if ended.exit_code != EXIT_CODE or ended.reason is None or ended.reason.code != "exit_nonzero":
        yield f"ended with {ended.exit_code} {ended.reason}"
    if found := verify(REAL, kept.layout, kept.run_id).findings:
        yield f"damaged: {found}"
    if Path(kept.layout.root).parent.joinpath("ran").read_text() != "once":
        yield "the command did not run once"
    for stream, written in OUTPUT.items():
        if (got := kept.output(stream)) != written:
            yield f"{stream}: {len(got)} bytes instead of {len(written)}"
    for kind in ("RunStarted", "RunCollecting", "RunFailed", "RunSealed"):
        if kept.tags().count(kind) != 1:
            yield f"{kept.tags().count(kind)} {kind}"


def _sealed(kept: Kept) -> bool:
    """Wait for the seal; False if nobody is left who could write it."""
    until = time.monotonic() + DEADLINE_S
    while time.monotonic() < until:
        tags = kept.tags()
        if "RunSealed" in tags:
            return True
        if "RunBooting" not in tags and not kept.path("wrapper").exists() and _nobody_owns(kept):
            return False
        time.sleep(0.005)
    return False


def _nobody_owns(kept: Kept) -> bool:
    view = Registry.open(kept.layout.root).view(kept.run_id)
    return view.provisional


class _Traced:
    """strace, attached to the keeper behind a link; detached at the end."""

    def __init__(self, link: KeeperLink, options: list[str]) -> None:
        command = ["strace", "--quiet=exit", "-p", str(_keeper_of(link)), *options]
        self._tracer = subprocess.Popen(command, stderr=subprocess.PIPE)
        assert self._tracer.stderr is not None
        said = self._tracer.stderr.readline()
        if b"attached" not in said:
            sys.exit(f"strace could not attach: {said.decode(errors='replace')}")

    def __enter__(self) -> "subprocess.Popen[bytes]":
        return self._tracer

    def __exit__(self, *_: object) -> None:
        self._tracer.kill()
        self._tracer.communicate()


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
    main(*sys.argv[1:])
