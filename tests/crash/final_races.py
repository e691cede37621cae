"""Let all that can end a run come in every order: `python -m tests.crash.final_races HOW ROUNDS FOLDER`.

HOW is `live` (a keeper acts on each as it comes), `paused` (it sees them all at once, when it is woken)
`ownerless` (nobody keeps the run, and whoever wins its lock ends it) or `crowded` (the same, all at the
same moment). Prints one JSON line.
"""

import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from copy import copy
from itertools import permutations
from pathlib import Path
from threading import Barrier
from typing import Final

from runlore.journal import events
from runlore.journal.disk import REAL
from runlore.journal.errors import AlreadyEnded, Busy
from runlore.journal.layout import Layout
from runlore.journal.reader import read
from runlore.journal.values import Reason, RunId
from runlore.journal.verify import verify
from runlore.projections.health import outcome_of
from runlore.runtimes import exit_file, keeper_loop, launch
from runlore.runtimes.bell import ring
from runlore.runtimes.registry import Registry
from runlore.runtimes.stop import request_stop
from tests.runtimes.keeping import ME, Keeping, until
from tests.runtimes.kept_runs import Owned, registry_at

DEEDS: Final = ("finish", "stop", "timeout", "reconcile")
STATUS: Final = {"finish": "RunSucceeded", "stop": "RunCancelled", "timeout": "RunTimedOut"}
LIMIT_S: Final = 3600.0


class Clock:
    """Stands for the module `time` in a keeper: two hours later once the file `late` is there."""

    sleep = staticmethod(time.sleep)

    def __init__(self, late: Path) -> None:
        self._late = late

    def monotonic(self) -> float:
        """Seconds."""
        return time.monotonic() + (2 * LIMIT_S if self._late.exists() else 0)


class Race:
    """One run that a keeper keeps, and what happens to it."""

    def __init__(self, folder: Path, *, paused: bool) -> None:
        os.makedirs(folder / "registry", 0o700)
        os.mkfifo(folder / "gate")
        self._folder, self._paused = folder, paused
        self._keeping = Keeping(folder / "registry")
        keeper_loop.time = Clock(folder / "late")  # type: ignore[attr-defined,assignment]  # what it uses of the module
        self._link = launch.fork_keeper()
        wanted = self._keeping.spec("sh", "-c", "exec 0<>gate; echo ready; read line", timeout_s=LIMIT_S)
        self.kept = self._keeping.watch(self._link.submit(wanted).run_id, self._link)
        self.kept.started()
        until(self.kept.output)
        self._keeper = self.kept.keeper()
        self._registry = Registry.open(self._keeping.layout.root)

    def run(self, order: tuple[str, ...]) -> None:
        """Do all of it in this order, each durable or acted on before the next."""
        try:
            if self._paused:
                os.kill(self._keeper.pid, signal.SIGSTOP)
            for deed in order:
                getattr(self, f"_{deed}")()
            if self._paused:
                os.kill(self._keeper.pid, signal.SIGCONT)
            self.kept.end()
        finally:
            self._keeping.clean()

    def _finish(self) -> None:
        with suppress(OSError):  # ENXIO: it has ended already
            fd = os.open(self._folder / "gate", os.O_WRONLY | os.O_NONBLOCK)
            os.write(fd, b"go on\n")
            os.close(fd)
        self._await_exit()

    def _stop(self) -> None:
        with suppress(AlreadyEnded):
            self.kept.stop()
        if not self._paused:
            self._await_exit()

    def _timeout(self) -> None:
        (self._folder / "late").touch()
        ring(self.kept.layout, self.kept.run_id)
        if not self._paused:
            self._await_exit()

    def _reconcile(self) -> None:
        assert not [view for view in self._registry.reconcile([self.kept.run_id]) if view.written]

    def _await_exit(self) -> None:
        until(lambda: exit_file.read(REAL, str(self.kept.path("exit"))))


class Ownerless:
    """A run that nobody keeps, and parties each of which may win its lock."""

    def __init__(self, folder: Path) -> None:
        os.mkdir(folder, 0o700)
        self.layout: Layout = registry_at(folder / "registry")
        self._owned = Owned(self.layout).boot().start()
        self.run_id: RunId = self._owned.die()

    def answer(self, deed: str) -> str:
        """Let one of them try, and return what it is told."""
        try:
            told: str = getattr(self, f"_{deed}")()
        except AlreadyEnded:
            return "too late"
        except Busy:
            return "somebody else is at it"
        return told

    def _finish(self) -> str:
        """What an adopter does that finds the exit record."""
        path = self.layout.in_run(self.run_id, "exit")
        if not os.path.exists(path):
            self._owned.leave_exit(0)
        record = exit_file.read(REAL, path)
        assert record is not None
        with self._claimed() as mine:
            stop = next((each for each in self._events() if isinstance(each, events.RunStopRequested)), None)
            kind, reason = outcome_of(record, stop, stop.at if stop else None)
            mine.append(lambda seq, at: events.RunCollecting(seq=seq, at=at, exit_code=0, exited_at=at))
            mine.append(lambda seq, at: kind(seq=seq, at=at, exit_code=0, ended_at=at, reason=reason))
        return "ended it"

    def _timeout(self) -> str:
        reason = Reason(code="timeout", text="too long")
        with self._claimed() as mine:
            mine.append(lambda seq, at: events.RunTimedOut(seq=seq, at=at, reason=reason, ended_at=at))
        return "ended it"

    def _stop(self) -> str:
        request_stop(REAL, self.layout, self.run_id, by=ME)
        return "asked"

    def _reconcile(self) -> str:
        done = Registry(self.layout).reconcile([self.run_id])
        return "ended it" if [view for view in done if view.written] else "too late"

    @contextmanager
    def _claimed(self) -> Iterator[Owned]:
        mine = copy(self._owned).claim()
        try:
            yield mine
        finally:
            mine.die()

    def _events(self) -> list[events.AnyEvent]:
        return [each.event for each in read(REAL, self.layout, self.run_id)]


def kept_race(folder: Path, order: tuple[str, ...], *, paused: bool) -> Iterator[str]:
    """Run one race for a kept run; say what is wrong about its end."""
    race = Race(folder, paused=paused)
    race.run(order)
    first = next(deed for deed in order if deed != "reconcile")
    if paused:  # a time limit that nobody has acted on ended nothing
        first = next(deed for deed in order if deed in {"finish", "stop"})
    yield from wrong(race.kept.layout, race.kept.run_id, {STATUS[first]})


def ownerless_race(folder: Path, order: tuple[str, ...]) -> Iterator[str]:
    """Run one race for a run without keeper; say what is wrong about its end and the answers."""
    race = Ownerless(folder)
    answers = [race.answer(deed) for deed in order]
    first = next(deed for deed in order if deed != "stop")
    wanted = {**STATUS, "reconcile": "RunFailed"}[first]
    if first == "finish" and order[0] == "stop":
        wanted = "RunCancelled"
    yield from wrong(race.layout, race.run_id, {wanted})
    place = order.index(first)
    due = ["asked"] * place + ["ended it"] + ["too late"] * (3 - place)
    if answers != due:
        yield f"{answers} instead of {due}"


def crowded_race(folder: Path, order: tuple[str, ...]) -> Iterator[str]:
    """Let all of them try at the same moment; say what is wrong about its end and the answers."""
    race, start = Ownerless(folder), Barrier(len(order))

    def try_it(deed: str) -> str:
        start.wait()
        return race.answer(deed)

    with ThreadPoolExecutor(len(order)) as pool:
        answers = list(pool.map(try_it, order))
    yield from wrong(race.layout, race.run_id, {*STATUS.values(), "RunFailed"})
    if answers.count("ended it") != 1:
        yield f"{answers}, and only one can have ended it"


def wrong(layout: Layout, run_id: RunId, wanted: set[str]) -> Iterator[str]:
    """Say what is wrong about the end of a run."""
    found = [each.event for each in read(REAL, layout, run_id, check_chain=True)]
    finals = [type(event).__name__ for event in found if isinstance(event, events.Ended)]
    if len(finals) != 1 or not wanted.issuperset(finals):
        yield f"{finals} instead of one of {wanted}"
    if bad := verify(REAL, layout, run_id).findings:
        yield f"damaged: {bad}"


def main(how: str, rounds: str, folder: str) -> None:
    """Go through all orders, again and again."""
    races: dict[str, Callable[[Path, tuple[str, ...]], Iterator[str]]] = {
        "live": lambda place, order: kept_race(place, order, paused=False),
        "paused": lambda place, order: kept_race(place, order, paused=True),
        "ownerless": ownerless_race,
        "crowded": crowded_race,
    }
    counts, broken = Counter[str](), list[str]()
    for number in range(int(rounds)):
        for order in permutations(DEEDS):
            place = Path(folder, f"{number}-{'-'.join(order)}")
            broken += [f"{order}: {problem}" for problem in races[how](place, order)]
            counts["orders"] += 1
    print(json.dumps({**counts, "broken": broken}))


if __name__ == "__main__":
    main(*sys.argv[1:])
