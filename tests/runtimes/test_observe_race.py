"""A run that changes owners while somebody looks is never taken for lost."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from runlore.journal.disk import REAL
from runlore.journal.layout import Layout
from runlore.journal.values import RunId
from runlore.projections.health import Seen
from runlore.projections.status import RunState
from runlore.runtimes.folding import RunFold
from runlore.runtimes.observe import Observer
from tests import proof
from tests.runtimes.kept_runs import Owned, registry_at

_LOOKS_PER_RUN: Final = 10

CHANGING = """
import os, random, sys, time
sys.path[:0] = {path!r}
from runlore.journal.disk import REAL
from tests.runtimes.kept_runs import Owned, registry_at

def pause():
    until = time.perf_counter() + random.random() * 4e-4
    while time.perf_counter() < until:
        pass

layout, scratch = registry_at({registry!r}), registry_at({registry!r} + "-scratch")
while sys.stdin.read(1):
    run = Owned(scratch, queue="nightly").boot().start().succeed()
    run.die()
    lines = open(scratch.journal(run.run_id), "rb").read().splitlines(keepends=True)
    os.mkdir(layout.run_dir(run.run_id))
    lock = os.open(layout.owner_lock(run.run_id), os.O_RDWR | os.O_CREAT)
    journal = os.open(layout.journal(run.run_id), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(journal, lines[0])
    print(run.run_id, flush=True)
    pause()
    REAL.lock(lock)
    os.write(journal, b"".join(lines[1:3]))
    pause()
    os.write(journal, b"".join(lines[3:]))
    os.close(lock)
    os.close(journal)
"""
"""One run after the other: queued without an owner, claimed, ended and let go, as fast as the kernel can."""


@pytest.fixture
def layout(registry_root: Path) -> Layout:
    """A registry without runs."""
    return registry_at(registry_root)


@pytest.fixture
def next_run(layout: Layout) -> Iterator[Callable[[], RunId]]:
    """Let another process queue, claim, start and end one more run."""
    code = CHANGING.format(path=[str(Path(__file__).parents[2]), *sys.path], registry=layout.root)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as process:
        ask, answer = process.stdin, process.stdout
        assert ask is not None
        assert answer is not None

        def next_one() -> RunId:
            ask.write(b".")
            return RunId(answer.readline().decode().strip())

        yield next_one
        process.kill()


@pytest.mark.timeout(300)
def test_looks_beside_a_run_that_changes_owners(
    layout: Layout, next_run: Callable[[], RunId], sized: Callable[[int, int], int]
) -> None:
    """Waiting, owned, ended: at no moment between them is the run seen as lost."""
    observer, seen = Observer(REAL, layout), dict.fromkeys(("queued", "live", "ended"), 0)
    looks = sized(30_000, 300_000)
    for _ in range(looks // _LOOKS_PER_RUN):
        folded = RunFold(REAL, layout, next_run())
        for _ in range(_LOOKS_PER_RUN):
            health = observer.look(folded).assessment.health
            seen[health] += 1

    assert set(seen) == {"queued", "live", "ended"}
    assert min(seen.values()) > 0
    proof.record(
        "looks", "no look beside a run that changes owners shows it as lost", {"looks": looks} | seen
    )


class Meanwhile(Observer):
    """Something happens right before or right after the first look."""

    def __init__(self, layout: Layout, *, before: Callable[[], object], after: Callable[[], object]) -> None:
        super().__init__(REAL, layout)
        self._before, self._after = [before], [after]

    def observe(self, run_id: RunId, state: RunState, *, holding: bool = False) -> Seen:
        """See what is there, with the rest of the world in a hurry."""
        for act in self._before:
            act()
        seen = super().observe(run_id, state, holding=holding)
        for act in self._after:
            act()
        self._before, self._after = [], []
        return seen


def _nothing() -> None:
    """Do nothing."""


def test_an_owner_that_ends_the_run_between_reading_and_asking(layout: Layout) -> None:
    """Read first, then ask: the lock is free because the run has ended, and the second reading says so."""
    owned = Owned(layout).boot().start()
    hurried = Meanwhile(layout, before=lambda: owned.succeed().die(), after=_nothing)

    assert hurried.look(RunFold(REAL, layout, owned.run_id)).assessment.health == "ended"


def test_a_worker_that_claims_the_run_between_asking_and_reading(layout: Layout) -> None:
    """Ask first, then read: the lock was free before the claim, and the second look says so."""
    waiting = Owned(layout, queue="nightly")
    waiting.die()
    hurried = Meanwhile(layout, before=_nothing, after=lambda: waiting.claim().boot().start())

    assert hurried.look(RunFold(REAL, layout, waiting.run_id)).assessment.health == "live"
