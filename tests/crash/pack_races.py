"""Append to a run while two processes pack it: `python -m tests.crash.pack_races ROUNDS FOLDER`.

A round tells both packers to begin, each after a moment of chance, appends after another, and reads on.
Every few rounds the registry is looked through and a new one begun. Prints one JSON line.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import IO, Final

from runlore.journal.disk import REAL
from runlore.journal.reader import JournalReader, read
from runlore.journal.verify import verify
from runlore.journal.writer import Writer
from tests.doubles.drafts import noted
from tests.journal.journals import RUN, ended_run, registry
from tests.journal.packed import by_the_second_reader, packs

ROUNDS_A_REGISTRY: Final = 25
_LONGEST_S: Final = 4e-3
"""About as long as packing one run takes."""

PACKER: Final = """
import sys
from runlore.journal.disk import REAL
from runlore.journal.errors import Busy
from runlore.journal.layout import Layout
from runlore.runtimes.packing import Packing
from tests.crash.pack_races import pause
for line in sys.stdin:
    pause()
    try:
        print(Packing(REAL, Layout(line.strip()), older_than_s=0).apply().runs, flush=True)
    except Busy:
        print("busy", flush=True)
"""


def pause() -> None:
    """Do nothing for a moment, as long as chance has it."""
    until = time.perf_counter() + random.random() * _LONGEST_S
    while time.perf_counter() < until:
        pass


class Packer:
    """A process that packs when it is told to."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", PACKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def begin(self, root: str) -> None:
        """Tell it to pack; `answer` waits for the end."""
        self._pipe(self._process.stdin).write(f"{root}\n")
        self._pipe(self._process.stdin).flush()

    def answer(self) -> str:
        """Return how many runs it packed, or `busy`."""
        return self._pipe(self._process.stdout).readline().strip()

    def end(self) -> int:
        """Let it go, and return its exit code."""
        self._pipe(self._process.stdin).close()
        return self._process.wait()

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        assert pipe is not None
        return pipe


class Race:
    """A registry of one run, packed by others while we append."""

    def __init__(self, root: str, packers: list[Packer]) -> None:
        self.layout = registry(root)
        ended_run(self.layout)
        self.heads: list[str] = []
        """Of what was acknowledged."""
        self.answers: list[str] = []
        self._packers = packers
        self._reader = JournalReader(REAL, self.layout, RUN)
        self._seen = [record.seq for record in self._reader.read_available()]
        self._writer = Writer(REAL, self.layout, RUN)

    def round(self, number: int) -> None:
        """Append while both pack; every other time the writer is one that was there before."""
        if number % 2:
            self._writer.close()
            self._writer = Writer(REAL, self.layout, RUN)
        for packer in self._packers:
            packer.begin(self.layout.root)
        pause()
        self.heads.append(self._writer.append(noted(f"round {number}")).head)
        self._seen += [record.seq for record in self._reader.read_available()]
        self.answers += [packer.answer() for packer in self._packers]

    def broken(self) -> Iterator[str]:
        """Close, and yield what went wrong."""
        self._writer.close()
        self._seen += [record.seq for record in self._reader.read_available()]
        self._reader.close()
        records = list(read(REAL, self.layout, RUN, check_chain=True))
        heads = [record.head for record in records]
        if lost := [head for head in self.heads if head not in heads]:
            yield f"{len(lost)} acknowledged events are lost"
        elif [head for head in heads if head in set(self.heads)] != self.heads:
            yield "events are there twice, or out of order"
        if self._seen != list(range(1, len(records) + 1)):
            yield f"a reader saw {self._seen} of {len(records)} records"
        if (found := verify(REAL, self.layout, RUN)).integrity != "sealed":
            yield str(found)
        if (reading := by_the_second_reader(self.layout, RUN)).verdict != "clean":
            yield f"the second reader says {reading.damage}"
        if "" in self.answers:
            yield "a packer died"


def main(rounds: int, folder: str) -> None:
    """Race so many times."""
    packers = [Packer(), Packer()]
    broken: list[str] = []
    answers: list[str] = []
    acknowledged = made = 0
    for first in range(0, rounds, ROUNDS_A_REGISTRY):
        race = Race(f"{folder}/{first}", packers)
        for number in range(first, min(rounds, first + ROUNDS_A_REGISTRY)):
            race.round(number)
        broken += [f"from round {first}: {problem}" for problem in race.broken()]
        acknowledged, made = acknowledged + len(race.heads), made + len(packs(race.layout))
        answers += race.answers
        shutil.rmtree(race.layout.root)
    if sum(packer.end() for packer in packers):
        broken.append("a packer failed")
    found = {"rounds": rounds, "acknowledged": acknowledged, "packs": made, "busy": answers.count("busy")}
    print(json.dumps({**found, "broken": broken}))


if __name__ == "__main__":
    main(int(sys.argv[1]), os.path.abspath(sys.argv[2]))
