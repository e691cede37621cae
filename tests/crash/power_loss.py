"""Cut the power of a real file system: `python -m tests.crash.power_loss KIND TRIALS SEED FOLDER`.

For root, in a mount namespace of its own. A loop device carries ext4 or XFS; FS_IOC_SHUTDOWN drops
everything that was not flushed, as xfstests does it ("godown"); then it is mounted again, and the next
appender comes. Prints one JSON line.
"""

import fcntl
import json
import os
import random
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from typing import Final

from runlore.journal.disk import REAL, Disk
from runlore.journal.errors import JournalIO
from runlore.journal.events import UNSYNCED
from runlore.journal.feed import Feed
from runlore.journal.layout import Layout
from runlore.journal.root import open_for_writing
from runlore.journal.values import RunId
from runlore.journal.writer import Draft, Writer
from tests.crash.recovery import broken_registry, in_words
from tests.crash.witness import Witness
from tests.doubles.drafts import LIFE, new_run_id, noted, progressed, queued, tagged
from tests.doubles.recorder import CALLS

FS_IOC_SHUTDOWN: Final = 0x8004587D
LOG_FLUSHED, LOG_LOST = 1, 2
"""Whether the journal of the file system gets out before the end."""
SIZE: Final = "320M"
LONGEST_DAY_S: Final = 0.06
_WAITS_FOR: Final = (0, 1, 3, 6)
"""So many acknowledgements are heard at least before the power fails, however slow the disk."""
_HEAD: Final = struct.Struct("=3s24sI")
_MKFS: Final = {"ext4": ["mkfs.ext4", "-q", "-F", "-b", "4096"], "xfs": ["mkfs.xfs", "-q", "-f"]}


class Machine:
    """A disk that loses its power again and again."""

    def __init__(self, kind: str, seed: int, folder: str) -> None:
        self._image, self._mount = f"{folder}/disk.img", f"{folder}/mnt"
        self._layout = Layout(f"{self._mount}/registry")
        self._rng = random.Random(seed)
        self.trials = self.acknowledged = self.torn = 0
        self.broken: list[str] = []
        os.mkdir(self._mount)
        subprocess.run(["truncate", "-s", SIZE, self._image], check=True)
        subprocess.run([*_MKFS[kind], self._image], check=True, capture_output=True)
        self._up()
        open_for_writing(REAL, self._layout.root)

    def _up(self) -> None:
        subprocess.run(["mount", "-o", "loop", self._image, self._mount], check=True)

    def down(self) -> None:
        """Unmount for good."""
        subprocess.run(["umount", self._mount], check=True)

    def lose_power(self) -> None:
        """Let somebody work on a new run, cut the power, come up, and look."""
        self.trials += 1
        run_id = new_run_id(self.trials)
        witness = Witness()
        ours, theirs = socket.socketpair()
        worker = os.fork()
        if worker == 0:
            ours.close()
            _work(self._layout, run_id, theirs, self._rng.getrandbits(32))
        theirs.close()
        heard = _hear_acks(ours, self._rng.choice(_WAITS_FOR))
        heard += _hear(ours, self._rng.uniform(0, LONGEST_DAY_S))
        self._cut_power()
        os.kill(worker, signal.SIGKILL)
        last_words = _hear(ours, None)
        _, status = os.waitpid(worker, 0)
        ours.close()
        if os.WIFEXITED(status) and os.WEXITSTATUS(status):
            self.broken.append(f"trial {self.trials}: the worker failed")
        self._note(heard, last_words, witness)
        self.down()
        self._up()
        self._look(run_id, witness)

    def _cut_power(self) -> None:
        fd = os.open(self._mount, os.O_RDONLY)
        how = self._rng.choice((LOG_FLUSHED, LOG_LOST))
        fcntl.ioctl(fd, FS_IOC_SHUTDOWN, struct.pack("I", how))
        os.close(fd)

    def _note(self, before: bytes, after: bytes, witness: Witness) -> None:
        """Take in what was said; only what was acknowledged before the cut is a promise.

        A real power cut stops the processor as well. Here a sync under way may still return, and ext4
        then reports success for a transaction that its aborted journal has thrown away (Linux 6.18).
        """
        heard, offset = before + after, 0
        while offset + _HEAD.size <= len(heard):
            what, run_id, length = _HEAD.unpack_from(heard, offset)
            about = heard[offset + _HEAD.size : offset + _HEAD.size + length]
            offset += _HEAD.size + length
            if len(about) < length:
                return
            if what == b"see":
                witness.see(about)
            elif offset <= len(before):
                witness.promise(RunId(run_id.decode()), about.decode())
                self.acknowledged += 1

    def _look(self, run_id: RunId, witness: Witness) -> None:
        path = self._layout.journal(run_id)
        if not os.path.exists(path):
            self.broken += [f"the journal of {run_id} is gone"] if witness.promised else []
            return
        owner = self._rng.random() < 0.5
        found = in_words(lambda: broken_registry(REAL, self._layout, witness, owner=owner))
        self.broken += [f"trial {self.trials}: {problem}" for problem in found]
        with open(path, "rb") as file:
            self.torn += b'"journal.repaired"' in file.read()
        os.unlink(path)
        REAL.sync_dir(self._layout.journals)  # or the next power cut would bring it back


def _work(layout: Layout, run_id: RunId, line: socket.socket, seed: int) -> None:
    """Append until the power fails or the run has ended; never returns."""
    rng = random.Random(seed)

    def tell(what: bytes, about: bytes) -> None:
        line.sendall(_HEAD.pack(what, run_id.encode(), len(about)) + about)

    try:
        disk: Disk = _Telling(tell)  # type: ignore[assignment]  # the calls are put in at run time
        writer = Writer.create(disk, layout, run_id, queued(run_id), feed=Feed(disk, layout))
        tell(b"ack", writer.tail.head.encode())
        for draft in _day(rng):
            record = writer.append(draft)
            if type(record.event) not in UNSYNCED:
                tell(b"ack", record.head.encode())
        writer.close()
        tell(b"ack", writer.tail.head.encode())
    except JournalIO:
        os._exit(0)  # that was the power
    except BaseException:  # noqa: BLE001 - the child must never return into the parent's code
        import traceback

        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _day(rng: random.Random) -> list[Draft]:
    """Draw what is appended: chatter and labels of all lengths, and in half of all days the end."""
    drafts: list[Draft] = []
    for _ in range(rng.randrange(5, 120)):
        text = "x" * rng.choice((5, 50, 500, 5_000, 50_000))
        drafts.append(rng.choice((progressed(text), progressed(text), noted(text), tagged())))
    if rng.random() < 0.5:
        drafts += [step() for step in LIFE] + [tagged()]
    return drafts


def _hear_acks(line: socket.socket, count: int) -> bytes:
    """Return what is said until so much was acknowledged, or until the line is dead."""
    heard = b""
    while count:
        head = line.recv(_HEAD.size, socket.MSG_WAITALL)
        if len(head) < _HEAD.size:
            return heard + head
        what, _, length = _HEAD.unpack(head)
        heard += head + line.recv(length, socket.MSG_WAITALL)
        count -= what == b"ack"
    return heard


def _hear(line: socket.socket, seconds: float | None) -> bytes:
    """Return what is said in so many seconds, or until the line is dead."""
    heard = b""
    deadline = None if seconds is None else time.monotonic() + seconds
    while True:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        if not select.select([line], [], [], left)[0]:
            return heard
        piece = line.recv(1 << 20)
        if not piece:
            return heard
        heard += piece


class _Telling:
    """The real disk; tells what it is about to write."""

    def __init__(self, tell: object) -> None:
        for name in CALLS:
            setattr(self, name, getattr(REAL, name))

        def write(fd: int, data: bytes) -> int:
            tell(b"see", bytes(data))  # type: ignore[operator]
            return REAL.write(fd, data)

        self.write = write


def main(kind: str, trials: str, seed: str, folder: str) -> None:
    """Lose the power as often as told."""
    machine = Machine(kind, int(seed), folder)
    try:
        while machine.trials < int(trials) and not machine.broken:
            machine.lose_power()
    finally:
        machine.down()
    names = "trials", "acknowledged", "torn", "broken"
    print(json.dumps({name: getattr(machine, name) for name in names}))


if __name__ == "__main__":
    main(*sys.argv[1:])
