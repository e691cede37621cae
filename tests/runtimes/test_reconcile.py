"""Writing down how runs ended whose owners could not."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runlore.journal.disk import REAL, RealDisk
from runlore.journal.errors import NoKeeper, NotPermitted
from runlore.journal.events import (
    PROTOCOL,
    Ended,
    RunFailed,
    RunNoted,
    RunStopRequested,
    RunSucceeded,
)
from runlore.journal.layout import Layout
from runlore.journal.reader import read
from runlore.journal.values import Identity, RunId
from runlore.journal.verify import verify
from runlore.journal.writer import Writer
from runlore.projections.health import Seen
from runlore.projections.run_view import RunView
from runlore.projections.status import RunState
from runlore.runtimes.identity import identify
from runlore.runtimes.observe import Observer
from runlore.runtimes.owner_lock import OwnerLock
from runlore.runtimes.reconcile import Reconciler
from runlore.runtimes.registry import Registry
from tests.runtimes.kept_runs import NOBODY, Owned, registry_at

WHAT_WRITING_CHANGES = {
    "provisional",
    "seq",
    "journal_head",
    "owner_epoch",
    "sealed",
    "observation",
    "seen",
    "health",
}


@pytest.fixture
def layout(registry_root: Path) -> Layout:
    """A registry without runs."""
    return registry_at(registry_root)


@pytest.fixture
def registry(layout: Layout) -> Registry:
    """The same, as every door has it."""
    return Registry(layout)


@pytest.fixture
def sleeper() -> Iterator[Identity]:
    """A process that lives as long as the test."""
    process = subprocess.Popen(["sleep", "600"])
    found = identify(process.pid)
    assert found is not None
    yield found
    process.kill()
    process.wait()


def bytes_of(layout: Layout) -> dict[str, bytes]:
    """Everything under the root."""
    files = [path for path in Path(layout.root).rglob("*") if path.is_file()]
    return {str(path): path.read_bytes() for path in files}


def final_of(layout: Layout, run_id: RunId) -> Ended:
    """The only final event of a run."""
    (final,) = [each.event for each in read(REAL, layout, run_id) if isinstance(each.event, Ended)]
    return final


def without(view: RunView, *fields: str) -> dict[str, object]:
    """A view without some of its fields."""
    return {name: getattr(view, name) for name in view.__struct_fields__ if name not in fields}


def test_a_run_whose_owner_is_lost(layout: Layout, registry: Registry) -> None:
    """It is written down as failed, owner_lost, with what was seen, in a later epoch, and sealed."""
    run_id = Owned(layout).boot().start().die()

    (done,) = registry.reconcile()

    assert (done.run_id, done.status, done.reason, done.written) == (run_id, "failed", "owner_lost", True)
    final = final_of(layout, run_id)
    assert isinstance(final, RunFailed)
    assert final.exit_code is None
    assert final.epoch == 2
    assert final.observation is not None
    assert (final.observation.owner, final.observation.command) == ("free", "gone")
    assert verify(REAL, layout, run_id).integrity == "sealed"


@pytest.mark.parametrize("torn", [b"{", b"\0" * 100, b'{"type":"run.noted","seq":'])
def test_a_lost_run_with_a_torn_line(layout: Layout, registry: Registry, torn: bytes) -> None:
    """The line is cut while the end is written; what was seen of it is not glued to what follows."""
    run_id = Owned(layout).boot().start().die()
    with open(layout.journal(run_id), "ab") as file:
        file.write(torn)

    assert [done.written for done in registry.reconcile()] == [True]
    assert final_of(layout, run_id).epoch == 2
    assert verify(REAL, layout, run_id).integrity == "sealed"


def test_a_run_whose_owner_died_after_its_command_succeeded(layout: Layout, registry: Registry) -> None:
    """The exit record makes it succeeded, at the time it names."""
    run_id = Owned(layout).boot().start().leave_exit(0).die()

    registry.reconcile([run_id])

    final = final_of(layout, run_id)
    assert isinstance(final, RunSucceeded)
    assert final.observation is not None
    assert final.observation.exit_record


@pytest.mark.parametrize("exit_code", [None, 0, 3])
def test_what_is_shown_before_and_after(layout: Layout, registry: Registry, exit_code: int | None) -> None:
    """Writing the verdict changes nothing that is shown but that, and where, it is written."""
    owned = Owned(layout).boot().start()
    run_id = (owned if exit_code is None else owned.leave_exit(exit_code)).die()
    before = registry.view(run_id)
    assert before.provisional

    registry.reconcile()

    after = registry.view(run_id)
    assert not after.provisional
    assert without(after, *WHAT_WRITING_CHANGES) == without(before, *WHAT_WRITING_CHANGES)


def test_reconciling_twice(layout: Layout, registry: Registry) -> None:
    """The second time there is nothing left to write, and not a byte changes."""
    Owned(layout).boot().start().die()
    registry.reconcile()
    before = bytes_of(layout)

    assert registry.reconcile() == []
    assert bytes_of(layout) == before


def test_a_dry_run(layout: Layout, registry: Registry) -> None:
    """It says what would be written, and changes not a byte."""
    run_id = Owned(layout).boot().start().die()
    before = bytes_of(layout)

    (would_be,) = registry.reconcile(dry_run=True)

    assert (would_be.run_id, would_be.status, would_be.written) == (run_id, "failed", False)
    assert bytes_of(layout) == before


def test_only_the_runs_that_were_named(layout: Layout, registry: Registry) -> None:
    """Others are left for another time."""
    first, second = (Owned(layout).boot().start().die() for _ in range(2))

    registry.reconcile([second])

    assert registry.view(first).provisional
    assert not registry.view(second).provisional


def test_runs_that_need_nothing(layout: Layout, registry: Registry) -> None:
    """Live, waiting and ended runs are passed over in silence."""
    live = Owned(layout).boot().start()
    Owned(layout, queue="nightly").die()
    Owned(layout).boot().start().succeed().die()

    assert registry.reconcile() == []
    assert live.lock.held


def test_a_command_that_lives_without_a_keeper(layout: Layout, registry: Registry, sleeper: Identity) -> None:
    """It is named, and nothing is concluded about it."""
    run_id = Owned(layout).boot().start(command=sleeper).die()

    (left,) = registry.reconcile()

    assert (left.run_id, left.written) == (run_id, False)
    assert str(sleeper.pid) in left.detail
    assert registry.view(run_id).health == "unsupervised"


def test_a_run_that_a_later_release_hands_over(layout: Layout, registry: Registry, sleeper: Identity) -> None:
    """It is left to that release: named, not adopted, not stopped, nothing changed."""
    run_id = Owned(layout).boot(protocol=PROTOCOL + 1).start(command=sleeper).die()
    before = REAL.stat_path(layout.journal(run_id)).size

    (left,) = registry.reconcile()

    assert "later release" in left.detail
    with pytest.raises(NoKeeper, match="later release"):
        registry.get(run_id).stop()
    assert registry.view(run_id).health == "unsupervised"
    assert REAL.stat_path(layout.journal(run_id)).size == before


def test_a_wrapper_that_is_about_to_end_the_run(
    layout: Layout, registry: Registry, sleeper: Identity
) -> None:
    """While the wrapper lives, the exit record is shown but nobody writes over its shoulder."""
    run_id = Owned(layout).boot().start(wrapper=sleeper).leave_exit(0).die()

    (left,) = registry.reconcile()

    assert not left.written
    assert (registry.view(run_id).status, registry.view(run_id).provisional) == ("succeeded", True)


class Interfering(Observer):
    """Something happens between the looks and the lock."""

    def __init__(self, layout: Layout, act: "list[Owned]") -> None:
        super().__init__(REAL, layout)
        self._act, self._looks = act, 0

    def observe(self, run_id: RunId, state: RunState, *, holding: bool = False) -> Seen:
        """See what is there; after the second look the owner is back and ends the run."""
        seen = super().observe(run_id, state, holding=holding)
        self._looks += 1
        if self._looks == 2:
            for owned in self._act:
                owned.claim().succeed().die()
        return seen


def test_a_run_that_ends_between_looking_and_locking(layout: Layout) -> None:
    """What is read under the lock counts: the run that ended meanwhile is untouched."""
    owned = Owned(layout).boot().start()
    run_id = owned.die()
    reconciler = Reconciler(REAL, layout, Interfering(layout, [owned]), by=Registry(layout).by)

    assert reconciler.each([run_id]) == []
    assert isinstance(final_of(layout, run_id), RunSucceeded)


def test_an_owner_that_is_back(layout: Layout, registry: Registry) -> None:
    """A lock that somebody else holds by then is not waited for."""
    run_id = Owned(layout).boot().start().die()
    observer = Observer(REAL, layout)
    reconciler = Reconciler(REAL, layout, observer, by=registry.by)
    looks = iter([False, False])
    real_owner = observer._owner

    def free_at_first(*args: object, **kwargs: object) -> object:
        return ("free", "") if next(looks, None) is False else real_owner(*args, **kwargs)  # type: ignore[arg-type]

    observer._owner = free_at_first  # type: ignore[method-assign,assignment]
    with OwnerLock.take(REAL, layout, run_id):
        assert reconciler.each([run_id]) == []


def test_two_reconcilers_at_once(layout: Layout) -> None:
    """One of them writes the end; the other finds it written, or the lock taken."""
    runs = [Owned(layout).boot().start().die() for _ in range(20)]
    code = (
        "import sys; sys.path[:0] = sys.argv[2:]\n"
        "from runlore.journal.layout import Layout\n"
        "from runlore.runtimes.registry import Registry\n"
        "registry = Registry(Layout(sys.argv[1]))\n"
        "input()\n"
        "print(sum(view.written for view in registry.reconcile()))\n"
    )
    command = [sys.executable, "-c", code, layout.root, *sys.path]
    both = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    for process in both:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    written = sum(int(process.communicate(timeout=30)[0]) for process in both)

    assert written == len(runs)
    assert all(final_of(layout, run_id).epoch == 2 for run_id in runs)


def test_labels_that_arrive_meanwhile(layout: Layout) -> None:
    """A note between looking and writing makes the reconciler look again, and ends nothing twice."""

    class Noting(Observer):
        def observe(self, run_id: RunId, state: RunState, *, holding: bool = False) -> Seen:
            if holding and not noted:
                noted.append(True)
                writer = Writer(REAL, layout, run_id)
                writer.append(lambda seq, at: RunNoted(seq=seq, at=at, text="hello"))
                writer.close()
            return super().observe(run_id, state, holding=holding)

    noted: list[bool] = []
    run_id = Owned(layout).boot().start().die()

    (done,) = Reconciler(REAL, layout, Noting(REAL, layout), by=Registry(layout).by).each([run_id])

    assert done.written
    kinds = [type(each.event).__name__ for each in read(REAL, layout, run_id)]
    assert kinds == ["RunQueued", "RunBooting", "RunStarted", "RunNoted", "RunFailed", "RunSealed"]


def test_a_stop_that_was_asked_for_before_the_owner_died(layout: Layout, registry: Registry) -> None:
    """A command that ended after the request was cancelled, whoever writes it down."""
    owned = Owned(layout).boot().start()
    owned.append(lambda seq, at: RunStopRequested(seq=seq, at=at, reason="enough"))
    run_id = owned.leave_exit(143).die()

    (done,) = registry.reconcile([run_id])

    assert (done.status, done.reason) == ("cancelled", "cancelled")


def test_what_only_a_live_run_has(layout: Layout, registry: Registry) -> None:
    """The last owner's pipes and heartbeat go; transcript, exit record and locks stay."""
    owned = Owned(layout).boot().start().leave_exit(0)
    for name in ("out", "err", "bell"):
        os.mkfifo(layout.in_run(owned.run_id, name))
    for name in ("heartbeat", "wrapper", "transcript"):
        Path(layout.in_run(owned.run_id, name)).touch()
    run_id = owned.die()

    registry.reconcile()

    assert set(os.listdir(layout.run_dir(run_id))) == {"owner.lock", "exit", "transcript"}


def test_a_run_without_its_lock_file(layout: Layout, registry: Registry) -> None:
    """It is shown as lost, but nobody can own it, so its end is not written; it is named."""
    orphan, other = (Owned(layout).boot(by=NOBODY).start().die() for _ in range(2))
    Path(layout.owner_lock(orphan)).unlink()

    done = {view.run_id: view for view in registry.reconcile()}

    assert done[other].written
    assert not done[orphan].written
    assert layout.owner_lock(orphan) in done[orphan].detail
    assert registry.view(orphan).provisional


def test_a_damaged_journal_among_others(layout: Layout, registry: Registry) -> None:
    """One run that cannot be written hides no other."""
    damaged, good = (Owned(layout).boot().start().die() for _ in range(2))
    path = Path(layout.journal(damaged))
    first, *rest = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + b"\0" * 10 + b"\n" + b"".join(rest[1:]))

    written = [view.run_id for view in registry.reconcile() if view.written]

    assert written == [good]


class Slow(RealDisk):
    """A disk on which every look at the clock takes half a second."""

    def __init__(self) -> None:
        self._now = 0.0

    def monotonic(self) -> float:
        """Seconds."""
        self._now += 0.5
        return self._now


def test_more_lost_runs_than_fit_the_time(layout: Layout) -> None:
    """A command that acts stops when its time is over; the newest unfinished runs are found first.

    One is cared for however slow the machine is: else a slow one would never care for any.
    """
    for _ in range(30):
        Owned(layout).boot().start().die()
    slow = Slow()
    reconciler = Reconciler(slow, layout, Observer(slow, layout), by=Registry(layout).by)

    done = reconciler.all(budget_s=20.0)

    assert 1 < len(done) < 30
    assert [view.written for view in reconciler.all(budget_s=0.0)] == [True]


def test_a_registry_opened_for_reading(layout: Layout) -> None:
    """It may say what would be written, and write nothing."""
    Owned(layout).boot().start().die()
    reading = Registry(layout, writable=False)

    assert len(reading.reconcile(dry_run=True)) == 1
    with pytest.raises(NotPermitted):
        reading.reconcile()


def test_in_passing(layout: Layout, registry: Registry) -> None:
    """What a command does for others on its way out never fails, whatever it meets."""
    run_id = Owned(layout).boot().start().die()
    Registry(layout, writable=False).reconcile_in_passing()
    assert registry.view(run_id).provisional

    registry.reconcile_in_passing()
    assert not registry.view(run_id).provisional

    os.rename(layout.journals, f"{layout.journals}.gone")
    registry.reconcile_in_passing()
