"""Pin, promote, prune, restore and read at once: `python -m tests.crash.cleanup_races ROUNDS THREADS FOLDER`.

In each round one of few runs is pinned, promoted, removed by rules or by name, brought back, or read, by
many threads at once. Whoever was told that a run is pinned finds it whole and in its place until it is
unpinned, and whoever was told that it is promoted, for ever. So that there is always something to promote,
every so many rounds begin anew with other runs. If something has not happened in that time, which is up
to who is given a processor when, they go on for a while. Prints one JSON line.
"""

import json
import os
import random
import shutil
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import timedelta
from hashlib import sha256
from typing import Final

from runlore.journal.disk import REAL
from runlore.journal.errors import Busy, Conflict, NotFound, Removed, RunloreError
from runlore.journal.events import ArtifactPromoted, RunExpired, RunPinned, RunRestored, RunUnpinned
from runlore.journal.layout import Layout
from runlore.journal.reader import read
from runlore.journal.root import open_for_writing
from runlore.journal.scan import Record
from runlore.journal.values import RunId
from runlore.journal.verify import verify
from runlore.runtimes.cleanup_lock import cleanup_lock
from runlore.runtimes.registry import Registry
from tests.doubles.drafts import new_run_id
from tests.runtimes.removable import RULES, Later, leave_run, lies

Deed = Callable[[Registry, RunId, random.Random], None]
RUNS: Final = 4
BATCH: Final = 200
"""Rounds that the same runs are for."""
HAPPENS: Final = ("pinned", "promoted", "removed", "restored", "looked at", "outputs read", "Removed")
"""What is to happen at least once, else nothing was proved of it."""
_PATIENCE: Final = 20
"""How many times as long that is waited for."""
_FILES: Final = 5 + 2 + 1
"""What every run has, two outputs, and their manifest."""
_PROMOTES: Final = 0.5
"""How often a thread that may promote does: not before the runs went through something else."""


class Races:
    """Rounds of the same runs, by many threads."""

    def __init__(self, layout: Layout, rounds: int, threads: int, seed: int) -> None:
        self._layout, self._threads, self._seed = layout, threads, seed
        with open(layout.config_file, "w", encoding="utf-8") as file:
            file.write(RULES)
        self._outputs = {new_run_id(number): _outputs(number) for number in range(RUNS)}
        self._run_ids = [
            leave_run(layout, run_id, size=100, outputs=made) for run_id, made in self._outputs.items()
        ]
        self._left = rounds
        self._guard = threading.Lock()
        self._deciding = {run_id: threading.Lock() for run_id in self._run_ids}
        self.counts: Counter[str] = Counter()
        self.broken: list[str] = []

    def all(self) -> None:
        """Go through the rounds, and look at what is left."""
        deeds: list[Deed] = [
            self._pin,
            self._promote,
            self._prune,
            self._restore,
            self._look,
        ]
        threads = [
            threading.Thread(target=self._live, args=(deeds[number % len(deeds)], self._seed + number))
            for number in range(self._threads)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for run_id in self._run_ids:
            self._check(run_id)

    def _live(self, deed: Deed, seed: int) -> None:
        rng, registry = random.Random(seed), Registry(self._layout, disk=Later(timedelta(days=40)))
        while self._next() and not self.broken:
            try:
                deed(registry, rng.choice(self._run_ids), rng)
            except (Busy, Removed, NotFound) as error:
                self._count(type(error).__name__)
            except RunloreError as error:
                self.broken.append(f"{deed.__name__}: {type(error).__name__}: {error}")

    def _next(self) -> bool:
        with self._guard:
            self._left -= 1
            return self._left >= 0

    def _count(self, what: str) -> None:
        with self._guard:
            self.counts[what] += 1

    def _pin(self, registry: Registry, run_id: RunId, rng: random.Random) -> None:
        """Pin, and unless that was refused, see that the run stays until it is unpinned."""
        with self._deciding[run_id]:  # one pin at a time, so that nobody else takes it away
            registry.get(run_id).pin()
            self._count("pinned")
            for _ in range(rng.randrange(3)):
                self._see_whole(run_id, "pinned")
            registry.get(run_id).unpin()

    def _promote(self, registry: Registry, run_id: RunId, rng: random.Random) -> None:
        """Promote, and unless that was refused, see that run and evidence are there, and stay."""
        if rng.random() > _PROMOTES:
            self._read(registry, run_id)
            return
        new = [item for item in registry.get(run_id).promote() if item.done == "promoted"]
        self._count("promoted" if new else "promoted before")
        self._see_evidence(run_id, self._outputs[run_id])

    def _see_whole(self, run_id: RunId, what: str) -> None:
        """See that a run is in its place, all of it; one that is on its way back is once it has come."""
        whole = (["runs"], _FILES)
        if (lies(self._layout, run_id), self._files(run_id)) == whole:
            return
        with cleanup_lock(REAL, self._layout, patience_s=60):
            found = (lies(self._layout, run_id), self._files(run_id))
        if found != whole:
            self.broken.append(f"{run_id} is {what}, lies in {found[0]}, and has {found[1]} files")

    def _see_evidence(self, run_id: RunId, paths: Iterable[str]) -> None:
        self._see_whole(run_id, "promoted")
        for path in paths:
            data = self._outputs[run_id][path]
            with open(f"{self._layout.evidence}/{sha256(data).hexdigest()}", "rb") as file:
                if file.read() != data:
                    self.broken.append(f"evidence of {run_id} has other bytes")

    def _read(self, registry: Registry, run_id: RunId) -> None:
        """Read an output: right, or not there, and never half."""
        for path, data in self._outputs[run_id].items():
            if registry.get(run_id).get_artifact(path).read() != data:
                self.broken.append(f"{path} of {run_id} was read, and is not right")
        self._count("outputs read")

    def _prune(self, registry: Registry, run_id: RunId, rng: random.Random) -> None:
        if rng.random() < 0.5:
            self.counts["pruned"] += registry.prune(apply=True).remove
            return
        try:
            registry.get(run_id).remove()
            self._count("removed")
        except Conflict:
            self._count("kept")

    def _restore(self, registry: Registry, run_id: RunId, _rng: random.Random) -> None:
        registry.get(run_id).restore()
        self._count("restored")

    def _look(self, registry: Registry, run_id: RunId, _rng: random.Random) -> None:
        """A run that is not shown as removed is whole, unless it was removed or came back meanwhile."""
        before = registry.view(run_id)
        files = self._files(run_id)
        after = registry.view(run_id)
        if before.seq == after.seq and before.retention.removal is None and files not in {_FILES, 0}:
            self.broken.append(f"{run_id} is shown as whole, and has {files} files")
        self._count("looked at")

    def _files(self, run_id: RunId) -> int:
        return sum(len(files) for _, _, files in os.walk(self._layout.run_dir(run_id)))

    def _check(self, run_id: RunId) -> None:
        """No removal was decided while the run was pinned, no pin behind one, and the journal is sound."""
        state = {"pinned": False, "removed": False, "promoted": False}
        paths: Counter[str] = Counter()
        for record in read(REAL, self._layout, run_id, check_chain=True):
            wrong = _wrong(record, **state)
            if wrong:
                self.broken.append(f"{run_id}: {wrong} at {record.seq}")
            for what, on, off in (("pinned", RunPinned, RunUnpinned), ("removed", RunExpired, RunRestored)):
                if isinstance(record.event, on | off):
                    state[what] = isinstance(record.event, on)
            if isinstance(record.event, ArtifactPromoted):
                state["promoted"] = True
                paths[record.event.path] += 1
        if state["promoted"]:
            self._see_evidence(run_id, paths)
        if set(paths.values()) - {1}:
            self.broken.append(f"{run_id}: promoted {paths}")
        if verify(REAL, self._layout, run_id).integrity != "sealed":
            self.broken.append(f"{run_id}: {verify(REAL, self._layout, run_id)}")
        if lies(self._layout, run_id) != (["trash"] if state["removed"] else ["runs"]):
            self.broken.append(f"{run_id} lies in {lies(self._layout, run_id)}, and the journal says {state}")


def _outputs(number: int) -> dict[str, bytes]:
    return {"model": f"weights {number}\n".encode() * 20, "report": f"<p>{number}".encode()}


def _wrong(record: Record, *, pinned: bool, removed: bool, promoted: bool) -> str:
    if isinstance(record.event, RunExpired):
        if pinned or promoted:
            return "removed although it is pinned or promoted"
        return "" if record.event.expected_seq == record.seq - 1 else "removed on another record"
    decided = isinstance(record.event, RunPinned | ArtifactPromoted)
    return "pinned or promoted behind its removal" if decided and removed else ""


def main(rounds: str, threads: str, folder: str) -> None:
    """Race, and say what came of it."""
    counts: Counter[str] = Counter()
    broken: list[str] = []
    batches, number = -(-int(rounds) // BATCH), 0
    while number < batches * (1 if _all_happened(counts) else _PATIENCE):
        races = Races(open_for_writing(REAL, f"{folder}/{number}"), BATCH, int(threads), number * 1000)
        races.all()
        counts += races.counts
        broken += races.broken
        shutil.rmtree(f"{folder}/{number}")
        number += 1
    print(json.dumps({**counts, "rounds": number * BATCH, "broken": broken}))


def _all_happened(counts: Counter[str]) -> bool:
    return all(counts[what] for what in HAPPENS)


if __name__ == "__main__":
    main(*sys.argv[1:])
