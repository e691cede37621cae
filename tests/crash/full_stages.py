"""Fill the disk at a stage of a run: `python -m tests.crash.full_stages ROUNDS FOLDER`.

Wants a mount namespace of its own, for a small tmpfs below FOLDER. At each stage the keeper stands
still until a greedy neighbour has taken all room there is, and whatever is given back; then it goes on,
or is killed. Once the run has ended, the neighbour goes. Prints one JSON line.
"""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import termios
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, Final, Self

from runlore.journal import events
from runlore.journal.disk import REAL
from runlore.journal.errors import RunloreError
from runlore.journal.verify import verify
from runlore.runtimes import boot, finish, launch
from runlore.runtimes.capture import StreamCapture
from runlore.runtimes.keeper_loop import KeeperLoop
from runlore.runtimes.owned_run import OwnedRun
from runlore.runtimes.transcript_reader import TranscriptReader
from tests.runtimes.keeping import Keeping, Kept, python, until

SIZE_KIB: Final = 1024
ROOM_RETURNS: Final = "while it prints, until there is room again"
LINES: Final = 20_000
PRINTS: Final = (
    f"import os\nfor start in range(0, {LINES}, 100):\n"
    "    os.write(1, b''.join(b'%d\\n' % number for number in range(start, start + 100)))\n"
    "    open('/proc/self/stat').read()\n"
    "open('ran', 'a').write('once')\nos._exit(42)"
)
IN_HALVES: Final = (
    f"import os\nfor start in (0, {LINES // 2}):\n"
    "    open('gate').read()\n"
    f"    os.write(1, b''.join(b'%d\\n' % number for number in range(start, start + {LINES // 2})))\n"
    "    open('printed', 'a').write('half')\n"
    "open('ran', 'a').write('once')\nos._exit(42)"
)
"""Prints one half each time somebody opens its gate."""
PRINTED: Final = b"".join(b"%d\n" % number for number in range(LINES))
STAGES: Final[dict[str, tuple[Any, str, int]]] = {
    "before it is owned": (boot, "take_over", 1),
    "before the start": (KeeperLoop, "keep", 1),
    "before the start is on record": (KeeperLoop, "_note_start", 1),
    "while it prints": (StreamCapture, "take", 3),
    "before its end is on record": (finish, "_append_collecting", 1),
    "before the final event": (finish, "_append_final", 1),
    "before letting go": (OwnedRun, "let_go", 1),
}
"""What a keeper is about to do for the n-th time when the disk is full."""
GREEDY: Final = """
import os, sys, time
fd, told = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND), False
while True:
    try:
        os.write(fd, bytes(4096))
    except OSError:
        if not told:
            print("full", flush=True)
        told = True
        time.sleep(0.001)
"""


@contextmanager
def no_room(disk: Path) -> Iterator[None]:
    """Let a neighbour take all the room on a disk, until the block is left."""
    command = [sys.executable, "-I", "-S", "-c", GREEDY, str(disk / "neighbour")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as neighbour:
        assert neighbour.stdout is not None
        neighbour.stdout.readline()
        try:
            yield
        finally:
            neighbour.kill()
            neighbour.wait()
            (disk / "neighbour").unlink()


class Stage:
    """One place in a keeper's code, at which it stands still once."""

    def __init__(self, folder: Path, name: str, *, dies: bool) -> None:
        self._target, self._attribute, self._calls_left = STAGES[name]
        self._original: Callable[..., object] = getattr(self._target, self._attribute)
        self._reached, self._full, self._over = folder / "reached", folder / "full", folder / "over"
        self._dies = dies
        for fifo in (self._reached, self._full):
            os.mkfifo(fifo)

    def __enter__(self) -> Self:
        def stand(*args: object, **named: object) -> object:  # a function, so that it becomes a method
            return self._stand(*args, **named)

        setattr(self._target, self._attribute, stand)
        return self

    def __exit__(self, *_: object) -> None:
        setattr(self._target, self._attribute, self._original)

    def _stand(self, *args: object, **named: object) -> object:
        """Do what is to be done here, in the keeper, after waiting for the disk to be full."""
        self._calls_left -= 1
        if self._calls_left == 0 and not self._over.exists():
            self._reached.write_text("here")
            self._full.read_text()
            if self._dies:
                os.kill(os.getpid(), signal.SIGKILL)
        return self._original(*args, **named)

    def pass_with(self, disk: Path, kept: Kept) -> None:
        """Fill the disk when the keeper has come here, and give the room back when the run has ended.

        The wrapper may be on its way still: one that finds no room to record itself rightly starts nothing.
        """
        self._reached.read_text()
        kept.wrapper()
        with no_room(disk):
            self._over.touch()
            self._full.write_text("go on")
            until(lambda: "RunSealed" in kept.tags(), "the seal")
            until(lambda: not kept.path("heartbeat").exists(), "the keeper's end")


def registry_on(disk: Path) -> Keeping:
    """A new registry."""
    (disk / "registry").mkdir(0o700)
    return Keeping(disk / "registry")


def one(disk: Path, folder: Path, *, name: str, dies: bool) -> Iterator[str]:
    """Let one run meet a full disk; say what is wrong about it."""
    folder.mkdir()
    keeping = registry_on(disk)
    try:
        with Stage(folder, name, dies=dies) as stage:
            link = launch.fork_keeper()
            spec = keeping.spec(*python(PRINTS), cwd=str(folder))
            kept = keeping.watch(link.submit(spec).run_id, link)
            stage.pass_with(disk, kept)
        yield from wrong(kept, folder)
        again = keeping.run(*python(PRINTS), cwd=str(folder))
        if again.output() != PRINTED or again.end().exit_code != 42:
            yield f"with room again: {again.end()} after {len(again.output())} bytes"
    finally:
        keeping.clean()
        shutil.rmtree(disk / "registry")


def room_returns(disk: Path, folder: Path, *, dies: bool) -> Iterator[str]:
    """Let a disk be full only while a run prints its first half; say what is wrong about it."""
    folder.mkdir()
    keeping, gate = registry_on(disk), folder / "gate"
    os.mkfifo(gate)
    try:
        kept = keeping.submit(*python(IN_HALVES), cwd=str(folder))
        kept.started()
        with no_room(disk):
            gate.write_text("first half")
            until((folder / "printed").exists, "the first half")
            until(lambda: _has_taken_all(kept), "a keeper that has dealt with all of it")
            if dies:
                kept.kill(kept.keeper())
        gate.write_text("second half")
        kept.end()
        yield from wrong(kept, folder)
        dropped = kept.event(events.RunCollecting).dropped_bytes
        if not kept.output().endswith(PRINTED[len(PRINTED) // 2 :]):
            yield "what was printed once there was room is not all there"
        if (told := _told(kept)) != len(PRINTED) or (not dropped and not dies):
            yield f"the transcript tells of {told} bytes, {dropped} were dropped"
    finally:
        keeping.clean()
        shutil.rmtree(disk / "registry")


def _waiting_bytes(kept: Kept) -> int:
    """How much of what the command printed nobody has taken yet."""
    fd = os.open(kept.path("out"), os.O_RDONLY | os.O_NONBLOCK)
    try:
        return int.from_bytes(fcntl.ioctl(fd, termios.FIONREAD, bytes(4)), sys.byteorder)
    finally:
        os.close(fd)


def _has_taken_all(kept: Kept) -> bool:
    """Nothing is left to take, and the keeper, which may have taken it a moment ago, waits for more."""
    stat = Path(f"/proc/{kept.keeper().pid}/stat")
    return _waiting_bytes(kept) == 0 and stat.read_text().rpartition(")")[2].split()[0] == "S"


def _told(kept: Kept) -> int:
    """Of how many bytes the transcript tells, gaps included."""
    with TranscriptReader(REAL, kept.layout, kept.run_id) as reader:
        return sum(len(chunk.data) + chunk.lost for chunk in reader.read_available())


def wrong(kept: Kept, folder: Path) -> Iterator[str]:
    """Say what is wrong about a run that met a full disk and ended."""
    ended, collecting = kept.event(events.RunFailed), kept.event(events.RunCollecting)
    if ended.exit_code != 42 or (folder / "ran").read_text() != "once":
        yield f"ended with {ended.exit_code} {ended.reason}"
    if collecting.transcript_bytes + collecting.dropped_bytes != len(PRINTED):
        yield f"{collecting.transcript_bytes} bytes kept and {collecting.dropped_bytes} dropped"
    with TranscriptReader(REAL, kept.layout, kept.run_id) as reader:
        place = 0
        for chunk in reader.read_available():
            if PRINTED[place : place + len(chunk.data)] != chunk.data:
                yield f"wrong bytes at {place}"
            place += len(chunk.data) + chunk.lost
    if found := verify(REAL, kept.layout, kept.run_id).findings:
        yield f"damaged: {found}"


def refused(disk: Path) -> Iterator[str]:
    """Submit on a full disk; say what is wrong about the answer and what is left of it."""
    keeping = registry_on(disk)
    keeping.run("true")
    before = set(disk.rglob("*"))
    with no_room(disk):
        try:
            with launch.fork_keeper() as link:
                keeping.watch(link.submit(keeping.spec("true")).run_id)
            yield "a run was made on a full disk"
        except RunloreError as error:
            if "nothing was" not in str(error) and error.exit_code == 1:
                yield f"refused as if it were our fault: {error!r}"
    if left := set(disk.rglob("*")) - before:
        yield f"left behind: {sorted(left)}"
    shutil.rmtree(disk / "registry")


def main(rounds: str, folder: str) -> None:
    """Go through all stages, with a keeper that goes on and one that is killed."""
    found, broken, disk = Counter[str](), list[str](), Path(folder, "disk")
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_KIB}k,mode=700", "tmpfs", disk], check=True)
    for number in range(int(rounds)):
        broken += refused(disk)
        found["submissions refused"] += 1
        for name, dies in product((*STAGES, ROOM_RETURNS), (False, True)):
            place = Path(folder, f"{number}-{name}-{dies}".replace(" ", "-"))
            problems = room_returns if name == ROOM_RETURNS else partial(one, name=name)
            broken += [f"{name}, dies={dies}: {problem}" for problem in problems(disk, place, dies=dies)]
            found["keepers killed" if dies else "keepers that went on"] += 1
    print(json.dumps({**found, "broken": broken}))


if __name__ == "__main__":
    main(*sys.argv[1:])
