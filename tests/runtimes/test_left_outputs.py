"""Outputs of runs that nobody is left of: collected by whoever concludes the run, then its end as it was."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from runlore.journal import events as e
from runlore.journal.disk import REAL
from runlore.journal.exit_record import ExitRecord
from runlore.journal.layout import Layout
from runlore.journal.reader import read
from runlore.journal.values import Actor, Owner, Reason, RunId
from runlore.projections.health import Seen
from runlore.projections.run_state import RunState
from runlore.runtimes import exit_file
from runlore.runtimes.observe import Observer
from runlore.runtimes.reconcile import Reconciler
from runlore.runtimes.stop import StopRequest, request_stop
from runlore.runtimes.stored import artifacts_of
from tests.runtimes.kept_runs import NOBODY, Owned, registry_at

BY = Actor(program="test")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return registry_at(tmp_path / "registry")


def put(layout: Layout, run_id: RunId, name: str) -> None:
    """Leave a file in the run's outputs folder."""
    folder = Path(layout.in_run(run_id, "artifacts"))
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("made")


def collect(layout: Layout, run_id: RunId) -> list[str]:
    """Conclude the run; return the types of its events since then."""
    before = len(told(layout, run_id))
    Reconciler(REAL, layout, Observer(REAL, layout), by=BY).collect(run_id)
    return told(layout, run_id)[before:]


def told(layout: Layout, run_id: RunId) -> list[str]:
    """The types of the run's events."""
    return [type(record.event).__name__ for record in read(REAL, layout, run_id, check_chain=True)]


def test_a_lost_run(layout: Layout) -> None:
    """Nobody saw how it ended: its end stays unknown, and what it made is listed before that."""
    run_id = Owned(layout, artifacts=("never-there",)).boot().start().die()
    put(layout, run_id, "x")

    assert collect(layout, run_id) == ["RunCollecting", "ArtifactCollected", "RunFailed", "RunSealed"]
    (entry,) = artifacts_of(REAL, layout, run_id).stored
    assert entry.path == "x"
    assert collect(layout, run_id) == []


def test_a_stop_that_is_asked_for_meanwhile(layout: Layout) -> None:
    """A request between looking and writing makes whoever collects look again; the run is concluded."""

    class Asking(Observer):
        def observe(self, run_id: RunId, state: RunState, *, holding: bool = False) -> Seen:
            if holding and not asked:
                asked.append(request_stop(REAL, layout, run_id, by=BY))
            return super().observe(run_id, state, holding=holding)

    asked: list[StopRequest] = []
    run_id = Owned(layout, artifacts=("never-there",)).boot().start().die()
    put(layout, run_id, "x")
    before = len(told(layout, run_id))

    Reconciler(REAL, layout, Asking(REAL, layout), by=BY).collect(run_id)

    wanted = ["RunStopRequested", "RunCollecting", "ArtifactCollected", "RunFailed", "RunSealed"]
    assert told(layout, run_id)[before:] == wanted


def test_a_run_that_left_its_exit(layout: Layout) -> None:
    """It has succeeded, as its exit record says, once its outputs are stored."""
    run_id = Owned(layout, artifacts=("never-there",)).boot().start().leave_exit(0).die()
    put(layout, run_id, "x")

    assert collect(layout, run_id) == ["RunCollecting", "ArtifactCollected", "RunSucceeded", "RunSealed"]


def test_a_run_whose_start_is_not_on_record(layout: Layout) -> None:
    """A keeper may die between the command's start and saying so: what was made is there all the same."""
    run_id = Owned(layout, artifacts=("never-there",)).boot().die()
    put(layout, run_id, "x")

    assert collect(layout, run_id) == ["RunCollecting", "ArtifactCollected", "RunFailed", "RunSealed"]


def test_a_run_whose_command_could_not_be_started(layout: Layout) -> None:
    """There is nothing to collect, and the reason is the one that was left."""
    owned = Owned(layout, artifacts=("never-there",)).boot()
    fd = exit_file.preallocate(REAL, layout.in_run(owned.run_id, "exit"))
    reason = Reason(code="spawn_failed", text="train.py: No such file or directory")
    exit_file.write(REAL, fd, ExitRecord(at=datetime.now(UTC), reason=reason))
    os.close(fd)
    put(layout, owned.run_id, "x")
    run_id = owned.die()

    assert collect(layout, run_id) == ["RunFailed", "RunSealed"]
    (failed,) = [each.event for each in read(REAL, layout, run_id) if isinstance(each.event, e.RunFailed)]
    assert failed.reason == reason


def test_a_run_that_died_while_collecting(layout: Layout) -> None:
    """What is on record is not repeated, and its exit code is the one on record."""
    owned = Owned(layout, artifacts=("never-there",)).boot().start()
    put(layout, owned.run_id, "x")
    put(layout, owned.run_id, "y")
    owned.append(lambda seq, at: e.RunCollecting(seq=seq, at=at, epoch=1, exit_code=3, exited_at=at))
    owned.append(lambda seq, at: e.ArtifactCollected(seq=seq, at=at, epoch=1, path="x", outcome="skipped"))
    run_id = owned.die()

    assert collect(layout, run_id) == ["ArtifactCollected", "RunFailed", "RunSealed"]
    assert [each.path for each in artifacts_of(REAL, layout, run_id).entries] == ["x", "y"]


def test_a_run_that_had_secrets(layout: Layout) -> None:
    """Nobody knows them any more, so nothing is stored, which is on record; the files stay."""
    owned = Owned(layout)
    owner = Owner(host="here", identity=NOBODY)
    owned.append(
        lambda seq, at: e.RunBooting(
            seq=seq, at=at, epoch=1, runtime="background", owner=owner, masked=("TOKEN",)
        )
    )
    run_id = owned.start().leave_exit(0).die()
    put(layout, run_id, "x")

    assert collect(layout, run_id) == ["RunCollecting", "ArtifactCollected", "RunSucceeded", "RunSealed"]
    (entry,) = artifacts_of(REAL, layout, run_id).entries
    assert (entry.outcome, entry.reason) == ("skipped", "no secret values are left to look for in it")
    assert Path(layout.in_run(run_id, "artifacts"), "x").exists()


def test_a_live_owner_is_left_alone(layout: Layout) -> None:
    """Whoever holds the lock says how the run ends."""
    owned = Owned(layout, artifacts=("x",)).boot().start()
    put(layout, owned.run_id, "x")
    try:
        assert collect(layout, owned.run_id) == []
    finally:
        owned.die()
