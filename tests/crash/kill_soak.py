"""Kill appenders at random moments: `python -m tests.crash.kill_soak APPENDERS KILLS SECONDS SEED FOLDER`.

Forked children append to one journal and tell through a pipe what was acknowledged; the parent kills
them and looks for it. Goes on until KILLS were made, and longer while SECONDS are not over. Prints one
JSON line. A process of its own, because a test runner has threads and must not fork.
"""

import json
import os
import random
import signal
import struct
import sys
import time
from typing import Final

from runlore.journal import machine
from runlore.journal.disk import REAL
from runlore.journal.events import JournalRepaired
from runlore.journal.feed import Feed
from runlore.journal.layout import Layout
from runlore.journal.reader import JournalReader
from runlore.journal.root import open_for_writing
from runlore.journal.values import RunId
from runlore.journal.verify import verify
from runlore.journal.writer import Writer
from tests.doubles.drafts import new_run_id, noted, progressed, queued

KILLS_A_JOURNAL: Final = 20
LONGEST_LIFE_S: Final = 0.005
_WAITS_FOR: Final = (0, 1, 2, 4)
"""So many acknowledgements a child gets at least, however slow the disk; without any it may be opening, or
healing, when it is killed."""
_ACK: Final = struct.Struct("=Q32s")
_LENGTHS: Final = (10, 40, 300, 5_000, 60_000, 180_000, 250_000)
"""Of texts: a kill tears a write only at the end of a page, so some are long; those are not synced."""


class Soak:
    """One journal after the other, each the scene of twenty kills."""

    def __init__(self, appenders: int, seed: int, layout: Layout) -> None:
        self._appenders, self._rng, self._layout = appenders, random.Random(seed), layout
        self.kills = self.acknowledged = self.lost = self.unreadable = self.torn = 0
        self._journals = seed * 1000

    def journal(self) -> None:
        """Kill twenty times at one journal."""
        self._journals += 1
        run_id = new_run_id(self._journals)
        draft = queued(run_id, boot_id=machine.boot_id())
        Writer.create(REAL, self._layout, run_id, draft, feed=Feed(REAL, self._layout)).close()
        with JournalReader(REAL, self._layout, run_id, check_chain=True) as reader:
            for _ in range(0, KILLS_A_JOURNAL, self._appenders):
                self._round(run_id, reader)
        self._note(run_id)
        found = verify(REAL, self._layout, run_id)
        self.unreadable += len(found.findings)
        os.unlink(self._layout.journal(run_id))

    def _round(self, run_id: RunId, reader: JournalReader) -> None:
        """Let children append, kill them one by one, and look for what they were told is there."""
        children: dict[int, int] = {}
        for _ in range(self._appenders):
            read_end, write_end = os.pipe()
            seed = self._rng.getrandbits(32)
            child = os.fork()
            if child == 0:
                self._append_until_killed(run_id, write_end, seed)
            os.close(write_end)
            children[child] = read_end
        acknowledged: dict[int, str] = {}
        for child, read_end in children.items():
            heard = b"".join(os.read(read_end, _ACK.size) for _ in range(self._rng.choice(_WAITS_FOR)))
            time.sleep(self._rng.uniform(0, LONGEST_LIFE_S))
            os.kill(child, signal.SIGKILL)
            acknowledged |= _acknowledged(read_end, heard)
            _, status = os.waitpid(child, 0)
            if not os.WIFSIGNALED(status):
                sys.exit("an appender failed before it was killed")
        self.kills += len(children)
        self.acknowledged += len(acknowledged)
        heads: dict[int, str] = {record.seq: record.head for record in reader.read_available()}
        self.lost += sum(heads.get(seq) != head for seq, head in acknowledged.items())
        self.unreadable += reader.verdict().state == "corrupt" or reader.rewound

    def _append_until_killed(self, run_id: RunId, pipe: int, seed: int) -> None:
        try:
            rng = random.Random(seed)
            writer = Writer(
                REAL, self._layout, run_id, owner=rng.random() < 0.5, feed=Feed(REAL, self._layout)
            )
            while True:
                if rng.random() < 0.2:
                    record = writer.append(noted("x" * rng.choice(_LENGTHS[:4])))
                else:
                    record = writer.append(progressed("x" * rng.choice(_LENGTHS)))
                os.write(pipe, _ACK.pack(record.seq, bytes.fromhex(record.head)))
        except BaseException:  # noqa: BLE001 - the child must never return into the parent's code
            import traceback

            traceback.print_exc()
            os._exit(1)

    def _note(self, run_id: RunId) -> None:
        """Let one more appender come, and count how many tails it and its forerunners have mended."""
        writer = Writer(REAL, self._layout, run_id)
        writer.append(noted("all is well"))
        writer.close()
        with JournalReader(REAL, self._layout, run_id) as reader:
            events = [record.event for record in reader.read_available()]
        self.torn += sum(isinstance(event, JournalRepaired) for event in events)


def _acknowledged(pipe: int, data: bytes) -> dict[int, str]:
    while piece := os.read(pipe, 1 << 16):
        data += piece
    os.close(pipe)
    whole = len(data) // _ACK.size * _ACK.size
    return {seq: head.hex() for seq, head in _ACK.iter_unpack(data[:whole])}


def main(appenders: str, kills: str, seconds: str, seed: str, folder: str) -> None:
    """Kill as often as told, and print what came of it."""
    layout = open_for_writing(REAL, f"{folder}/registry")
    soak = Soak(int(appenders), int(seed), layout)
    deadline = time.monotonic() + float(seconds)
    while soak.kills < int(kills) or time.monotonic() < deadline:
        soak.journal()
    counts = "kills", "acknowledged", "lost", "unreadable", "torn"
    print(json.dumps({name: getattr(soak, name) for name in counts}))


if __name__ == "__main__":
    main(*sys.argv[1:])
