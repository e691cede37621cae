"""An index made in several processes: the same rows, whatever becomes of the processes."""

import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from runlore.journal.disk import REAL
from runlore.journal.events import RunFailed
from runlore.journal.layout import Layout
from runlore.journal.values import RunId
from runlore.projections.index import generations
from runlore.projections.index.care import rebuild
from runlore.projections.index.entry import Entry
from runlore.projections.index.rows import entries
from runlore.projections.index.store import Store
from runlore.runtimes import index_jobs
from runlore.runtimes.index_jobs import Jobs
from tests.doubles.drafts import new_run_id
from tests.journal.forge import Forge
from tests.journal.journals import registry

COUNT = 300


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A registry of a few hundred journals, one of them without a whole line, one damaged."""
    layout = registry(tmp_path / "registry")
    for number in range(COUNT):
        run_id = new_run_id(number)
        forge = Forge(run_id).queued(name=f"run {number}", tags={"odd": str(number % 2)})
        forge.add(RunFailed, exit_code=number % 3).seal()
        Path(layout.journal(run_id)).write_bytes(forge.data)
    Path(layout.journal(new_run_id(7))).write_bytes(b'{"type"')
    Path(layout.journal(new_run_id(70))).write_bytes(b"{}\n" + forge.data)
    return layout


def rows(layout: Layout, jobs: Jobs) -> list[Entry]:
    """The rows of all journals."""
    ids = sorted(new_run_id(number) for number in range(COUNT))
    return list(jobs(REAL, layout, ids, iter))


def children() -> list[str]:
    """Processes that this one has to wait for."""
    with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
        return file.read().split()


@pytest.mark.parametrize("count", [1, 2, 3, 64])
def test_so_many_processes_make_the_same_rows(layout: Layout, count: int) -> None:
    """In the same order, and no process is left."""
    before, ids = children(), sorted(new_run_id(number) for number in range(COUNT))
    made = rows(layout, Jobs(count))

    assert made == list(entries(REAL, layout, ids))
    assert sum(bool(row.columns) for row in made) == COUNT - 2
    assert children() == before


def test_a_process_for_so_many_journals(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless a number is asked for, few journals are folded here, and many on every processor."""
    forked: list[int] = []
    fork = os.fork

    def counted() -> int:
        forked.append(1)
        return fork()

    monkeypatch.setattr(os, "fork", counted)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2})
    rows(layout, Jobs())
    assert not forked
    monkeypatch.setattr(index_jobs, "WORTH", COUNT // 3)
    rows(layout, Jobs())

    assert len(forked) == 3


def test_where_no_process_can_be_had(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """This one makes the rows of those that are missing."""
    whole, fork = rows(layout, Jobs(1)), os.fork
    tries = iter([True, False, True])
    monkeypatch.setattr(os, "fork", lambda: fork() if next(tries) else _refused())

    assert rows(layout, Jobs(3)) == whole


def _refused() -> int:
    raise BlockingIOError(11, "Resource temporarily unavailable")


def test_processes_that_are_killed(layout: Layout) -> None:
    """What they have not sent is folded here."""
    whole, jobs = rows(layout, Jobs(1)), Jobs(2)
    ids = sorted(new_run_id(number) for number in range(COUNT))
    made = jobs(REAL, layout, ids, _killing)

    assert list(made) == whole


def _killing(run_ids: Iterable[RunId]) -> Iterator[RunId]:
    for at, run_id in enumerate(run_ids):
        if at == 0:
            for pid in children():
                os.kill(int(pid), signal.SIGKILL)
        yield run_id


def test_a_rebuild_that_is_interrupted(layout: Layout) -> None:
    """Nothing half-made is left, nor a process."""
    before = children()

    def interrupted(run_ids: Iterable[RunId]) -> Iterator[RunId]:
        for at, run_id in enumerate(run_ids):
            if at == COUNT // 2:
                raise KeyboardInterrupt
            yield run_id

    with pytest.raises(KeyboardInterrupt):
        rebuild(REAL, layout, interrupted, Jobs(2))
    assert children() == before
    assert generations.current(layout.index) is None
    rebuild(REAL, layout, iter, Jobs(2))
    path = generations.current(layout.index)
    assert path is not None
    store = Store(path)
    store.begin()
    assert [each.run_id for each in store.entries()] == [each.run_id for each in rows(layout, Jobs(1))]
    store.close()
