"""One run under strace: a command that tells whether anything of it was lost, and what may not be wrong.

Shared by those who kill a keeper or a wrapper at each of its system calls.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from runlore.journal import events
from runlore.journal.disk import REAL
from runlore.journal.values import Stream
from runlore.journal.verify import verify
from runlore.runtimes.registry import Registry
from tests.runtimes.keeping import Kept

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
Life = Callable[[str, list[str]], tuple[str, list[str]]]
"""Live one run in a folder, one of its processes under strace with these options; return what became of
it, and what is wrong about that."""


def kill_everywhere(life: Life, every: int, part: int, of: int, folder: str) -> None:
    """Count the calls of an undisturbed process, then kill one at each of them; print one JSON line."""
    log = f"{folder}/log"
    life(f"{folder}/rehearsal", ["-o", log])
    with open(log, encoding="ascii", errors="replace") as file:
        calls = Counter(line.partition("(")[0] for line in file if "(" in line)
    points = [(call, number) for call, times in sorted(calls.items()) for number in range(1, times + 1)]
    found = Counter[str]()
    broken: list[str] = []
    for call, number in points[part :: every * of]:
        inject = ["-o", "/dev/null", "-e", f"inject={call}:signal=SIGKILL:when={number}"]
        verdict, problems = life(tempfile.mkdtemp(dir=folder), inject)
        found[verdict] += 1
        broken += [f"{call} {number}: {problem}" for problem in problems]
    print(json.dumps({"kills": found.total(), **found, "broken": broken}))


def wrong_end(kept: Kept) -> Iterator[str]:
    """Say what is wrong about the end of a run whose command ran."""
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


def sealed(kept: Kept) -> bool:
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


class Traced:
    """strace, attached to one process and no other; detached at the end."""

    def __init__(self, pid: int, options: list[str]) -> None:
        command = ["strace", "--quiet=exit", "-p", str(pid), *options]
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
