"""`runlore.current()`: code that says how its run is getting on, wherever it was started from."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from runlore.journal.disk import REAL, RealDisk
from runlore.journal.errors import AlreadyEnded, BadInput, NotFound, OutsideRun
from runlore.journal.events import RunCheckpointed, RunProgressed, RunReadied
from runlore.journal.machine import actor
from runlore.journal.reader import read
from runlore.journal.values import RunId
from runlore.journal.verify import verify
from runlore.runtimes import current as current_module
from runlore.runtimes.current import CurrentRun, current
from runlore.runtimes.inside import Inside
from runlore.runtimes.registry import Registry
from tests.runtimes.keeping import until
from tests.runtimes.kept_runs import Owned, program, registry_at


@pytest.fixture
def registry(registry_root: Path) -> Registry:
    """A registry without runs."""
    return Registry(registry_at(registry_root))


@pytest.fixture
def owned(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Iterator[Owned]:
    """A running run, inside of which this process is as far as the environment tells."""
    run = Owned(registry.layout).boot().start()
    monkeypatch.setenv("RUNLORE_RUN_ID", run.run_id)
    monkeypatch.setenv("RUNLORE_ROOT", registry.root)
    yield run
    for voice in current_module._known.values():
        voice.close()
    current_module._known.clear()
    run.die()


def said(owned: Owned) -> list[object]:
    """The events of the run."""
    return [each.event for each in read(REAL, owned.layout, owned.run_id)]


def progress_of(registry: Registry, run_id: RunId) -> float | None:
    """The share of the work that is shown."""
    shown = registry.view(run_id).progress
    return shown.fraction if shown else None


def test_everything_that_can_be_said(registry: Registry, owned: Owned) -> None:
    """Each word is one event, shown where it belongs; the result waits for the end."""
    run = current()
    run.ready()
    run.progress(0.25, "loading", step="1/4", metrics={"rows": 3})
    run.preview("available", "http://127.0.0.1:1/", lease=60)
    run.checkpoint("epoch-1", Path("ckpt"))
    run.note("so far so good")
    run.result({"rows": 1})
    run.result({"rows": 2})
    inside = registry.view(owned.run_id)
    owned.succeed()
    after = registry.view(owned.run_id)

    assert (run.id, run.root) == (owned.run_id, registry.root)
    assert inside.progress is not None
    assert inside.preview is not None
    assert (inside.progress.fraction, inside.progress.step) == (0.25, "1/4")
    assert inside.preview.lease_until is not None
    assert (inside.result, after.result) == (None, {"rows": 2})
    (saved,) = [event for event in said(owned) if isinstance(event, RunCheckpointed)]
    assert saved.path == os.path.abspath("ckpt")
    assert verify(REAL, registry.layout, owned.run_id).integrity == "sealed"


def test_inside_a_tracked_run(registry: Registry, owned: Owned) -> None:
    """The tracked run around the code counts before the one that started the process."""
    with registry.track("etl") as tracked:
        run = current()
        run.ready()
        run.progress(0.5)
        run.result([1])
        assert run.id == tracked.id
    assert current().id == owned.run_id

    assert tracked.result == [1]
    assert any(isinstance(each.event, RunReadied) for each in tracked.events())


def test_outside_a_run(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says which variable is missing or wrong, and nothing is looked for on the disk."""
    for name, root, missing in [
        ("", "", "RUNLORE_RUN_ID"),
        ("", registry.root, "RUNLORE_RUN_ID"),
        ("20261120-201400-k3f9x2ab", "", "RUNLORE_ROOT"),
        ("../../etc/passwd", registry.root, "no run id"),
    ]:
        monkeypatch.setenv("RUNLORE_RUN_ID", name)
        monkeypatch.setenv("RUNLORE_ROOT", root)
        with pytest.raises(OutsideRun, match=missing):
            current()


def test_a_run_that_does_not_exist(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not made by being spoken for."""
    monkeypatch.setenv("RUNLORE_RUN_ID", "20261120-201400-k3f9x2ab")
    monkeypatch.setenv("RUNLORE_ROOT", registry.root)

    with pytest.raises(NotFound):
        current().ready()
    current_module._known.clear()
    assert registry.runs() == []


def test_a_run_that_has_ended(owned: Owned) -> None:
    """Whatever is said then is a conflict, notes included: only people label what is over."""
    run = current()
    owned.succeed()
    before = said(owned)
    for say in (run.ready, run.progress, lambda: run.note("late"), lambda: run.result(1)):
        with pytest.raises(AlreadyEnded):
            say()

    assert said(owned) == before


def test_a_lease_that_is_none(owned: Owned) -> None:
    """Nothing is recorded of it."""
    for lease in (-1.0, float("nan"), float("inf")):
        with pytest.raises(BadInput):
            current().preview("available", lease=lease)
    assert len(said(owned)) == 3


def test_progress_in_a_tight_loop(registry: Registry, owned: Owned) -> None:
    """A few of ten thousand words are recorded, and the last one though nothing follows it."""
    for step in range(10_000):
        current().progress(step / 9_999)
    until(lambda: progress_of(registry, owned.run_id) == 1.0, "the last word")

    assert len([event for event in said(owned) if isinstance(event, RunProgressed)]) < 1_000


LOOPING = """
import sys
from runlore.runtimes.current import current
for step in range(1001):
    current().progress(step / 1000)
exec(sys.argv[1])
"""


@pytest.mark.parametrize(
    ("end", "code"), [("", 0), ("sys.exit(3)", 3), ("raise ValueError", 1), ("raise KeyboardInterrupt", -2)]
)
def test_the_last_word_before_an_interpreter_ends(
    registry: Registry, owned: Owned, end: str, code: int
) -> None:
    """It is recorded and synced, however the program leaves."""
    done = subprocess.run(program(LOOPING, end), capture_output=True, check=False, timeout=60)

    assert done.returncode in {code, 130 if code < 0 else code}, done.stderr
    assert progress_of(registry, owned.run_id) == 1.0


WORKERS = """
import multiprocessing, sys
from runlore.runtimes.current import current
run = current()
run.progress(0.1)
run.progress(0.2)
def work():
    run.note("from a worker")
    for step in range(1001):
        run.progress(0.5 + step / 2000)
if __name__ == "__main__":
    child = multiprocessing.get_context(sys.argv[1]).Process(target=work)
    child.start()
    child.join()
    sys.exit(child.exitcode)
"""


def test_a_worker_that_multiprocessing_forked(registry: Registry, owned: Owned) -> None:
    """It speaks for the run as its parent does, with a file of its own, and its last word lands."""
    subprocess.run(program(WORKERS, "fork"), check=True, timeout=60)

    fractions = [event.fraction for event in said(owned) if isinstance(event, RunProgressed)]
    assert {0.1, 1.0} <= set(fractions)
    assert verify(REAL, registry.layout, owned.run_id).integrity == "unsealed"


class Full(RealDisk):
    """A disk that fills up when told to."""

    full = False

    def write(self, fd: int, data: bytes) -> int:  # type: ignore[override]  # there it needs no object
        """Write, or not."""
        if self.full:
            raise OSError(28, "No space left on device")
        return os.write(fd, data)


def test_a_disk_that_is_full(registry: Registry) -> None:
    """Progress costs a warning, once, and never the work."""
    owned, disk = Owned(registry.layout).boot().start(), Full()
    voice = Inside(disk, registry.layout, owned.run_id, actor("test"))

    def insist() -> None:
        for share in (0.2, 0.3):
            CurrentRun(voice).progress(share)
            voice.flush()

    disk.full = True
    with pytest.warns(RuntimeWarning, match="progress is not recorded") as caught:
        insist()
    disk.full = False
    CurrentRun(voice).progress(0.4)
    voice.close()

    assert len(caught) == 1
    assert progress_of(registry, owned.run_id) == 0.4
    owned.die()
